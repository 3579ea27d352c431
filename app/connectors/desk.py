"""A department without a system, whose clerks record what holds: its table's keys, and the connector that reads what was
recorded.

Beside its fields every entry has the facts `recorded_by`, a staff number, and `recorded_at`, a text in local time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field as Key
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from app.config_model import SHOWN_DEFAULT, Choice, Number, Pattern, Text, Whole, between
from app.connectors.base import ActionOutcome, FailureCode, StaleView, UnknownAction, UntrustedAnswer
from app.connectors.config import ConnectorConfig
from app.connectors.field_keys import FieldType
from app.connectors.fields import Field
from app.connectors.reading import MOST_MINUTES, require_student
from app.domain.clearance import DepartmentUnavailable, FactValue, Reading, Record
from app.domain.json_reading import Json
from app.domain.step import DESK_REASON
from app.domain.texts import clean_text
from app.event_loop import Threads

LONGEST_DECLARATION_DAYS = 400
RECORDED_BY, RECORDED_AT = "recorded_by", "recorded_at"
TODAY, CLERK, ASK = "today", "clerk", "ask"
"""In a button's table: the day on which it is pressed, the number of who presses it, and what is typed then."""
KEPT_BY_THE_DESK = {
    name: Field.model_validate({"path": name, "type": "text"}) for name in (RECORDED_BY, RECORDED_AT)
}
DOUBT = "?"
"""Beside the facts of an entry, and no name that a fact can have: why its student is unknown, should the refused row that
says so be gone.
"""
_MARKS_OF_NEED = re.compile(r"\((必填|选填|必填项|选填项|必须|可选|required|optional)\)$", re.IGNORECASE)


class NoEntry(StrEnum):
    """What a missing entry means."""

    NEVER = "never"
    EMPTY = "empty"


class DeskConfig(ConnectorConfig):
    """What a desk records of a student."""

    kind: Literal["desk"] = Key(
        "desk", description="a department without a system, whose clerks record what holds"
    )
    number_column: Text = Key(description="the heading of the student number in imported files")
    number_pattern: Pattern = Key("[0-9A-Za-z]{1,32}", description="what a student number is like")
    no_record: Choice[NoEntry] = Key(
        description="what a missing entry means: `never`: the item is unavailable; `empty`: no record of this student, as "
        "soon as a clerk declared the desk's list complete (`flask desk import … --complete`, `flask desk complete`): "
        "until then, unavailable. A desk with buttons needs no such declaration: its steps do not pass without a record"
    )
    complete_days: Annotated[Whole, between(1, LONGEST_DECLARATION_DAYS)] = Key(
        120, description="for `empty`: how long such a declaration holds: the next season needs its own"
    )
    fresh_for_minutes: Annotated[Number | None, between(1, MOST_MINUTES)] = Key(
        None,
        json_schema_extra={SHOWN_DEFAULT: "any age"},
        description="how old an entry may be, by the time at which it was recorded or by `as_of`",
    )
    as_of: str = Key("", description="with `fresh_for_minutes`: the fact, a day, as of which an entry holds")
    threads: Annotated[Whole, between(1, 50)] = Key(
        4, description="how many entries are read at the same time"
    )
    done: dict[str, str] = Key(
        {},
        description="what the button 办结 of the counter records: a table with every fact, each a text as it would stand in an "
        "imported file, or `today`, `clerk` (the number of who presses it) or `ask` (typed at the counter; no fact that a "
        "rule reads). The step's rule must pass by it, or the service does not start. Without `done` and `not_done` the "
        "desk has no counter",
    )
    not_done: dict[str, str] = Key(
        {}, description="the same for the button 未办结, by which the step's rule must not pass"
    )

    def get_facts(self) -> Mapping[str, Field]:
        """Those of its fields, and what the desk keeps itself."""
        return {**self.fields, **KEPT_BY_THE_DESK}

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        if self.conventions.numbers.contradicts(self.number_pattern):
            case = self.conventions.numbers.case
            yield (
                "number_pattern",
                f'has no letter as [numbers] case = "{case}" writes them: nothing can match',
            )
        if "complete_days" in self.model_fields_set and self.no_record is not NoEntry.EMPTY:
            yield "complete_days", 'is for no_record = "empty"'
        if self.as_of and self.fresh_for_minutes is None:
            yield "as_of", "needs fresh_for_minutes"
        yield from self._list_field_contradictions()
        yield from self._list_button_contradictions()

    @property
    def has_buttons(self) -> bool:
        """Whether clerks decide at a counter."""
        return bool(self.done or self.not_done)

    def _list_button_contradictions(self) -> Iterator[tuple[str, str]]:
        for name, button in (("done", self.done), ("not_done", self.not_done)) if self.has_buttons else ():
            yield from (
                (f"{name}.{fact}", "is no fact of the desk") for fact in button if fact not in self.fields
            )
            yield from ((f"{name}.{fact}", "is missing") for fact in self.fields if fact not in button)
            for fact, says in button.items():
                kind = self.fields[fact].type if fact in self.fields else None
                if kind and says == TODAY and kind is not FieldType.DAY:
                    yield f"{name}.{fact}", f"is {TODAY}, and the fact is a {kind}"
                if kind and says == CLERK and kind is not FieldType.TEXT:
                    yield f"{name}.{fact}", f"is {CLERK}, and the fact is a {kind}"

    def _list_field_contradictions(self) -> Iterator[tuple[str, str]]:
        for name, field in self.fields.items():
            if len(field.path) != 1:
                yield f"fields.{name}.path", "must be a heading"
            if field.type is FieldType.DAY and field.formats:
                yield f"fields.{name}.formats", "is not for a desk: its days are kept as YYYY-MM-DD"
            if field.null is not None:
                yield (
                    f"fields.{name}.null",
                    "is not for a desk: a cell without a number is a clerk's omission",
                )
            if name in KEPT_BY_THE_DESK or name == DESK_REASON:
                yield f"fields.{name}", "is kept by the desk itself"
        headings = [fold_heading(heading) for heading in list_headings(self)]
        if len(set(headings)) != len(headings):
            yield "fields", "and number_column name a heading twice"
        held = self.fields.get(self.as_of)
        if self.as_of and (held is None or held.type is not FieldType.DAY or held.may_be_empty):
            yield "as_of", "must be a fact of the type day that is never empty"


