"""The parameters of the pass rules, as a manifest writes them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.config_model import read as read_table
from app.domain.clearance import Status
from app.domain.composed_rules import RULES
from app.domain.rules import Rule

CARD = {"zero": ["balance"], "equals": {"state": ["frozen", "closed"]}}


def read(name: str, parameters: dict[str, Any]) -> tuple[Rule, list[str]]:
    faults: list[str] = []
    return read_table(RULES[name], parameters, "parameters", faults), faults


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("frozen", Status.CLEARED),
        ("closed", Status.CLEARED),
        ("active", Status.OUTSTANDING),
        ("close", Status.OUTSTANDING),
    ],
)
def test_a_fact_may_have_any_of_several_values(state: str, status: Status) -> None:
    rule, faults = read("all_settled", CARD)
    assert faults == []
    assert rule.judge(({"balance": Decimal(0), "state": state},)).status is status


def test_a_single_value_may_stand_without_a_list_and_means_itself_alone() -> None:
    rule, faults = read("all_settled", CARD | {"equals": {"state": "closed"}})
    assert faults == []
    assert rule.judge(({"balance": 0, "state": "closed"},)).status is Status.CLEARED
    assert rule.judge(({"balance": 0, "state": "c"},)).status is Status.OUTSTANDING


@pytest.mark.parametrize("value", [1, True, "", [], ["closed", 1], [""], {"is": "closed"}])
def test_a_value_that_is_no_text_is_named(value: object) -> None:
    _, faults = read("all_settled", CARD | {"equals": {"state": value}})
    assert faults == ["parameters.equals.state must be a text or a list of texts"]


@pytest.mark.parametrize(
    ("name", "parameters", "told"),
    [
        (
            "value_is",
            {"fact": "state", "passes": ["通过"], "pending": ["审核中", "通过"]},
            "parameters.pending has 通过, by which the rule passes",
        ),
        (
            "all_settled",
            CARD | {"pending": {"state": "closed"}},
            "parameters.pending has closed, by which the rule passes",
        ),
        (
            "all_settled",
            CARD | {"pending": {"balance": "closing"}},
            "parameters.pending has balance, which is not in equals",
        ),
    ],
)
def test_a_text_that_is_both_pending_and_passing_is_told(
    name: str, parameters: dict[str, Any], told: str
) -> None:
    assert read(name, parameters)[1] == [told]
