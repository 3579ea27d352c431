"""The named pass rules that a step may use.

A rule judges the proven records of one student. It never guesses: a fact that is missing or of another
type raises `FactMissing`, and the step is unavailable. Source of the rules: the university's user manual
of the departure service, sections 2.2.1 to 2.2.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field, PlainValidator

from app.config_model import Section, Text, Texts
from app.domain.clearance import FactValue, Reading, Reason, Record, RuleResult, Status

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


@dataclass(frozen=True, slots=True)
class FactUse:
    """How a rule reads a fact: the types it can judge, the texts that pass (none: it compares no text), and
    whether it asks only that something is there.
    """

    key: str
    types: tuple[str, ...]
    passing: tuple[str, ...] = ()
    is_presence: bool = False


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

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        if not self.fact_keys:
            yield "", "names no fact: the rule would pass everybody"


def _read_wanted(value: object) -> tuple[str, ...]:
    texts = value if isinstance(value, list | tuple) else [value]
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise ValueError("must be a text or a list of texts")
    return tuple(texts)


class AllSettled(Rule):
    """Passes when every counted fact is zero and every named fact has one of its values, e.g. no books, no
    fee, no violation, and the card is cancelled.
    """

    zero: Texts = Field(description="list of facts that must be 0")
    equals: dict[str, Annotated[tuple[str, ...], PlainValidator(_read_wanted)]] = Field(
        description="table of fact = text, or list of texts: it must be (one of) them"
    )

    @property
    def uses(self) -> tuple[FactUse, ...]:
        """See Rule."""
        compared = (FactUse(key, TEXTS, passing) for key, passing in self.equals.items())
        return (*(FactUse(key, AMOUNTS) for key in self.zero), *compared)

    def judge(self, records: tuple[Record, ...]) -> RuleResult:
        """Each fact that is not settled is a reason."""
        record = _get_only(records)
        reasons = [
            Reason(key, _get_amount(record, key)) for key in self.zero if _get_amount(record, key) != 0
        ]
        reasons += [
            Reason(key, _get_text(record, key))
            for key, wanted in self.equals.items()
            if _get_text(record, key) not in wanted
        ]
        return _conclude(reasons)


class ValueIs(Rule):
    """Passes when a fact has one of the named values; empty does not pass."""

    fact: Text = Field(description="the fact")
    passes: Texts = Field(description="list of texts: it must be one of them")

    @property
    def uses(self) -> tuple[FactUse, ...]:
        """See Rule."""
        return (FactUse(self.fact, TEXTS, self.passes),)

    def judge(self, records: tuple[Record, ...]) -> RuleResult:
        """The value itself is the reason when it does not pass."""
        record = _get_only(records)
        if _get_fact(record, self.fact) is None:
            return _conclude([Reason(self.fact)])
        value = _get_text(record, self.fact)
        return _conclude([] if value in self.passes else [Reason(self.fact, value)])


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
        record = _get_only(records)
        absent = {key for key in self.facts if not _is_present(record, key)}
        undone = {key for key in self.facts if key not in absent and self._is_undone(record[key])}
        return _conclude(
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
    covered by a loan, never below zero, so that one record's reduction cannot hide another's debt.
    """

    amount: Text = Field(description="the fact that is owed")
    reduced_by: Texts = Field(description="list of facts that reduce it")

    @property
    def uses(self) -> tuple[FactUse, ...]:
        """See Rule."""
        return tuple(FactUse(key, AMOUNTS) for key in (self.amount, *self.reduced_by))

    @property
    def reason_keys(self) -> tuple[str, ...]:
        """See Rule."""
        return (self.amount,)

    def judge(self, records: tuple[Record, ...]) -> RuleResult:
        """The reason is the sum owed, in yuan, under the amount's key."""
        owed = sum((self._get_owed(record) for record in records), Decimal(0))
        return _conclude([Reason(self.amount, owed)] if owed > 0 else [])

    def _get_owed(self, record: Record) -> Decimal:
        reductions = sum((_get_amount(record, key) for key in self.reduced_by), Decimal(0))
        return max(_get_amount(record, self.amount) - reductions, Decimal(0))


RULES: Mapping[str, type[Rule]] = {
    "all_settled": AllSettled,
    "value_is": ValueIs,
    "all_present": AllPresent,
    "nothing_owed": NothingOwed,
}
"""By the name that a step gives."""


def judge_reading(rule: Rule, no_record: Status, reading: Reading) -> RuleResult:
    """What a reading means under a step's rule; `no_record` is the status of a student without a record.

    Raises FactMissing when the records are not what the rule can judge.
    """
    if not reading.records:
        return RuleResult(no_record, (Reason("no_record"),) if no_record is Status.OUTSTANDING else ())
    return rule.judge(reading.records)


def _conclude(reasons: list[Reason]) -> RuleResult:
    return RuleResult(Status.OUTSTANDING, tuple(reasons)) if reasons else CLEARED


def _get_only(records: tuple[Record, ...]) -> Record:
    if len(records) != 1:
        raise FactMissing("one record expected")
    return records[0]


def _get_fact(record: Record, key: str) -> FactValue:
    try:
        return record[key]
    except KeyError:
        raise FactMissing(key) from None


def _is_present(record: Record, key: str) -> bool:
    value = _get_fact(record, key)
    if value is not None and not isinstance(value, str | date):
        raise FactMissing(key)  # false or 0 would be something that is there
    return bool(value)


def _get_text(record: Record, key: str) -> str:
    value = _get_fact(record, key)
    if not isinstance(value, str) or not value:
        raise FactMissing(key)
    return value


def _get_amount(record: Record, key: str) -> Decimal:
    value = _get_fact(record, key)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise FactMissing(key)
    amount = Decimal(value)
    if not amount.is_finite() or amount < 0:
        raise FactMissing(key)
    return amount
