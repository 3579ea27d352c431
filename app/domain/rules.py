"""The named pass rules that a step may use.

A rule judges the proven records of one student. It never guesses: a fact that is missing or of another
type raises `FactMissing`, and the step is unavailable. Source of the rules: the university's user manual
of the departure service, sections 2.2.1 to 2.2.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field, PlainValidator

from app.config_model import Section, Text, Texts
from app.domain.clearance import PASSING, FactValue, Reading, Reason, Record, RuleResult, Status

CLEARED = RuleResult(Status.CLEARED)
USUAL_UNDONE = (
    "未",
    "待",
    "尚",
    "还未",
    "还没",
    "没",
    "沒",
    "暂",
    "不",
    "否",
    "无",
    "無",
    "空缺",
    "空白",
    "非",
    "请",
)
"""How texts begin that say that something was not done; no usual surname does."""
_SIGNS = re.compile(r"[\W_]+")


class FactMissing(Exception):
    """A record lacks a fact that the rule needs, or holds it in another type."""


AMOUNTS = ("count", "money")
TEXTS = ("text",)
PRESENCES = ("text", "day")


class Needs(StrEnum):
    """Which values a rule must be able to get, as it would pass everybody or nobody without."""

    CLEARED_BELOW_ZERO = "cleared_below_zero"
    LEFT_BELOW_ZERO = "left_below_zero"
    CLEARED_BY_DAYS_TO_COME = "cleared_by_days_to_come"


@dataclass(frozen=True, slots=True)
class FactUse:
    """How a rule reads a fact: the types it can judge, the texts that pass (none: it compares no text), whether it asks
    only that something is there, the texts that are pending, whether it knows what an amount below 0 means, and what it
    cannot do without.
    """

    key: str
    types: tuple[str, ...]
    passing: tuple[str, ...] = ()
    is_presence: bool = False
    pending: tuple[str, ...] = ()
    takes_negative: bool = False
    needs: Needs | None = None


class Rule(Section):
    """Judges the records of one student; at least one record is there. Its keys are the parameters in a manifest."""

    @property
    def uses(self) -> tuple[FactUse, ...]:
        """How the rule reads its facts."""
        raise NotImplementedError

    @property
    def fact_keys(self) -> tuple[str, ...]:
        """The facts that the rule reads."""
        return tuple(use.key for use in self.uses)

    @property
    def reason_keys(self) -> tuple[str, ...]:
        """The facts among them that may keep a student from passing: the keys of the rule's reasons."""
        return self.fact_keys

    def judge(self, records: tuple[Record, ...]) -> RuleResult:
        """What the records mean. Raises FactMissing."""
        raise NotImplementedError

    def judge_at(self, records: tuple[Record, ...], moment: datetime) -> RuleResult:
        """What the records mean at a moment (UTC), of which rules about days ask. Raises FactMissing."""
        del moment
        return self.judge(records)

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        if not self.fact_keys:
            yield "", "names no fact: the rule would pass everybody"


def _read_wanted(value: object) -> tuple[str, ...]:
    texts = value if isinstance(value, list | tuple) else [value]
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise ValueError("must be a text or a list of texts")
    return tuple(texts)


OneOrMore = Annotated[tuple[str, ...], PlainValidator(_read_wanted)]


class AllSettled(Rule):
    """Passes when every counted fact is zero and every named fact has one of its values, e.g. no books, no
    fee, no violation, and the card is cancelled. Pending where nothing but pending texts is in the way.
    """

    zero: Texts = Field(description="list of facts that must be 0")
    equals: dict[str, OneOrMore] = Field(
        description="table of fact = text, or list of texts: it must be (one of) them"
    )
    pending: dict[str, OneOrMore] = Field(
        {},
        description="table of fact = text, or list of texts, for facts of `equals`: with one of them the department is "
        "still to decide, which is 待审核 and does not pass",
    )

    @property
    def uses(self) -> tuple[FactUse, ...]:
        """See Rule."""
        compared = (
            FactUse(key, TEXTS, passing, pending=self.pending.get(key, ()))
            for key, passing in self.equals.items()
        )
        return (*(FactUse(key, AMOUNTS) for key in self.zero), *compared)

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        for key, texts in self.pending.items():
            if key not in self.equals:
                yield "pending", f"has {key}, which is not in equals"
            yield from _list_both("pending", texts, self.equals.get(key, ()))

    def judge(self, records: tuple[Record, ...]) -> RuleResult:
        """Each fact that is not settled is a reason."""
        record = get_only_record(records)
        reasons = [Reason(key, get_amount(record, key)) for key in self.zero if get_amount(record, key) != 0]
        reasons += [
            Reason(key, value, value in self.pending.get(key, ()))
            for key, wanted in self.equals.items()
            if (value := _get_text(record, key)) not in wanted
        ]
        return conclude(reasons)


class ValueIs(Rule):
    """Passes when a fact has one of the named values; empty does not pass."""

    fact: Text = Field(description="the fact")
    passes: Texts = Field(description="list of texts: it must be one of them")
    pending: Texts = Field(
        (),
        description="list of texts: with one of them the department is still to decide, which is 待审核 and does not pass",
    )

    @property
    def uses(self) -> tuple[FactUse, ...]:
        """See Rule."""
        return (FactUse(self.fact, TEXTS, self.passes, pending=self.pending),)

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        yield from _list_both("pending", self.pending, self.passes)

    def judge(self, records: tuple[Record, ...]) -> RuleResult:
        """The value itself is the reason when it does not pass."""
        record = get_only_record(records)
        if get_fact(record, self.fact) is None:
            return conclude([Reason(self.fact)])
        value = _get_text(record, self.fact)
        return conclude([] if value in self.passes else [Reason(self.fact, value, value in self.pending)])


