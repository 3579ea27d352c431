"""A rule that could pass nobody, or would pass everybody, with what its connector can yield is told at start."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.domain.clearance import Status
from app.domain.mini_app import MiniApp
from app.domain.step import FactSpec
from app.services.clearance.wiring import check_steps
from tests.fixtures.connectors import read_config
from tests.unit.connectors.demo import demo_sections
from tests.unit.domain.test_fact_rules import NOON, read
from tests.unit.services.clearance.test_wiring import mini_app

__all__ = ["mini_app"]

MONEY = {"path": "x", "type": "money", "unit": "yuan"}
DAY = {"path": "x", "type": "day"}
FLAG = {"path": "x", "type": "flag"}
TEXT = {"path": "x", "type": "text", "values": {"1": "open"}}
WORDS = {"true": "是", "false": "否"}
SHOWN = "connectors.archive.fields"


def check(mini_app: MiniApp, rule: dict[str, Any], field: dict[str, Any]) -> list[str]:
    """What is told of the archive's step with this rule about a fact x of this field."""
    (step,) = (step for step in mini_app.steps if step.key == "archive")
    words = WORDS if field["type"] == "flag" else {}
    shown = FactSpec.model_validate({"key": "x", "label": "x", "type": field["type"], "words": words})
    changed = step.model_copy(update={"rule": read(**rule), "facts": (shown,), "reasons": {}})
    section = demo_sections()["archive"] | {"fields": {"x": field}}
    steps = mini_app.model_copy(update={"steps": (changed,)})
    return check_steps(steps, {"archive": read_config(section, "archive")})


@pytest.mark.parametrize(
    ("rule", "field", "told"),
    [
        ({"name": "at_least", "fact": "x", "least": 0}, MONEY, "may_be_negative is false: the rule would pass everybody"),
        ({"name": "at_most", "fact": "x", "most": -1}, MONEY, "may_be_negative is false: the rule could never pass"),
        ({"name": "day_is", "fact": "x", "not_past": True}, DAY, "may_be_future is false: the rule could pass on one day"),
        (
            {"name": "any_of", "rules": [
                {"rule": "value_is", "fact": "x", "passes": ["closed"]},
                {"rule": "value_is", "fact": "x", "passes": ["open"]},
            ]},
            TEXT,
            "never yields closed",
        ),
        (
            {"name": "every_record", "judged_by": {"rule": "value_is", "fact": "x", "passes": ["closed"]}},
            TEXT,
            "never yields closed",
        ),
        (
            {"name": "latest_record", "by": "x", "judged_by": {"rule": "day_is", "fact": "x", "not_past": True}},
            DAY,
            "may_be_future is false",
        ),
        ({"name": "is_yes", "fact": "y"}, FLAG, " lack y, which the rule reads"),
    ],
)  # fmt: skip
def test_what_the_connector_can_never_yield_is_told(
    mini_app: MiniApp, rule: dict[str, Any], field: dict[str, Any], told: str
) -> None:
    (found,) = check(mini_app, rule, field)
    assert found.startswith(SHOWN)
    assert told in found


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"name": "at_least", "fact": "x", "least": 0}, MONEY | {"may_be_negative": True}),
        ({"name": "at_least", "fact": "x", "least": 1}, MONEY),
        ({"name": "day_is", "fact": "x", "not_past": True}, DAY | {"may_be_future": True}),
        ({"name": "is_yes", "fact": "x"}, FLAG),
        ({"name": "is_no", "fact": "x"}, FLAG | {"values": {"Y": True, "N": False}}),
        ({"name": "nothing_owed_in_all", "amount": "x", "reduced_by": []}, MONEY | {"may_be_negative": True}),
    ],
)
def test_what_fits_is_not_told(mini_app: MiniApp, rule: dict[str, Any], field: dict[str, Any]) -> None:
    assert check(mini_app, rule, field) == []


def test_the_reason_of_a_flag_is_said_in_its_words(mini_app: MiniApp) -> None:
    (step,) = (step for step in mini_app.steps if step.key == "archive")
    table = {"key": "x", "label": "押金", "type": "flag", "words": {"true": "已退", "false": "未退"}}
    fact = FactSpec.model_validate(table)
    reason = next(iter(step.reasons.values())).model_copy(
        update={"message": "押金{value}。", "next_step": "请退押金。"}
    )
    said = step.model_copy(update={"facts": (fact,), "reasons": {"x": reason}})
    finding = read("is_yes", fact="x").judge_at(({"x": False},), NOON)
    assert finding.status is Status.OUTSTANDING
    assert said.explain(finding) == (("押金未退。", "请退押金。"),)
    for words in ({}, {"true": "已退"}, {"true": "已退", "false": "未退", "maybe": "?"}):
        with pytest.raises(ValidationError):
            FactSpec.model_validate(table | {"words": words})
