"""Where the configuration comes from: TOML files, and over them the environment."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PREFIX = "LIXIAO_"
FILES = "LIXIAO_CONFIG"


def read_toml(path: Path, unreadable: list[str]) -> dict[str, Any]:
    """What a file holds; one that cannot be read is added to `unreadable`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        unreadable.append(f"{path.name} cannot be read: {error}")
        return {}


def read_environment(environ: Mapping[str, str], faults: list[str]) -> dict[str, Any]:
    """The variables `LIXIAO_<SECTION>__<KEY>`, as a file would hold them; odd names are added to `faults`."""
    found: dict[str, Any] = {}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name == FILES:
            continue
        *sections, key = name.removeprefix(PREFIX).lower().split("__")
        level = found
        for section in sections:
            level = level.setdefault(section, {}) if isinstance(level, dict) else level
        if sections and isinstance(level, dict):
            level[key] = environ[name]
        else:
            faults.append(f"{name} is no variable of this service: they are {PREFIX}<SECTION>__<KEY>")
    return found


def merge(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    """Lay one configuration over another, section by section."""
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value
