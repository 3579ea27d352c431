"""Every file and folder of this project that its documents and examples name is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"(?<![\w/.])(?:\.\./)?((?:tests|app|config|miniapp_templates)/[\w./-]*\w)")
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "config/*",
    "miniapp_templates/README.md",
    "tests/browser/README.md",
)


def list_missing(text: str) -> set[str]:
    """The paths that are named and are not there."""
    return {path for path in NAMED.findall(text) if not (ROOT / path).exists()}


def test_what_the_documents_name_is_there() -> None:
    texts = [path.read_text(encoding="utf-8") for pattern in DOCUMENTS for path in ROOT.glob(pattern)]
    assert sum(len(NAMED.findall(text)) for text in texts) > 50
    assert set().union(*map(list_missing, texts)) == set()


def test_what_is_not_there_is_missed() -> None:
    text = "[a](../app/nowhere.py), `tests/unit/test_named_files.py`. See config/README.md, config/none.toml."
    assert list_missing(text) == {"app/nowhere.py", "config/none.toml"}
