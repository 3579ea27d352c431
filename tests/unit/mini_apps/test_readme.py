"""The description for authors of mini-apps names everything that they can write and use."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from app.domain.rules import RULE_NAMES
from app.mini_apps.pages import PAGES
from app.web.mini_app.view_data import ActionView, ClearanceView, EarlierView, ReasonView, StepView

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "miniapp_templates" / "README.md").read_text("utf-8")
CODE = set(re.findall(r"`([^`]+)`", README))
NAMED = CODE | {part for code in CODE for part in re.findall(r"[a-z_]+", code)}
GETTERS = {"text", "texts", "integer", "table", "tables", "named_tables", "values"}


def list_keys(source: Path) -> set[str]:
    """The keys that a module reads from tables."""
    calls = [node for node in ast.walk(ast.parse(source.read_text("utf-8"))) if isinstance(node, ast.Call)]
    return {
        str(call.args[0].value)
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr in GETTERS
        if call.args and isinstance(call.args[0], ast.Constant)
    }


@pytest.mark.parametrize("source", ["mini_apps/manifest.py", "domain/rules.py"])
def test_every_key_of_a_manifest_is_described(source: str) -> None:
    keys = list_keys(ROOT / "app" / source)
    assert len(keys) > 5
    assert keys - NAMED == set()


def test_every_rule_and_every_page_is_described() -> None:
    assert set(RULE_NAMES) <= CODE
    assert set(PAGES) <= CODE


@pytest.mark.parametrize("kind", [ClearanceView, StepView, ReasonView, ActionView, EarlierView])
def test_everything_that_a_page_gets_is_described(kind: type) -> None:
    properties = {name for name, value in vars(kind).items() if isinstance(value, property)}
    assert ({field.name for field in fields(kind)} | properties) - NAMED == set()


def test_what_is_not_described_would_be_noticed() -> None:
    assert {"shoe_size", "everybody_passes"} - NAMED == {"shoe_size", "everybody_passes"}
