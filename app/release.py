"""Which commit of the product runs."""

from __future__ import annotations

import re
from pathlib import Path

COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def read_commit(root: Path) -> str:
    """The commit that the checkout in `root` stands at, in hexadecimal; "" where `root` is none.

    The files are read, since the service's user may lack git, or not be the one whom git trusts with this folder.
    Source of the format: git-scm.com/docs/gitrepository-layout (HEAD, refs, packed-refs).
    """
    git = root / ".git"
    head = _read(git / "HEAD")
    if head.startswith("ref: "):
        name = head.removeprefix("ref: ")
        head = _read(git / name) or _find_packed(git, name)
    return head if COMMIT.fullmatch(head) else ""


def _find_packed(git: Path, name: str) -> str:
    lines = (line.split(" ", 1) for line in _read(git / "packed-refs").splitlines())
    return next((line[0] for line in lines if line[1:] == [name]), "")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
