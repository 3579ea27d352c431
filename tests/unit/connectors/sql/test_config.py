"""All mistakes of a view's table are named by their keys, and its URL is never shown."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.connectors import list_faults

DEMO_FILE = Path(__file__).resolve().parents[4] / "config" / "demo_sql.toml"
URL = "postgresql+psycopg://reader:geheim@db.example.edu.cn/centre"


def faults_of(**changes: Any) -> list[str]:
    section = tomllib.loads(DEMO_FILE.read_text(encoding="utf-8"))["connectors"]["finance_view"]
    merged = {key: value for key, value in (section | {"url": URL} | changes).items() if value is not None}
    return list_faults(view=merged)


def test_the_demo_fragment_is_complete() -> None:
    assert faults_of() == []


def test_an_empty_table_names_every_key_that_has_no_default() -> None:
    named = {fault.split()[0].removeprefix("connectors.x.") for fault in list_faults(x={"kind": "sql"})}
    assert named == {
        "url", "statement", "number_column", "rows", "no_record", "fields", "freshness_column", "fresh_for_minutes",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"url": "geheim"}, "url"),
        ({"url": "geheim://a/b"}, "url"),
        ({"url": "postgresql://geheim:geheim@a:b/c"}, "url"),
        ({"url": "mysql+mysqldb://reader:geheim@a/b"}, "url"),
        ({"url": "sqlite://"}, "url"),
        ({"url": "sqlite:///:memory:"}, "url"),
        ({"url": "sqlite:///geheim.db?mode=rwc"}, "url"),
        ({"url_file": "no/such/file"}, "url"),
        ({"statement": "SELECT 1"}, "statement"),
        ({"statement": "SELECT :student_number, :other"}, "statement"),
        ({"statement": "SELECT :student_number; DELETE FROM x"}, "statement"),
        ({"statement": "SELECT * FROM v WHERE xh = :student_number LIMIT 1"}, "statement"),
        ({"statement": "SELECT * FROM v WHERE xh = :student_number fetch first 1 rows only"}, "statement"),
        ({"statement": "SELECT TOP 1 * FROM v WHERE xh = :student_number"}, "statement"),
        ({"statement": "SELECT :student_number AS xh, je FROM v", "number_column": "xh"}, "statement"),
        ({"numbers_statement": "SELECT :student_number"}, "numbers_statement"),
        ({"numbers_statement": None}, "numbers_statement"),
        ({"numbers_statement": None, "rows": "one"}, "numbers_statement"),
        ({"numbers_statement": None, "no_record": "never"}, "numbers_statement"),
        ({"freshness_statement": "SELECT :student_number"}, "freshness_statement"),
        ({"freshness_statement": None}, "freshness_column"),
        ({"freshness_statement": None, "freshness_column": "gxsj"}, "no_record"),
        ({"freshness_column": "gxsj"}, "freshness_column"),
        ({"fresh_for_minutes": 0}, "fresh_for_minutes"),
        ({"time_zone": "Asia/Xuzhou"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"rows": "all"}, "rows"),
        ({"no_record": "null"}, "no_record"),
        ({"fields": {}}, "fields"),
        ({"fields": {"a": {"path": "a.b", "type": "text"}}}, "fields.a.path"),
        ({"fields": {"a": {"path": "$", "type": "text"}}}, "fields.a.path"),
        ({"fields": {"a": {"path": "a", "type": "count", "json": "number"}}}, "fields.a.json"),
        ({"threads": 0}, "threads"),
        ({"typo": 1}, "typo"),
    ],
)
def test_a_mistake_is_named_by_its_key(changes: dict[str, Any], named: str) -> None:
    faults = faults_of(**changes)
    assert any(fault.startswith(f"connectors.view.{named} ") for fault in faults), faults
    assert not any("geheim" in fault for fault in faults)
