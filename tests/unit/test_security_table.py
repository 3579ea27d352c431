"""The tables of security requirements and of the guards of signing in name tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from app import models
from app.extensions import Base

TESTS = Path(__file__).resolve().parent.parent
TABLE = TESTS.parent / "config" / "SECURITY.md"
GUARDS = TABLE.with_name("SIGN_IN_GUARDS.md")
ELSEWHERE = ("unit/", "browser/", "integration/")
SHORT = {
    "auth/": "integration/auth/",
    "op/": "integration/operation/",
    "reading/": "integration/services/verification/",
}
_NAMED = re.compile(r"`(?:([\w/]+\.py))?(?:::(\w+))?`")


def list_requirements(text: str) -> list[str]:
    """The rows of the tables whose last column names tests."""
    rows, is_tested = [], False
    for line in text.splitlines():
        if line.startswith("| requirement |"):
            is_tested = line.endswith("| test |")
        elif is_tested and line.startswith("| ") and not line.startswith("| ---"):
            rows.append(line)
        is_tested = is_tested and line.startswith("|")
    return rows


def list_row_tests(row: str) -> list[tuple[str, str]]:
    """What a row names: a file below tests/, and a test of it or "" for the whole. `::test` goes with the file before it."""
    found, path = [], ""
    for name, test in _NAMED.findall(row):
        short = next((short for short in SHORT if name.startswith(short)), "")
        path = SHORT.get(short, "") + name.removeprefix(short) if name else path
        found += [(path, test)] if name or test else []
    return found


def list_missing(named: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What is not there: no such file, or no function of this name that pytest collects."""
    return [
        (path, test)
        for path, test in named
        if not (TESTS / path).is_file() or test not in {"", *list_functions(TESTS / path)}
    ]


@cache
def list_functions(path: Path) -> frozenset[str]:
    """The tests of a file, by name."""
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    return frozenset(
        node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def test_every_test_that_the_table_names_exists() -> None:
    named = [one for row in list_requirements(TABLE.read_text("utf-8")) for one in list_row_tests(row)]
    assert len(named) > 120
    assert len([test for _, test in named if test]) > 100
    assert list_missing(named) == []


def test_every_requirement_names_its_test() -> None:
    rows = list_requirements(TABLE.read_text("utf-8"))
    assert len(rows) > 50
    assert [row for row in rows if not list_row_tests(row.rsplit(" | ", 1)[1])] == []


def test_nothing_else_in_the_table_names_a_test_that_is_not_there() -> None:
    assert list_missing(list_row_tests(TABLE.read_text("utf-8"))) == []


def test_what_a_thief_could_do_is_said_of_every_table_of_the_database() -> None:
    text = TABLE.read_text("utf-8").partition("\n| rows |")[2].partition("\n\n")[0]
    told = [name for row in text.splitlines()[2:] for name in row.split("|")[1].strip().split(", ")]
    assert models.Slip.__tablename__ in told
    assert sorted(told) == sorted(Base.metadata.tables)


def test_a_test_or_file_that_is_gone_is_missed() -> None:
    table = "| requirement | how | test |\n| --- | --- | --- |\n| 1.1 | so | %s |\n\n| requirement | x | y |\n| 2 | b | c |"
    for named, missing in (
        ("`unit/test_security_table.py`, `::test_a_test_or_file_that_is_gone_is_missed`", 0),
        ("`unit/test_security_table.py::list_missing`", 1),
        ("`unit/test_security_table.py`, `::test_nothing`", 1),
        ("`op/test_nothing.py`", 1),
        ("`op/test_nothing.py::test_nothing`", 1),
    ):
        (row,) = list_requirements(table % named)
        assert len(list_missing(list_row_tests(row))) == missing, named
    assert list_row_tests("| 1.1 | by `doctor` | `make lint` |") == []


def list_named_tests(text: str) -> list[tuple[Path, str]]:
    """The tests that the table of guards names: the file and the function."""
    return [
        (TESTS / (name if name.startswith(ELSEWHERE) else f"integration/auth/{name}"), test)
        for name, test in re.findall(r"`([\w/]+\.py)::(\w+)`", text)
    ]


def is_there(path: Path, test: str) -> bool:
    """Whether the file has this test."""
    return path.is_file() and test in list_functions(path)


def test_every_test_that_the_table_of_guards_names_exists() -> None:
    named = list_named_tests(GUARDS.read_text(encoding="utf-8"))
    assert len(named) > 80
    assert [test for path, test in named if not is_there(path, test)] == []


def test_every_guard_has_a_test() -> None:
    rows = [line for line in GUARDS.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    guards = [row for row in rows if not row.startswith(("| guard |", "| habit |", "| --- |"))]
    assert len(guards) > 45
    assert [row for row in guards if "::" not in row and "the same [" not in row] == []


def test_a_test_that_is_not_there_is_missed() -> None:
    named = list_named_tests("`test_cas.py::test_nothing`, `no_such_file.py::test_a_ticket_is_good_once`")
    assert [is_there(*test) for test in named] == [False, False]