def get_heading(field: Field) -> str:
    """The heading of a fact's column."""
    return str(field.path[0]) if field.path else ""


def list_headings(config: DeskConfig) -> list[str]:
    """The headings that an imported file must have, the student number's first."""
    return [config.number_column, *(get_heading(field) for field in config.fields.values())]


def fold_heading(text: str) -> str:
    """A heading as it is compared: without spaces, the stars of forms and a bracket such as （必填）at its end. Any
    other bracket stays: it may say a unit. Raises ControlCharacter.
    """
    plain = unicodedata.normalize("NFKC", clean_text(text)).replace(" ", "").strip("*")
    return _MARKS_OF_NEED.sub("", plain).strip("*")


def read_kept(field: Field, kept: Json) -> FactValue:
    """The fact that a kept text or flag is; raises UntrustedAnswer if it is none."""
    return field.read({get_heading(field): kept})


@dataclass(frozen=True, slots=True)
class KeptEntry:
    """What is kept of a student: the facts as texts and flags, who recorded them, and when (UTC). `is_authentic`: no
    clerk stored it so, or it was changed afterwards, where it is not; nor is it where the newest decision says otherwise.
    `reason_key`: for which of the step's reasons a clerk decided that it is not done.
    """

    student_number: str
    facts: Mapping[str, Json]
    recorded_by: str
    recorded_at: datetime
    is_authentic: bool
    reason_key: str = ""

    @property
    def is_doubted(self) -> bool:
        """Whether a row about its student could not be read, and no later one mended it."""
        return isinstance(self.facts, Mapping) and DOUBT in self.facts


@dataclass(frozen=True, slots=True)
class Found:
    """What a desk knows of a student. `is_refused`: a row about the student, or one that may be about anybody, could
    not be read, and no later one mended it. `is_lost`: there was an entry, and no clerk's command took it away.
    `complete_since`: when a clerk declared that whoever has no entry has nothing to settle; told where there is none.
    `version` is that of the newest decision, 0 before the first.
    """

    entry: KeptEntry | None
    is_refused: bool
    is_lost: bool
    complete_since: datetime | None
    version: int = 0

    def still_holds(self, version: int) -> bool:
        """Whether what was read at this version may be rested on still."""
        if self.is_refused or self.is_lost or self.version != version:
            return False
        if self.entry is None:
            return self.complete_since is not None
        return self.entry.is_authentic and not self.entry.is_doubted


FindEntry = Callable[[str, str], Found]
"""Finds what a connector's name and a student number have. Blocks; raises SQLAlchemyError."""


