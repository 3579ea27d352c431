"""The examples of conditions and order in the description for authors of mini-apps hold."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from app.config_model import read
from app.domain.mini_app import MiniApp
from app.domain.person import Person, Role

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "miniapp_templates" / "README.md").read_text("utf-8")
SECTION = README.partition("## Conditions, order, and what is pending\n")[2].partition("\n## ")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in SECTION.splitlines()
    if line.startswith("| kind")
]
STEP = {
    "department": "部门",
    "rule": "value_is",
    "parameters": {"fact": "state", "passes": ["通过"]},
    "no_record": "unavailable",
    "next_step": "请办理。",
    "office": {"place": "办公室", "contact": "值班人员"},
    "facts": [{"key": "state", "label": "状态", "type": "text"}],
}


@pytest.fixture(scope="module")
def mini_app() -> MiniApp:
    """The smallest mini-app with the section's person and steps."""
    written = "\n".join(re.findall(r"^```toml\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE))
    example: dict[str, Any] = tomllib.loads(written)
    fields = [{"key": key, "label": key} for key in ("name", "student_number", "level", "college")]
    others = [{"key": "library"}, {"key": "fees"}]
    table = {
        "schema_version": 1,
        "slug": "example",
        "title": "离校",
        "summary": "示例。",
        "audience": "全体研究生",
        "submission": {"once_per": "period"},
        "fields": fields,
        "person": example["person"],
        "steps": [{**STEP, "title": step["key"], **step} for step in (*others, *example["steps"])],
        "slip": {"title": "单", "statement": "已办结。", "fields": fields},
    }
    faults: list[str] = []
    made = read(MiniApp, table, "", faults)
    assert faults == []
    return made


def describe(mini_app: MiniApp, told: str, step: str) -> str:
    attributes = dict(part.split(" ", 1) for part in told.split(", "))
    college = attributes.pop("college", "")
    person = Person("TS1", "李文静", Role.STUDENT, college=college, attributes=attributes)
    found = mini_app.decide(person)[step]
    if found.applies is None:
        return f"undecided: {', '.join(found.unknown)}"
    return "is asked" if found.applies else "无需办理"


def test_every_row_of_the_table_says_what_the_conditions_make_of_it(mini_app: MiniApp) -> None:
    assert len(ROWS) == 6
    for told, *expected in ROWS:
        assert [describe(mini_app, told, step) for step in ("dormitory", "seminar")] == expected, told


def test_the_steps_come_in_the_order_that_is_described(mini_app: MiniApp) -> None:
    assert mini_app.list_before("card") == ("library", "fees")
    assert mini_app.list_before("sign_off") == ("library", "fees", "dormitory", "seminar", "card")
    assert mini_app.list_before("seminar") == ()
