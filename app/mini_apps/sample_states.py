"""The states in which a preview shows the steps of a mini-app: samples of what departments hold, by the steps' own rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal

from app.domain.clearance import (
    PASSING,
    FactValue,
    Reading,
    Reason,
    Record,
    RuleResult,
    Status,
    StepState,
    Waived,
)
from app.domain.composed_rules import AllOf
from app.domain.mini_app import MiniApp
from app.domain.rules import FactMissing, Rule
from app.domain.step import FactSpec, FactType, Step

STATES: Mapping[Status, Callable[[Step], bool]] = {
    Status.CLEARED: lambda _: True,
    Status.OUTSTANDING: lambda _: True,
    Status.PENDING: lambda step: any(use.pending for use in step.rule.uses),
    Status.WAITING: lambda step: bool(step.after),
    Status.UNAVAILABLE: lambda _: True,
    Status.WAIVED: lambda _: True,
    Status.NOT_REQUIRED: lambda step: bool(step.applies),
}
"""In which the clearance page is shown, and the steps that can be in it; the others pass."""
SAMPLES: Mapping[FactType, tuple[FactValue, ...]] = {
    "text": ("样例",),
    "count": (2, 0, 1000),
    "money": (Decimal("12.50"), Decimal(0), Decimal(1000)),
    "day": (date(2026, 6, 10), date(2000, 1, 1), date(2099, 12, 31)),
    "flag": (False, True),
}
"""What a department may hold of a fact, by its type, the likeliest first."""


def make_states(mini_app: MiniApp, status: Status, now: datetime) -> dict[str, StepState]:
    """Every step in this status that can be, by key; the others pass."""
    chosen = _choose_statuses(mini_app, status)
    return {step.key: _make_state(mini_app, step, chosen, now) for step in mini_app.steps}


def _choose_statuses(mini_app: MiniApp, status: Status) -> dict[str, Status]:
    """The statuses by step. Where steps wait, something before each of them does not pass."""
    chosen = {step.key: status if STATES[status](step) else Status.CLEARED for step in mini_app.steps}
    if status is Status.WAITING:
        for key in [key for key, one in chosen.items() if one is Status.WAITING]:
            before = mini_app.list_before(key)
            if all(chosen[other] in PASSING for other in before):
                chosen[before[0]] = Status.OUTSTANDING
    return chosen


def _make_state(mini_app: MiniApp, step: Step, chosen: Mapping[str, Status], now: datetime) -> StepState:
    """A step in its status, for whatever may bring it there."""
    status = chosen[step.key]
    if status not in (Status.CLEARED, Status.OUTSTANDING, Status.PENDING):
        waived = Waived("样例", "00420014") if status is Status.WAIVED else None
        before = mini_app.list_before(step.key) if status is Status.WAITING else ()
        ahead = tuple(key for key in before if chosen[key] not in PASSING)
        return StepState(step.key, RuleResult(status), None, now, waived=waived, waits_for=ahead)
    record: Record = {fact.key: _list_samples(fact)[0] for fact in step.facts}
    reasons: tuple[Reason, ...] = ()
    if status is Status.OUTSTANDING:
        record, reasons = _fail(step, record, now)
    elif status is Status.PENDING:
        uses = [use for use in step.rule.uses if use.pending]
        record = {**record, **{use.key: use.pending[0] for use in uses}}
        reasons = tuple(Reason(use.key, use.pending[0], True) for use in uses)
    return StepState(step.key, RuleResult(status, reasons), Reading("sample", "", (record,), now), now)


def _list_samples(fact: FactSpec) -> list[FactValue]:
    words = fact.words if fact.type == "text" else {}
    return [*words, *SAMPLES[fact.type]]


def _fail(step: Step, record: Record, now: datetime) -> tuple[Record, tuple[Reason, ...]]:
    """A record of somebody whom every fact that can keeps from passing, and the reasons."""
    for rule in step.rule.rules if isinstance(step.rule, AllOf) else (step.rule,):
        for key in rule.reason_keys:
            record = _make_failing(rule, step.get_fact(key), record, now)
    found = {reason.key: reason for reason in _judge(step.rule, record, now)}
    return record, tuple(found.get(key, Reason(key, record[key])) for key in step.rule.reason_keys)


def _make_failing(rule: Rule, fact: FactSpec, record: Record, now: datetime) -> Record:
    """The record with the first sample of the fact by which the rule does not pass; as it was where none is so."""
    for value in (*_list_samples(fact), None):
        tried = {**record, fact.key: value}
        if any(reason.key == fact.key and not reason.is_pending for reason in _judge(rule, tried, now)):
            return tried
    return record


def _judge(rule: Rule, record: Record, now: datetime) -> tuple[Reason, ...]:
    try:
        return rule.judge_at((record,), now).reasons
    except FactMissing:
        return ()
