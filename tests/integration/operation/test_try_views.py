"""An operator's mistake in a view's statement or address is told as such, with the database's own words."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.connectors import list_faults
from tests.integration.connectors.stand_in import STUDENT
from tests.integration.operation.trials import Trials, get_verdict

GOOD = "SELECT xh, je, at FROM q WHERE xh = :student_number"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("views")
    with closing(sqlite3.connect(folder / "v.sqlite3")) as owner, owner:
        owner.execute("CREATE TABLE q (xh, je, at)")
        owner.execute("INSERT INTO q VALUES (?, '0', datetime('now'))", [STUDENT])
    (folder / "text.sqlite3").write_text(
        "no database at all, but a text of some length " * 30, encoding="utf-8"
    )
    return folder


def make_view(folder: Path, statement: str = GOOD, file: str = "v.sqlite3") -> dict[str, Any]:
    return {
        "kind": "sql",
        "url": f"sqlite:///{file if file.startswith('/') else folder / file}",
        "statement": statement,
        "number_column": "xh",
        "rows": "one",
        "no_record": "never",
        "freshness_column": "at",
        "time_zone": "UTC",
        "fresh_for_minutes": 60,
        "fields": {"amount": {"path": "je", "type": "money", "unit": "fen"}},
    }


@pytest.mark.parametrize(
    ("statement", "file", "said", "advice"),
    [
        (GOOD.replace("je", "jee"), "v.sqlite3", "no such column: jee", "takes the statement for wrong"),
        (GOOD.replace(" q ", " r "), "v.sqlite3", "no such table: r", "takes the statement for wrong"),
        (GOOD.replace("WHERE", "WERE"), "v.sqlite3", "syntax error", "takes the statement for wrong"),
        (
            "WITH a AS (SELECT 1) DELETE FROM q WHERE xh = :student_number RETURNING xh",
            "v.sqlite3",
            "attempt to write a readonly database",
            "takes the statement for wrong",
        ),
        (GOOD, "//host/v.sqlite3", "invalid uri authority: host", "cannot be opened"),
        (GOOD, "none.sqlite3", "unable to open database file", "cannot be opened"),
        (GOOD, "text.sqlite3", "file is not a database", "cannot be opened"),
    ],
)
def test_a_mistake_in_a_statement_is_not_the_systems_failure(
    folder: Path, tmp_path: Path, statement: str, file: str, said: str, advice: str
) -> None:
    done = Trials(tmp_path).run(make_view(folder, statement, file))
    assert f"← no answer: {said}" in done.output or f": {said}" in done.output, done.output
    assert advice in get_verdict(done)
    assert "call the department" not in done.output


def test_a_good_statement_is_understood(folder: Path, tmp_path: Path) -> None:
    assert get_verdict(Trials(tmp_path).run(make_view(folder))) == "understood: 1 record(s)"


@pytest.mark.parametrize(
    "statement", ["DELETE FROM q WHERE xh = :student_number", "SELEC xh, :student_number"]
)
def test_a_statement_that_is_no_question_is_told_at_start(folder: Path, statement: str) -> None:
    faults = list_faults(x=make_view(folder, statement))
    assert faults == ["connectors.x.statement must begin with SELECT or WITH: it may only read"]


@pytest.mark.parametrize("before", ["", "(", "-- a note\n", "/* a note */ ( "])
def test_a_question_may_stand_behind_notes_and_brackets(folder: Path, before: str) -> None:
    statement = f"{before}{GOOD.lower()}{')' if '(' in before else ''}"
    assert list_faults(x=make_view(folder, statement)) == []
