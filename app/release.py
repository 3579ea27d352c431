"""Which commit of the product runs."""

from __future__ import annotations

import subprocess
from pathlib import Path


def read_commit(root: Path) -> str:
    """The commit that the checkout in `root` stands at, in hexadecimal; "" where `root` is none, or there is no git."""
    # The folder is named, not looked for: git then asks neither who owns it nor for a checkout further up.
    command = ["git", "--git-dir", str(root / ".git"), "rev-parse", "--verify", "--quiet", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError:
        return ""
    return done.stdout.strip()
