"""Rules about one fact: what passes is proven, what does not is told with its value, the rest is never judged."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.config_model import read as read_table
from app.domain.clearance import FactValue, Status
from app.domain.composed_rules import RULES
from app.domain.rules import FactMissing, Rule

NOON = datetime(2026, 6, 10, 4, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def read(name: str, **parameters: Any) -> Rule:
    faults: list[str] = []
    rule = read_table(RULES[name], parameters, "parameters", faults, zone=SHANGHAI)
    assert faults == []
    return rule


def list_faults(name: str, **parameters: Any) -> list[str]:
    faults: list[str] = []
    read_table(RULES[name], parameters, "parameters", faults)
    return faults


def judge(rule: Rule, *values: FactValue, moment: datetime = NOON) -> Status:
    return rule.judge_at(tuple({"x": value} for value in values), moment).status


YES, NO = read("is_yes", fact="x"), read("is_no", fact="x")
FIVE, FORTY = read("at_most", fact="x", most="5.00"), read("at_least", fact="x", least=40)
RECENT = read("day_is", fact="x", within_days=30)
VALID = read("day_is", fact="x", not_past=True)
JUNE = read("day_is", fact="x", not_before="2026-06-01", not_after="2026-06-30")
SUM = read("nothing_owed_in_all", amount="x", reduced_by=[])


@pytest.mark.parametrize(
    ("rule", "value", "passes"),
    [
        (YES, True, True),
        (YES, False, False),
        (YES, None, False),
        (NO, False, True),
        (NO, True, False),
        (NO, None, False),
        (FIVE, Decimal("5.00"), True),
        (FIVE, Decimal("5.01"), False),
        (FIVE, Decimal("-3.00"), True),
        (FORTY, 40, True),
        (FORTY, 39, False),
        (RECENT, date(2026, 5, 11), True),
        (RECENT, date(2026, 5, 10), False),
        (RECENT, date(2026, 6, 10), True),
        (RECENT, date(2026, 6, 11), False),
        (RECENT, None, False),
        (VALID, date(2026, 6, 10), True),
        (VALID, date(2026, 6, 9), False),
        (VALID, None, False),
        (JUNE, date(2026, 6, 1), True),
        (JUNE, date(2026, 6, 30), True),
        (JUNE, date(2026, 5, 31), False),
        (JUNE, date(2026, 7, 1), False),
    ],
)
def test_a_fact_passes_within_its_bounds_alone_and_is_the_reason_otherwise(
    rule: Rule, value: FactValue, passes: bool
) -> None:
    found = rule.judge_at(({"x": value},), NOON)
    assert found.status is (Status.CLEARED if passes else Status.OUTSTANDING)
    assert [(reason.key, reason.value) for reason in found.reasons] == ([] if passes else [("x", value)])


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (YES, "yes"),
        (YES, 1),
        (NO, 0),
        (NO, ""),
        (FIVE, True),
        (FIVE, "1"),
        (FIVE, None),
        (FIVE, Decimal("NaN")),
        (FORTY, Decimal("Infinity")),
        (RECENT, "2026-06-10"),
        (VALID, 20260610),
        (SUM, None),
    ],
)
def test_a_fact_of_another_type_is_never_judged(rule: Rule, value: FactValue) -> None:
    with pytest.raises(FactMissing):
        judge(rule, value)


@pytest.mark.parametrize("rule", [YES, NO, FIVE, FORTY, RECENT])
def test_a_missing_fact_or_two_records_are_never_judged(rule: Rule) -> None:
    with pytest.raises(FactMissing):
        rule.judge_at(({"y": True},), NOON)
    with pytest.raises(FactMissing):
        judge(rule, True, True)


def test_today_is_the_campuss_day_when_the_answer_was_learnt() -> None:
    evening = datetime(2026, 6, 10, 16, 30, tzinfo=UTC)  # past midnight in Shanghai
    assert judge(VALID, date(2026, 6, 10), moment=NOON) is Status.CLEARED
    assert judge(VALID, date(2026, 6, 10), moment=evening) is Status.OUTSTANDING


def test_a_credit_pays_for_another_row_where_the_rule_says_so() -> None:
    owed, credit = Decimal("300.00"), Decimal("-300.00")
    assert judge(SUM, owed, credit) is Status.CLEARED
    assert judge(SUM, owed, credit + Decimal("0.01")) is Status.OUTSTANDING
    assert judge(read("nothing_owed", amount="x", reduced_by=[]), owed, credit) is Status.OUTSTANDING


@pytest.mark.parametrize(
    ("name", "parameters", "wrong"),
    [
        ("day_is", {"fact": "x"}, "names no bound: the rule would pass every day"),
        ("day_is", {"fact": "x", "not_before": "2026-06-02", "not_after": "2026-06-01"}, "could never pass"),
        ("day_is", {"fact": "x", "within_days": 3, "not_past": True}, "both set"),
        ("day_is", {"fact": "x", "within_days": -1}, "within_days must be from 0"),
        ("at_most", {"fact": "x"}, "most is missing"),
        ("at_most", {"fact": "x", "most": True}, "must be a whole number, or a text"),
        ("at_most", {"fact": "x", "most": 0.1}, "must be a whole number, or a text"),
        ("at_most", {"fact": "x", "most": "NaN"}, "must be finite"),
        ("at_least", {"fact": "x", "least": "much"}, "must be a whole number, or a text"),
        ("is_yes", {}, "fact is missing"),
    ],
)
def test_what_a_rule_cannot_mean_is_told(name: str, parameters: dict[str, Any], wrong: str) -> None:
    (told,) = list_faults(name, **parameters)
    assert wrong in told