class AllPresent(Rule):
    """Passes when none of the facts is empty, e.g. the day and the clerk of checking out. A text that begins with one
    of `undone` says that it is still to be done, as 未办结 or 待确认 where a clerk's name should stand.
    """

    facts: Texts = Field(description="list of facts, texts or days, of which none may be empty")
    undone: Texts = Field(
        USUAL_UNDONE, description="how a text begins that says that nothing was done (`未`, `待`, `不`, …)"
    )

    @property
    def uses(self) -> tuple[FactUse, ...]:
        """See Rule."""
        return tuple(FactUse(key, PRESENCES, is_presence=True) for key in self.facts)

    def judge(self, records: tuple[Record, ...]) -> RuleResult:
        """Each fact that is empty, or says that it is undone, is a reason."""
        record = get_only_record(records)
        absent = {key for key in self.facts if not _is_present(record, key)}
        undone = {key for key in self.facts if key not in absent and self._is_undone(record[key])}
        return conclude(
            [
                Reason(key, record[key] if key in undone else None)
                for key in self.facts
                if key in absent | undone
            ]
        )

    def _is_undone(self, value: FactValue) -> bool:
        return isinstance(value, str) and _SIGNS.sub("", value).startswith(self.undone)


class NothingOwed(Rule):
    """Passes when no record owes money. A record owes `amount` less what was deferred, waived or is
    covered by a loan, never below zero, so that one record's reduction, or a credit, cannot hide another's debt.
    """

    amount: Text = Field(description="the fact that is owed")
    reduced_by: Texts = Field(description="list of facts that reduce it")

    @property
    def uses(self) -> tuple[FactUse, ...]:
        """See Rule."""
        reductions = (FactUse(key, AMOUNTS) for key in self.reduced_by)
        return (FactUse(self.amount, AMOUNTS, takes_negative=True), *reductions)

    @property
    def reason_keys(self) -> tuple[str, ...]:
        """See Rule."""
        return (self.amount,)

    def judge(self, records: tuple[Record, ...]) -> RuleResult:
        """The reason is the sum owed, in yuan, under the amount's key."""
        owed = sum((self._get_owed(record) for record in records), Decimal(0))
        return conclude([Reason(self.amount, owed)] if owed > 0 else [])

    def _get_owed(self, record: Record) -> Decimal:
        reductions = sum((get_amount(record, key) for key in self.reduced_by), Decimal(0))
        return self.bound(get_balance(record, self.amount) - reductions)

    def bound(self, owed: Decimal) -> Decimal:
        """What a record that owes this counts as."""
        return max(owed, Decimal(0))


def judge_reading(rule: Rule, no_record: Status, reading: Reading) -> RuleResult:
    """What a reading means under a step's rule; `no_record` is the status of a student without a record. Each number of
    the student's is judged by itself: the worst counts, with the reasons of all.

    Raises FactMissing when the records are not what the rule can judge.
    """
    results = [_judge_part(rule, no_record, records, reading.learnt_at) for records in reading.parts]
    worst = min(results, key=lambda result: _rank(result.status))
    reasons = (reason for result in results for reason in result.reasons)
    return RuleResult(worst.status, tuple(dict.fromkeys(reasons)))


def _judge_part(rule: Rule, no_record: Status, records: tuple[Record, ...], moment: datetime) -> RuleResult:
    if not records:
        return RuleResult(no_record, (Reason("no_record"),) if no_record is Status.OUTSTANDING else ())
    return rule.judge_at(records, moment)


def _rank(status: Status) -> int:
    """The worst first: what is not known, what does not pass, and what passes."""
    order = {Status.UNAVAILABLE: 0, Status.OUTSTANDING: 1}
    return order.get(status, 3 if status in PASSING else 2)


def conclude(reasons: list[Reason]) -> RuleResult:
    """What reasons make of a step: pending only where there is nothing left for the student to do."""
    if not reasons:
        return CLEARED
    status = Status.PENDING if all(reason.is_pending for reason in reasons) else Status.OUTSTANDING
    return RuleResult(status, tuple(reasons))


def _list_both(key: str, texts: tuple[str, ...], passing: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for text in texts:
        if text in passing:
            yield key, f"has {text}, by which the rule passes"


def get_only_record(records: tuple[Record, ...]) -> Record:
    """The record that is there alone. Raises FactMissing."""
    if len(records) != 1:
        raise FactMissing("one record expected")
    return records[0]


def get_fact(record: Record, key: str) -> FactValue:
    """A fact that the record must have, None for nothing. Raises FactMissing."""
    try:
        return record[key]
    except KeyError:
        raise FactMissing(key) from None


def _is_present(record: Record, key: str) -> bool:
    value = get_fact(record, key)
    if value is not None and not isinstance(value, str | date):
        raise FactMissing(key)  # false or 0 would be something that is there
    return bool(value)


def _get_text(record: Record, key: str) -> str:
    value = get_fact(record, key)
    if not isinstance(value, str) or not value:
        raise FactMissing(key)
    return value


def get_amount(record: Record, key: str) -> Decimal:
    """A count or an amount from 0 on. Raises FactMissing."""
    amount = get_balance(record, key)
    if amount < 0:
        raise FactMissing(key)
    return amount


def get_balance(record: Record, key: str) -> Decimal:
    """A count or an amount, which may be below 0. Raises FactMissing."""
    value = get_fact(record, key)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise FactMissing(key)
    amount = Decimal(value)
    if not amount.is_finite():
        raise FactMissing(key)
    return amount
