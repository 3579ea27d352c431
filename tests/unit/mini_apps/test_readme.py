"""The description for authors of mini-apps names everything that they can write and use."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from app.config_model import Section, read
from app.domain import applies, composed_rules, fact_rules, mini_app, office, opening_hours, rules
from app.domain.clearance import FactValue
from app.domain.composed_rules import RULES
from app.domain.rules import FactMissing
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


@pytest.mark.parametrize(
    "module", [applies, mini_app, office, opening_hours, rules, fact_rules, composed_rules]
)
def test_every_key_of_a_manifest_is_described(module: ModuleType) -> None:
    keys = list_keys(module)
    assert len(keys) >= 4
    assert keys - NAMED == set()


def read_value(text: object) -> FactValue:
    if not isinstance(text, str):
        return text if isinstance(text, bool) else None
    if re.fullmatch("[0-9-]{10}", text):
        return date.fromisoformat(text)
    return Decimal(text) if re.fullmatch("[0-9.]+", text) else text


def list_examples() -> list[tuple[str, str]]:
    text = (
        (ROOT / "miniapp_templates" / "README.md").read_text("utf-8").partition("### Rules by example\n")[2]
    )
    return re.findall(
        r"```toml\n(.*?)```\n```json\n(.*?)```", re.split("^## ", text, flags=re.MULTILINE)[0], re.DOTALL
    )


@pytest.mark.parametrize(("step", "outcomes"), list_examples())
def test_the_examples_of_rules_judge_as_they_say(step: str, outcomes: str) -> None:
    table, faults = tomllib.loads(step), list[str]()
    rule = read(RULES[table["rule"]], table["parameters"], "parameters", faults)
    assert faults == []
    moment = datetime(2026, 6, 10, 4, tzinfo=UTC)
    told = json.loads(outcomes)
    assert told.keys() == {"cleared", "outstanding", "unavailable"}
    for status, records in told.items():
        facts = tuple({key: read_value(text) for key, text in record.items()} for record in records)
        try:
            found: str = rule.judge_at(facts, moment).status
        except FactMissing:
            found = "unavailable"
        assert found == status, records


def test_every_rule_and_every_page_is_described() -> None:
    assert set(RULES) <= CODE
    assert set(PAGES) <= CODE


@pytest.mark.parametrize("kind", [ClearanceView, StepView, ReasonView, ActionView, EarlierView, OfficeView])
def test_everything_that_a_page_gets_is_described(kind: type) -> None:
    properties = {name for name, value in vars(kind).items() if isinstance(value, property)}
    assert ({field.name for field in fields(kind)} | properties) - NAMED == set()


def test_what_is_not_described_would_be_noticed() -> None:
    assert {"shoe_size", "everybody_passes"} - NAMED == {"shoe_size", "everybody_passes"}