@dataclass(frozen=True, slots=True)
class DeskBook:
    """Where the entries are, and the wall clock that their moments are shown by. `find_within` does what `find` does in
    the transaction of a connection. `close` closes the connections that no call uses.
    """

    find: FindEntry
    find_within: Callable[[Connection, str, str], Found]
    close: Callable[[], None]
    zone: tzinfo


class DeskConnector:
    """One desk. Has no deadline of its own: it runs inside a GuardedConnector."""

    def __init__(self, config: DeskConfig, book: DeskBook) -> None:
        self.name = config.name
        self.actions: frozenset[str] = frozenset()
        self._config = config
        self._book = book
        self._threads = Threads(f"desk-{config.name}", config.threads)

    async def fetch_reading(self, student_number: str) -> Reading:
        """See Connector."""
        try:
            found = await self._threads.run(lambda: self._book.find(self.name, student_number))
        except SQLAlchemyError:
            raise DepartmentUnavailable(self.name, FailureCode.SERVER_ERROR) from None
        return read_found(self._config, found, student_number, self._book.zone, datetime.now(UTC))

    async def perform_action(self, action: str, student_number: str) -> ActionOutcome:
        """A desk takes no actions: raises UnknownAction."""
        raise UnknownAction(action)

    async def close(self) -> None:
        """See Connector."""
        self._book.close()


def read_found(config: DeskConfig, found: Found, student_number: str, zone: tzinfo, now: datetime) -> Reading:
    """What a desk says of a student by what was found. Raises DepartmentUnavailable, or StaleView for what is too old."""
    try:
        _require_known(config, found, now)
        records = read_entry(config, found.entry, student_number, zone)
    except UntrustedAnswer as error:
        raise DepartmentUnavailable(config.name, error.fault) from None
    limit = config.fresh_for_minutes
    if found.entry is not None and limit is not None:
        as_of = _get_as_of(config, found.entry, records[0], zone)
        if now - as_of > timedelta(minutes=limit):
            raise StaleView(config.name, as_of)
    return Reading(config.name, student_number, records, now, version=found.version)


def _require_known(config: DeskConfig, found: Found, now: datetime) -> None:
    """Raise UntrustedAnswer for a refused row, for an entry that is not authentic or was lost, and for a missing entry
    while no declaration holds; StaleView once the declaration is too old.
    """
    if found.is_refused or (found.entry is not None and found.entry.is_doubted):
        raise UntrustedAnswer(FailureCode.REFUSED_ROW)
    if found.is_lost or (found.entry is not None and not found.entry.is_authentic):
        raise UntrustedAnswer(FailureCode.FORGED_ROW)
    if found.entry is not None or config.no_record is NoEntry.NEVER or config.has_buttons:
        return  # nobody passes at a desk with buttons for want of an entry, see check_buttons
    if found.complete_since is None:
        raise UntrustedAnswer(FailureCode.NOT_COMPLETE)
    if now - found.complete_since > timedelta(days=config.complete_days):
        raise StaleView(config.name, found.complete_since)


def _get_as_of(config: DeskConfig, entry: KeptEntry, record: Record, zone: tzinfo) -> datetime:
    """When an entry held, in UTC: at the beginning of the day that it names, or when it was recorded."""
    day = record.get(config.as_of)
    if isinstance(day, date):
        return datetime.combine(day, time.min, zone).astimezone(UTC)
    return entry.recorded_at.astimezone(UTC)


def read_entry(
    config: DeskConfig, entry: KeptEntry | None, student_number: str, zone: tzinfo
) -> tuple[Record, ...]:
    """The facts of an entry, proven again: what the configuration knows now may be less than when it was recorded.

    Raises UntrustedAnswer.
    """
    if entry is None:
        if config.no_record is NoEntry.NEVER:
            raise UntrustedAnswer(FailureCode.NO_ENTRY)
        return ()
    require_student(config.conventions, entry.student_number, student_number)
    if not isinstance(entry.facts, Mapping) or not set(config.fields) <= set(entry.facts):
        raise UntrustedAnswer(FailureCode.MISSING_FIELD)
    facts = {name: read_kept(field, entry.facts[name]) for name, field in config.fields.items()}
    recorded_at = f"{entry.recorded_at.astimezone(zone):%Y-%m-%d %H:%M}"
    reason = {DESK_REASON: entry.reason_key} if entry.reason_key else {}
    return ({**facts, RECORDED_BY: entry.recorded_by, RECORDED_AT: recorded_at, **reason},)
