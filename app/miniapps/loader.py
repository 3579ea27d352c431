"""Loads a mini-app's folder: manifest.toml, sample.json, and pages/ where it has its own. Every fault of a
folder is named.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError

from app.domain.miniapp import MiniApp
from app.domain.slip import parse_slip_record
from app.miniapps.manifest import read_manifest
from app.tables import Table

PAGES = ("guide.html", "clearance.html", "action.html", "submission.html", "privacy.html", "faq.html")


def load_mini_app(folder: Path, faults: list[str]) -> MiniApp | None:
    """The mini-app in `folder`, whose name is its slug. What is wrong with it goes to `faults`, each
    named by file and key; the result counts only if nothing was added.
    """
    slug = folder.name
    try:
        data = tomllib.loads((folder / "manifest.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        faults.append(f"{slug}/manifest.toml cannot be read: {reason}")
        return None
    found: list[str] = []
    mini_app = read_manifest(Table(data, "", found), slug)
    faults += [f"{slug}/manifest.toml: {fault}" for fault in found]
    faults += [f"{slug}/{fault}" for fault in (*_check_pages(folder), *_check_sample(folder))]
    return mini_app


def _check_pages(folder: Path) -> list[str]:
    faults = []
    for path in sorted((folder / "pages").glob("*")):
        if path.name not in PAGES:
            faults.append(f"pages/{path.name} is no page: must be one of {', '.join(PAGES)}")
            continue
        try:
            Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
        except (TemplateSyntaxError, UnicodeDecodeError) as error:
            faults.append(f"pages/{path.name} is not a template: {error}")
    return faults


def _check_sample(folder: Path) -> list[str]:
    try:
        parse_slip_record(json.loads((folder / "sample.json").read_text(encoding="utf-8")))
    except OSError:
        return ["sample.json is missing: a slip record to preview the layout with"]
    except (ValueError, KeyError, TypeError) as error:
        return [f"sample.json is not a slip record: {error!r}"]
    return []
