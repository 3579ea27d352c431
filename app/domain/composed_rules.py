"""Pass rules that are made of others, one level deep, and RULES: every rule by its name.

Each part is a table `{ rule = "…", … }` with the parameters of that rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field, PlainValidator, ValidationInfo

from app.config_model import Tables, Text, require
from app.domain.clearance import Reason, Record, RuleResult, Status
from app.domain.fact_rules import AtLeast, AtMost, DayIs, IsNo, IsYes, NothingOwedInAll, get_day
from app.domain.rules import (
    CLEARED,
    AllPresent,
    AllSettled,
    FactMissing,
    FactUse,
    NothingOwed,
    Rule,
    ValueIs,
    conclude,
)

SIMPLE: Mapping[str, type[Rule]] = {
    "all_settled": AllSettled,
    "value_is": ValueIs,
    "all_present": AllPresent,
    "is_yes": IsYes,
    "is_no": IsNo,
    "at_most": AtMost,
    "at_least": AtLeast,
    "day_is": DayIs,
}
"""The rules about one record, of which others are made."""


def _read_part(value: object, info: ValidationInfo) -> Rule:
    if not isinstance(value, Mapping):
        raise ValueError('must be a table such as { rule = "value_is", … }')
    kind = SIMPLE.get(str(value.get("rule")))
    if kind is None:
        raise ValueError(f"must name a rule of {', '.join(SIMPLE)}")
    return kind.model_validate(
        {key: part for key, part in value.items() if key != "rule"}, context=info.context
    )


Part = Annotated[Rule, PlainValidator(_read_part)]
Parts = Annotated[Tables[Part], require("is empty: name the rules that it is made of")]


class _Composed(Rule):
    """A rule that asks others, by the same moment."""

    def judge(self, records: tuple[Record, ...]) -> RuleResult:
        """By today."""
        return self.judge_at(records, datetime.now(UTC))

    def judge_at(self, records: tuple[Record, ...], moment: datetime) -> RuleResult:
        """See Rule."""
        raise NotImplementedError


class AllOf(_Composed):
    """Passes when each of several rules passes."""

    rules: Parts = Field(description="list of rules, each a table with `rule` and its parameters")

    @property
    def uses(self) -> tuple[FactUse, ...]:
        """See Rule."""
        return tuple(use for rule in self.rules for use in rule.uses)

    @property
    def reason_keys(self) -> tuple[str, ...]:
        """See Rule."""
        return tuple(dict.fromkeys(key for rule in self.rules for key in rule.reason_keys))

    def judge_at(self, records: tuple[Record, ...], moment: datetime) -> RuleResult:
        """The reasons are those of all rules that do not pass."""
        return conclude(_list_reasons(rule.judge_at(records, moment) for rule in self.rules))


class AnyOf(AllOf):
    """Passes when one of several rules passes, e.g. the fee is paid or waived. What does not pass is told by the first."""

    @property
    def reason_keys(self) -> tuple[str, ...]:
        """See Rule."""
        return self.rules[0].reason_keys

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        if len(self.rules) == 1:
            yield "rules", "has one rule alone: name it as the step's"

    def judge_at(self, records: tuple[Record, ...], moment: datetime) -> RuleResult:
        """One that passes suffices. Where none does, and one cannot be judged, nothing is proven: raises FactMissing."""
        found: list[RuleResult] = []
        missing: FactMissing | None = None
        for rule in self.rules:
            try:
                found.append(rule.judge_at(records, moment))
            except FactMissing as error:
                missing = error
        if any(result.status is Status.CLEARED for result in found):
            return CLEARED
        if missing is not None:
            raise missing
        return found[0]


class _OfRecords(_Composed):
    """A rule that is asked of single records."""

    judged_by: Part = Field(description="the rule for a record, a table with `rule` and its parameters")

    @property
    def uses(self) -> tuple[FactUse, ...]:
        """See Rule."""
        return self.judged_by.uses

    @property
    def reason_keys(self) -> tuple[str, ...]:
        """See Rule."""
        return self.judged_by.reason_keys

    def _judge_each(self, records: tuple[Record, ...], moment: datetime) -> list[RuleResult]:
        return [self.judged_by.judge_at((record,), moment) for record in records]


class EveryRecord(_OfRecords):
    """Passes when the rule passes each record, e.g. every loan was given back."""

    def judge_at(self, records: tuple[Record, ...], moment: datetime) -> RuleResult:
        """The reasons are those of all records that do not pass."""
        return conclude(_list_reasons(self._judge_each(records, moment)))


class AnyRecord(_OfRecords):
    """Passes when the rule passes a record, e.g. one of several applications was approved."""

    def judge_at(self, records: tuple[Record, ...], moment: datetime) -> RuleResult:
        """All records are judged: one that cannot be is no proof that the others are. Raises FactMissing."""
        found = self._judge_each(records, moment)
        is_passed = any(result.status is Status.CLEARED for result in found)
        return CLEARED if is_passed else conclude(_list_reasons(found))


class LatestRecord(_OfRecords):
    """Passes when the rule passes the record with the latest day, e.g. the last review of several."""

    by: Text = Field(description="the fact, a day, by which the latest record is found")

    @property
    def uses(self) -> tuple[FactUse, ...]:
        """See Rule."""
        return (*self.judged_by.uses, FactUse(self.by, ("day",)))

    def judge_at(self, records: tuple[Record, ...], moment: datetime) -> RuleResult:
        """A record without its day, or two of the latest one, leave open which is the latest. Raises FactMissing."""
        days = [get_day(record, self.by) for record in records]
        known = [day for day in days if day is not None]
        if len(known) < len(days) or not known or known.count(max(known)) > 1:
            raise FactMissing(self.by)
        return self.judged_by.judge_at((records[days.index(max(known))],), moment)


def _list_reasons(results: Iterable[RuleResult]) -> list[Reason]:
    """The reasons of those that do not pass, each once."""
    found: dict[Any, Reason] = {}
    for result in results:
        found.update({(reason.key, reason.value): reason for reason in result.reasons})
    return list(found.values())


RULES: Mapping[str, type[Rule]] = {
    **SIMPLE,
    "nothing_owed": NothingOwed,
    "nothing_owed_in_all": NothingOwedInAll,
    "all_of": AllOf,
    "any_of": AnyOf,
    "every_record": EveryRecord,
    "any_record": AnyRecord,
    "latest_record": LatestRecord,
}
"""By the name that a step gives."""
