"""Whether a file is its owner's alone, as one that holds a secret, a key or personal data must be."""

from __future__ import annotations

import stat
from pathlib import Path

ANY_ACCESS = stat.S_IRWXG | stat.S_IRWXO
WRITING = stat.S_IWGRP | stat.S_IWOTH


def describe_openness(path: Path, access: int = ANY_ACCESS) -> str:
    """`open to others (mode 0644)` for a file or folder whose mode lets the group or others do any of this, else "".
    A link counts as what it leads to. Raises OSError.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    return f"open to others (mode {mode:04o})" if mode & access else ""
