"""Loads a mini-app's folder: manifest.toml, its translation en.toml, sample.json, and pages/ where it has
its own. Every fault of a folder is named.
"""

from __future__ import annotations

from datetime import UTC, tzinfo
from pathlib import Path

from app.config_model import read
from app.domain.mini_app import MiniApp
from app.mini_apps.files import Unreadable, read_toml
from app.mini_apps.pages import check_pages
from app.mini_apps.sample import read_sample
from app.mini_apps.translation import translate_mini_app


def load_mini_app(folder: Path, faults: list[str], zone: tzinfo = UTC) -> MiniApp | None:
    """The mini-app in `folder`, whose name is its slug; its rules know the campus's day by `zone`. What is wrong with it goes to `faults`, each
    named by file and key; None where its manifest cannot be used.
    """
    slug = folder.name
    try:
        data = read_toml(folder / "manifest.toml")
    except Unreadable as error:
        faults.append(f"{slug}/manifest.toml cannot be read: {error}")
        return None
    found: list[str] = []
    mini_app = read(MiniApp, data, "", found, folder=slug, zone=zone)
    faults += [f"{slug}/manifest.toml: {fault}" for fault in found]
    others = check_pages(folder)
    read_sample(folder, others)
    if not found:
        mini_app = translate_mini_app(folder, mini_app, others)
    faults += [f"{slug}/{fault}" for fault in others]
    return None if found else mini_app
