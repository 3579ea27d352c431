"""The table of the pages' behaviour names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

BROWSER = Path(__file__).resolve().parent.parent / "browser"


def test_every_test_that_the_table_names_exists() -> None:
    named = re.findall(r"`(\w+\.py)::(\w+)`", (BROWSER / "README.md").read_text(encoding="utf-8"))
    assert len(named) > 20
    assert [test for file, test in named if f"def {test}(" not in (BROWSER / file).read_text("utf-8")] == []
