"""The tables of security requirements and of the guards of signing in name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
TABLE = TESTS.parent / "config" / "SECURITY.md"
GUARDS = TABLE.with_name("SIGN_IN_GUARDS.md")
ELSEWHERE = ("unit/", "browser/", "integration/")
SHORT = {"auth/": "integration/auth/", "op/": "integration/operation/"}


def list_named_files() -> set[str]:
    """The test files that the table names, below tests/."""
    named = set(re.findall(r"`([\w/]+\.py)`", TABLE.read_text(encoding="utf-8")))
    return {
        next((name.replace(short, long, 1) for short, long in SHORT.items() if name.startswith(short)), name)
        for name in named
    }


def test_every_test_that_the_table_names_exists() -> None:
    named = list_named_files()
    assert len(named) > 30
    assert [name for name in sorted(named) if not (TESTS / name).is_file()] == []


def list_named_tests(text: str) -> list[tuple[Path, str]]:
    """The tests that the table of guards names: the file and the function."""
    return [
        (TESTS / (name if name.startswith(ELSEWHERE) else f"integration/auth/{name}"), test)
        for name, test in re.findall(r"`([\w/]+\.py)::(\w+)`", text)
    ]


def is_there(path: Path, test: str) -> bool:
    """Whether the file has this test."""
    return path.is_file() and f"\ndef {test}(" in path.read_text(encoding="utf-8")


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
