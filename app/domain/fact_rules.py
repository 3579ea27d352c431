"""Pass rules about one fact: a yes or no, an amount with a bound, a day; and what is owed in all records together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from app.config_model import Day, Flag, Text, Whole, between, of_context
from app.domain.clearance import Reason, Record, RuleResult
from app.domain.rules import (
    AMOUNTS,
    FactMissing,
    FactUse,
    Needs,
    NothingOwed,
    Rule,
    conclude,
    get_balance,
    get_fact,
    get_only_record,
)


class _FlagIs(Rule):
    """Passes when a flag has the one value; empty does not pass."""

    wanted: ClassVar[bool]
    fact: Text = Field(description="the fact, a flag")

    @property
    def uses(self) -> tuple[FactUse, ...]:
        """See Rule."""
        return (FactUse(self.fact, ("flag",)),)

    def judge(self, records: tuple[Record, ...]) -> RuleResult:
        """The value is the reason when it is the other one, or none."""
        value = get_fact(get_only_record(records), self.fact)
        if value is not None and not isinstance(value, bool):
            raise FactMissing(self.fact)
        return conclude([] if value is self.wanted else [Reason(self.fact, value)])


class IsYes(_FlagIs):
    """Passes when a flag is yes, e.g. the deposit was returned."""

    wanted = True


class IsNo(_FlagIs):
    """Passes when a flag is no, e.g. there is nothing on loan."""

    wanted = False


def _read_amount(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError('must be a whole number, or a text such as "12.50"')
    try:
        amount = Decimal(value)
    except ArithmeticError:
        raise ValueError('must be a whole number, or a text such as "12.50"') from None
    if not amount.is_finite():
        raise ValueError("must be finite")
    return amount


Amount = Annotated[Decimal, BeforeValidator(_read_amount)]


class AtMost(Rule):
    """Passes when an amount is not above a bound, e.g. no more than 5 yuan left on a card."""

    fact: Text = Field(description="the fact, a count or an amount of money in yuan")
    most: Amount = Field(description='the most that passes: a whole number, or a text such as `"12.50"`')

    @property
    def uses(self) -> tuple[FactUse, ...]:
        """See Rule."""
        needs = Needs.CLEARED_BELOW_ZERO if self.most < 0 else None
        return (FactUse(self.fact, AMOUNTS, takes_negative=True, needs=needs),)

    def judge(self, records: tuple[Record, ...]) -> RuleResult:
        """The amount is the reason when it is above."""
        amount = get_balance(get_only_record(records), self.fact)
        return conclude([] if amount <= self.most else [Reason(self.fact, amount)])


class AtLeast(Rule):
    """Passes when an amount is not below a bound, e.g. 40 hours of service, or a balance that is not overdrawn."""

    fact: Text = Field(description="the fact, a count or an amount of money in yuan")
    least: Amount = Field(description='the least that passes: a whole number, or a text such as `"12.50"`')

    @property
    def uses(self) -> tuple[FactUse, ...]:
        """See Rule."""
        needs = Needs.LEFT_BELOW_ZERO if self.least <= 0 else None
        return (FactUse(self.fact, AMOUNTS, takes_negative=True, needs=needs),)

    def judge(self, records: tuple[Record, ...]) -> RuleResult:
        """The amount is the reason when it is below."""
        amount = get_balance(get_only_record(records), self.fact)
        return conclude([] if amount >= self.least else [Reason(self.fact, amount)])


class NothingOwedInAll(NothingOwed):
    """Passes when all records together owe nothing: here a credit of one record pays for another, as one account has it."""

    amount: Text = Field(description="the fact that is owed; below 0 it is a credit")

    def bound(self, owed: Decimal) -> Decimal:
        """See NothingOwed."""
        return owed


class DayIs(Rule):
    """Passes when a day is within bounds, e.g. a check-up of the last 30 days, or an insurance that is valid today."""

    fact: Text = Field(description="the fact, a day")
    not_before: Day | None = Field(None, description='the first day that passes, e.g. `"2026-06-01"`')
    not_after: Day | None = Field(None, description="the last day that passes")
    within_days: Annotated[Whole | None, between(0, 36_600)] = Field(
        None,
        description="how many days ago it may be at most, by the campus's day; a day to come does not pass",
    )
    not_past: Flag = Field(
        False, description="true: a day that is over does not pass, e.g. until when something is valid"
    )
    zone: Annotated[tzinfo, *of_context("zone", UTC)] = UTC

    @property
    def uses(self) -> tuple[FactUse, ...]:
        """See Rule."""
        return (FactUse(self.fact, ("day",), needs=Needs.CLEARED_BY_DAYS_TO_COME if self.not_past else None),)

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        bounds = (self.not_before, self.not_after, self.within_days, self.not_past or None)
        if not any(bound is not None for bound in bounds):
            yield "", "names no bound: the rule would pass every day"
        if self.not_before and self.not_after and self.not_before > self.not_after:
            yield "not_after", "is before not_before: the rule could never pass"
        if self.not_past and self.within_days is not None:
            yield "not_past", "and within_days are both set: one is for days to come"

    def judge(self, records: tuple[Record, ...]) -> RuleResult:
        """By today."""
        return self.judge_at(records, datetime.now(UTC))

    def judge_at(self, records: tuple[Record, ...], moment: datetime) -> RuleResult:
        """The day is the reason when it is out of bounds, or nothing."""
        day = get_day(get_only_record(records), self.fact)
        is_within = day is not None and self._is_within(day, moment.astimezone(self.zone).date())
        return conclude([] if is_within else [Reason(self.fact, day)])

    def _is_within(self, day: date, today: date) -> bool:
        if self.not_past and day < today:
            return False
        if self.within_days is not None and not today - timedelta(days=self.within_days) <= day <= today:
            return False
        return (self.not_before or day) <= day <= (self.not_after or day)


def get_day(record: Record, key: str) -> date | None:
    """A day, or None for nothing. Raises FactMissing."""
    value = get_fact(record, key)
    if value is not None and not isinstance(value, date):
        raise FactMissing(key)
    return value
