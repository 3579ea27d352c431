"""Begins a mini-app: a folder with a manifest that explains itself, its English and its sample, all of which can be checked."""

from __future__ import annotations

import re
from pathlib import Path

from app.mini_apps.checking import SLUG

STARTER = Path(__file__).resolve().parent / "starter"
FILES = ("manifest.toml", "en.toml", "sample.json")


class CannotBegin(Exception):
    """Nothing was written; the message says why."""


def start_folder(folder: Path) -> None:
    """Write the files of a new mini-app. Raises CannotBegin, also for a folder that has anything in it."""
    if not re.fullmatch(SLUG, folder.name):
        raise CannotBegin(
            f"{folder.name or folder} is no slug: a folder's name has small letters, digits and _, a letter first"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise CannotBegin(f"{folder} is not empty: nothing was written")
        for name in FILES:
            text = (STARTER / name).read_text(encoding="utf-8")
            (folder / name).write_text(text.replace("{slug}", folder.name), encoding="utf-8")
    except OSError as error:
        raise CannotBegin(f"{folder} cannot be written: {error.strerror}") from None
