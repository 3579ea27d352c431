"""Rules made of others, and rules about one of several records."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.domain.clearance import Record, Status
from app.domain.rules import FactMissing, Rule
from tests.unit.domain.test_fact_rules import NOON, list_faults, read

PAID = {"rule": "is_yes", "fact": "paid"}
WAIVED = {"rule": "value_is", "fact": "waiver", "passes": ["批准"]}
RETURNED = {"rule": "value_is", "fact": "state", "passes": ["已还"]}
EITHER = read("any_of", rules=[PAID, WAIVED])
BOTH = read("all_of", rules=[PAID, WAIVED])
EVERY = read("every_record", judged_by=RETURNED)
ANY = read("any_record", judged_by=RETURNED)
LATEST = read("latest_record", by="on", judged_by=RETURNED)


def judge(rule: Rule, *records: Record) -> tuple[Status, list[tuple[str, Any]]]:
    found = rule.judge_at(records, NOON)
    return found.status, [(reason.key, reason.value) for reason in found.reasons]


CLEARED: tuple[Status, list[tuple[str, Any]]] = (Status.CLEARED, [])


@pytest.mark.parametrize(
    "record",
    [
        {"paid": True, "waiver": "批准"},
        {"paid": True, "waiver": "未批准"},
        {"paid": False, "waiver": "批准"},
        {"paid": "?", "waiver": "批准"},
    ],
)
def test_one_of_several_suffices(record: Record) -> None:
    assert judge(EITHER, record) == CLEARED


def test_where_none_suffices_the_first_tells_what_is_to_be_done() -> None:
    assert judge(EITHER, {"paid": False, "waiver": "未批准"}) == (Status.OUTSTANDING, [("paid", False)])
    assert EITHER.reason_keys == ("paid",)
    assert EITHER.fact_keys == ("paid", "waiver")


@pytest.mark.parametrize("record", [{"paid": "?", "waiver": "未批准"}, {"paid": False}])
def test_where_none_suffices_and_one_is_unknown_nothing_is_proven(record: Record) -> None:
    with pytest.raises(FactMissing):
        judge(EITHER, record)


def test_all_of_several_must_pass_and_each_that_does_not_is_a_reason() -> None:
    assert judge(BOTH, {"paid": True, "waiver": "批准"}) == CLEARED
    assert judge(BOTH, {"paid": False, "waiver": "无"})[1] == [("paid", False), ("waiver", "无")]
    with pytest.raises(FactMissing):
        judge(BOTH, {"paid": True})


def test_every_record_must_pass() -> None:
    assert judge(EVERY, {"state": "已还"}, {"state": "已还"}) == CLEARED
    assert judge(EVERY, {"state": "已还"}, {"state": "借出"}, {"state": "借出"})[1] == [("state", "借出")]
    with pytest.raises(FactMissing):
        judge(EVERY, {"state": "已还"}, {})


def test_one_record_may_suffice_but_each_must_be_known() -> None:
    assert judge(ANY, {"state": "借出"}, {"state": "已还"}) == CLEARED
    assert judge(ANY, {"state": "借出"}, {"state": "丢失"})[1] == [("state", "借出"), ("state", "丢失")]
    with pytest.raises(FactMissing):
        judge(ANY, {"state": "已还"}, {"state": 1})


REVIEWED = {"rule": "value_is", "fact": "state", "passes": ["通过"], "pending": ["审核中"]}


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (("审核中", "通过"), Status.PENDING),
        (("审核中", "审核中"), Status.PENDING),
        (("审核中", "退回"), Status.OUTSTANDING),
        (("通过", "通过"), Status.CLEARED),
    ],
)
def test_records_are_pending_where_nothing_but_a_review_is_awaited(
    states: tuple[str, ...], status: Status
) -> None:
    rule = read("every_record", judged_by=REVIEWED)
    assert judge(rule, *({"state": state} for state in states))[0] is status
    assert [use.pending for use in rule.uses] == [("审核中",)]


EARLY, LATE = date(2026, 5, 1), date(2026, 6, 1)


def test_the_latest_record_decides_wherever_it_stands() -> None:
    lent, back = {"on": EARLY, "state": "借出"}, {"on": LATE, "state": "已还"}
    assert judge(LATEST, lent, back) == judge(LATEST, back, lent) == CLEARED
    again = {"on": date(2026, 6, 2), "state": "借出"}
    assert judge(LATEST, back, again, lent) == (Status.OUTSTANDING, [("state", "借出")])


@pytest.mark.parametrize(
    "records",
    [
        ({"on": LATE, "state": "已还"}, {"on": LATE, "state": "已还"}),
        ({"on": LATE, "state": "已还"}, {"on": None, "state": "借出"}),
        ({"on": LATE, "state": "已还"}, {"state": "借出"}),
        ({"on": "2026-06-01", "state": "已还"},),
        ({"on": None, "state": "已还"},),
    ],
)
def test_where_it_is_open_which_record_is_the_latest_nothing_is_judged(records: tuple[Record, ...]) -> None:
    with pytest.raises(FactMissing):
        judge(LATEST, *records)


def test_two_equal_days_before_the_latest_do_not_matter() -> None:
    old = {"on": EARLY, "state": "借出"}
    assert judge(LATEST, old, old, {"on": LATE, "state": "已还"}) == CLEARED


def test_days_and_amounts_may_be_parts() -> None:
    rule = read(
        "latest_record",
        by="on",
        judged_by={"rule": "day_is", "fact": "on", "within_days": 30},
    )
    assert judge(rule, {"on": LATE})[0] is Status.CLEARED
    assert judge(rule, {"on": EARLY})[0] is Status.OUTSTANDING
    amounts = read("every_record", judged_by={"rule": "at_most", "fact": "left", "most": "0.50"})
    assert judge(amounts, {"left": Decimal("0.50")}, {"left": Decimal("0.51")})[0] is Status.OUTSTANDING


@pytest.mark.parametrize(
    ("name", "parameters", "told"),
    [
        ("any_of", {"rules": []}, "parameters.rules is empty: name the rules that it is made of"),
        ("any_of", {"rules": [PAID]}, "parameters.rules has one rule alone: name it as the step's"),
        (
            "all_of",
            {"rules": [PAID, {"rule": "any_of", "rules": [PAID]}]},
            "parameters.rules[1] must name a rule of",
        ),
        ("all_of", {"rules": [PAID, {"fact": "x"}]}, "parameters.rules[1] must name a rule of"),
        ("all_of", {"rules": ["is_yes"]}, "parameters.rules[0] must be a table"),
        ("all_of", {"rules": [{"rule": "is_yes"}]}, "parameters.rules[0].fact is missing"),
        ("any_record", {"judged_by": {"rule": "nothing_owed"}}, "parameters.judged_by must name a rule of"),
        (
            "any_record",
            {"judged_by": RETURNED | {"passed": 1}},
            "parameters.judged_by.passed is not a known key",
        ),
        ("latest_record", {"judged_by": RETURNED}, "parameters.by is missing"),
    ],
)
def test_what_a_rule_is_not_made_of_is_told_by_its_key(
    name: str, parameters: dict[str, Any], told: str
) -> None:
    (found,) = list_faults(name, **parameters)
    assert found.startswith(told)
