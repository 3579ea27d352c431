"""The table of security requirements names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
TABLE = TESTS.parent / "config" / "SECURITY.md"
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
