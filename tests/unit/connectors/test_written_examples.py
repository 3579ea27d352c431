"""The examples of DEPARTMENTS.md for values as they are written and for libraries: each configuration reads its answers
as the facts beside it.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from app.connectors.json_paths import read_json
from app.connectors.reading import get_as_of, read_records
from app.domain.conventions import USUAL
from app.domain.person import NumberForm
from tests.fixtures.connectors import list_faults, read_config
from tests.unit.connectors.sip2 import library
from tests.unit.connectors.sip2.library import demo_section
from tests.unit.connectors.test_number_as import SECTION

DOCUMENT = Path(__file__).resolve().parents[3] / "config" / "DEPARTMENTS.md"
VALUES = "### Values as they are written\n"
LIBRARY = "### A library that departs from the standard\n"
BASE = {key: value for key, value in SECTION.items() if key != "count"} | {"rows": "one"}


def read_blocks(heading: str) -> list[tuple[str, str]]:
    """The language and text of each block below the heading, to the next one."""
    _, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(heading)
    return re.findall(r"```(\w+)\n(.*?)```", re.split(r"^#", rest, flags=re.MULTILINE)[0], re.DOTALL)


def test_the_example_of_values_reads_its_answer_as_it_says() -> None:
    (_, configuration), (_, answer), (_, facts) = read_blocks(VALUES)
    tables = tomllib.loads(configuration)
    campus = replace(USUAL, numbers=NumberForm(pattern=tables["numbers"]["pattern"]))
    section = BASE | tables["connectors"]["finance"]
    config = read_config(section, conventions=campus)
    document = read_json(answer)
    (record,) = read_records(config, document, "2023000002")
    assert {fact: str(value) for fact, value in record.items()} == json.loads(facts)
    assert get_as_of(config, document, datetime(2026, 6, 10, 12, tzinfo=UTC)).day == 10
    assert len(list_faults(USUAL, finance=section)) == 1, "with numbers of any length it does not start"


def test_the_example_of_a_library_reads_its_answers_as_it_says() -> None:
    (_, configuration), (_, answers), (_, facts) = read_blocks(LIBRARY)
    table = tomllib.loads(configuration)["connectors"]["library"]
    config = read_config(demo_section(actions={}, groups={}) | table, "library")
    now = f"{datetime.now(UTC):%Y%m%d    %H%M%S}"
    found = [
        library.prove(config, line.replace("<now>", now).encode(), "2023000002")[0]
        for line in answers.splitlines()
    ]
    assert [{fact: str(value) for fact, value in record.items()} for record in found] == json.loads(facts)
