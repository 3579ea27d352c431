"""Systems that know people by another key than the student number: a card number 一卡通号, an identity number 身份证号, an
earlier student number. A wrapper finds the key of the student and asks by it; for everybody else the student stays
the student number. A key is in no log, no metric and no stored row.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app import metrics
from app.connectors.base import ActionOutcome, Connector, FailureCode, StaleView
from app.domain.clearance import DepartmentUnavailable, KeyMissing, KeyUnusable, Reading
from app.domain.person import STUDENT_NUMBER, Keys, MalformedNumber, NumberForm

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyRule:
    """A key of a person: its form, whether one may have several or none of it, and the connector whose fact it is;
    without one the sign-in tells it. `holder` is a student who is known to have one: what a connector tells of nobody
    proves nothing.
    """

    name: str
    form: NumberForm
    is_several: bool = False
    is_optional: bool = False
    mapping: Connector | None = None
    fact: str = ""
    holder: str = ""


class KeyedConnector:
    """A connector that is asked by keys of a person: by all of them, side by side, and all count. `known` are the keys
    that sign-ins told, by student number: those of the canary students, and of the student whom it is bound to.
    """

    def __init__(
        self, inner: Connector, rules: tuple[KeyRule, ...], known: Mapping[str, Keys] | None = None
    ) -> None:
        self.name = inner.name
        self.actions = inner.actions
        self.inner = inner
        self._rules = rules
        self._known = known or {}

    @property
    def mappings(self) -> list[Connector]:
        """The connectors whose facts are its keys."""
        return [rule.mapping for rule in self._rules if rule.mapping is not None]

    def bind(self, student_number: str, keys: Keys) -> KeyedConnector:
        """The same with the keys of one student, for one request; those of a mapping that is asked by keys among it."""
        rules = tuple(
            replace(rule, mapping=rule.mapping.bind(student_number, keys))
            if isinstance(rule.mapping, KeyedConnector)
            else rule
            for rule in self._rules
        )
        return KeyedConnector(self.inner, rules, {**self._known, student_number: keys})

    async def fetch_reading(self, student_number: str) -> Reading:
        """See Connector; faults of its own: no_key, several_keys, malformed_key, key_unproven."""
        numbers = await self._find_numbers(student_number)
        calls = (self.inner.fetch_reading(number) for number in numbers)
        found = await asyncio.gather(*calls, return_exceptions=True)
        for one in found:
            if isinstance(one, BaseException):
                raise one
        readings = [one for one in found if isinstance(one, Reading)]
        return Reading(
            self.name,
            student_number,
            tuple(record for reading in readings for record in reading.records),
            min(reading.learnt_at for reading in readings),
            tuple(len(reading.records) for reading in readings) if len(readings) > 1 else (),
        )

    async def perform_action(self, action: str, student_number: str) -> ActionOutcome:
        """See Connector; done for every key, one after the other."""
        try:
            numbers = await self._find_numbers(student_number)
        except DepartmentUnavailable:
            return ActionOutcome.UNKNOWN
        outcomes = {await self.inner.perform_action(action, number) for number in numbers}
        return outcomes.pop() if len(outcomes) == 1 else ActionOutcome.UNKNOWN

    async def close(self) -> None:
        """See Connector."""
        await self.inner.close()

    async def _find_numbers(self, student_number: str) -> list[str]:
        try:
            found = [await self._find(rule, student_number) for rule in self._rules]
            numbers = list(dict.fromkeys(number for numbers in found for number in numbers))
            if not numbers:
                raise KeyMissing(self.name, self._rules[0].name, FailureCode.NO_KEY)
        except DepartmentUnavailable as error:
            metrics.department_failures.labels(self.name, error.fault).inc()
            log.warning("key of a student not known", extra={"system": self.name, "fault": str(error.fault)})
            raise
        return numbers

    async def _find(self, rule: KeyRule, student_number: str) -> tuple[str, ...]:
        """What to ask by; nothing for a key that one need not have, and has not."""
        if rule.name == STUDENT_NUMBER:
            return (student_number,)
        if rule.mapping is None:
            told: Iterable[object] | None = self._known.get(student_number, {}).get(rule.name)
        else:
            told = await self._look_up(rule, rule.mapping, student_number)
        if not told and (told is None or not rule.is_optional):
            raise KeyMissing(self.name, rule.name, FailureCode.NO_KEY)
        if not told and rule.mapping is not None:
            await self._prove_none(rule, rule.mapping, student_number)
        keys = tuple(dict.fromkeys(self._fold(rule, key) for key in told))
        if len(keys) > 1 and not rule.is_several:
            raise KeyUnusable(self.name, rule.name, FailureCode.SEVERAL_KEYS)
        return keys

    async def _prove_none(self, rule: KeyRule, mapping: Connector, student_number: str) -> None:
        """Hold that the mapping told of no key since the student has none, and not since it was empty: its holder is
        looked up after the student, and the student once more after that.
        """
        held = await self._look_up(rule, mapping, rule.holder) if rule.holder else []
        again = await self._look_up(rule, mapping, student_number)
        if not held or again or student_number == rule.holder:
            raise KeyUnusable(self.name, rule.name, FailureCode.KEY_UNPROVEN)
        for key in held:
            self._fold(rule, key)

    async def _look_up(self, rule: KeyRule, mapping: Connector, student_number: str) -> list[object]:
        """What the mapping has of a student; a row without a key is no key."""
        try:
            reading = await mapping.fetch_reading(student_number)
        except StaleView:
            raise
        except KeyUnusable as error:
            raise KeyUnusable(self.name, error.key, error.fault) from None
        except DepartmentUnavailable as error:
            raise KeyUnusable(self.name, rule.name, error.fault) from None
        told = (record[rule.fact] for record in reading.records)
        return [key for key in told if key is not None]

    def _fold(self, rule: KeyRule, key: object) -> str:
        """The one form of a key; what a connector tells must have it already, as its system compares it as it stands."""
        try:
            folded = rule.form.fold(key if isinstance(key, str) else "")
        except MalformedNumber:
            folded = ""
        if not folded or (rule.mapping is not None and folded != key):
            raise KeyUnusable(self.name, rule.name, FailureCode.MALFORMED_KEY)
        return folded


def bind_keys(
    connectors: Mapping[str, Connector], student_number: str, keys: Keys
) -> Mapping[str, Connector]:
    """The connectors of steps, those that are asked by keys with the ones of this student: one for all the steps that
    share one.
    """
    keyed = {each for each in connectors.values() if isinstance(each, KeyedConnector)}
    bound: dict[Any, Connector] = {each: each.bind(student_number, keys) for each in keyed}
    return {step: bound.get(each, each) for step, each in connectors.items()}


def list_asked_through(connector: Connector) -> Iterator[Connector]:
    """The connector that is asked in the end, and those that give its keys."""
    if not isinstance(connector, KeyedConnector):
        yield connector
        return
    yield connector.inner
    for mapping in connector.mappings:
        yield from list_asked_through(mapping)
