"""The description for authors of mini-apps names everything that they can write and use."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from app.config_model import Section
from app.domain import mini_app, office, opening_hours, rules
from app.domain.rules import RULES
from app.mini_apps.pages import PAGES
from app.web.mini_app.view_data import ActionView, ClearanceView, EarlierView, ReasonView, StepView
from app.web.offices import OfficeView

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
README = EXAMPLES.sub("", (ROOT / "miniapp_templates" / "README.md").read_text("utf-8"))
CODE = set(re.findall(r"`([^`]+)`", README))
NAMED = CODE | {part for code in CODE for part in re.findall(r"[a-z_]+", code)}


def list_keys(module: ModuleType) -> set[str]:
    """The keys that a module declares; what has no description is no key of a table."""
    sections = [
        kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Section)
    ]
    declared = [item for section in sections for item in section.model_fields.items()]
    return {field.alias or name for name, field in declared if field.description}


@pytest.mark.parametrize("module", [mini_app, office, opening_hours, rules])
def test_every_key_of_a_manifest_is_described(module: ModuleType) -> None:
    keys = list_keys(module)
    assert len(keys) >= 5
    assert keys - NAMED == set()


def test_every_rule_and_every_page_is_described() -> None:
    assert set(RULES) <= CODE
    assert set(PAGES) <= CODE


@pytest.mark.parametrize("kind", [ClearanceView, StepView, ReasonView, ActionView, EarlierView, OfficeView])
def test_everything_that_a_page_gets_is_described(kind: type) -> None:
    properties = {name for name, value in vars(kind).items() if isinstance(value, property)}
    assert ({field.name for field in fields(kind)} | properties) - NAMED == set()


def test_what_is_not_described_would_be_noticed() -> None:
    assert {"shoe_size", "everybody_passes"} - NAMED == {"shoe_size", "everybody_passes"}
