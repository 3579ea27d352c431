"""Loads a mini-app's folder: manifest.toml, its translation en.toml, sample.json, and pages/ where it has
its own. Every fault of a folder is named.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from app.config_model import read
from app.domain.mini_app import MiniApp
from app.domain.slip import parse_slip_record
from app.mini_apps.pages import check_pages
from app.mini_apps.translation import translate_mini_app


def load_mini_app(folder: Path, faults: list[str]) -> MiniApp | None:
    """The mini-app in `folder`, whose name is its slug. What is wrong with it goes to `faults`, each
    named by file and key; None where its manifest cannot be used.
    """
    slug = folder.name
    try:
        data = tomllib.loads((folder / "manifest.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        faults.append(f"{slug}/manifest.toml cannot be read: {reason}")
        return None
    found: list[str] = []
    mini_app = read(MiniApp, data, "", found, folder=slug)
    faults += [f"{slug}/manifest.toml: {fault}" for fault in found]
    others = [*check_pages(folder), *_check_sample(folder)]
    if not found:
        mini_app = translate_mini_app(folder, mini_app, others)
    faults += [f"{slug}/{fault}" for fault in others]
    return None if found else mini_app


def _check_sample(folder: Path) -> list[str]:
    try:
        parse_slip_record(json.loads((folder / "sample.json").read_text(encoding="utf-8")))
    except OSError:
        return ["sample.json is missing: a slip record to preview the layout with"]
    except (ValueError, KeyError, TypeError) as error:
        return [f"sample.json is not a slip record: {error!r}"]
    return []
