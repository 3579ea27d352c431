"""The connector for a department without a system: reads what its clerks recorded (see `desk_config.py`).

Reads the configuration of a `desk`: a department without a system, whose clerks record what holds.

| key | meaning |
| --- | --- |
| `kind` | `"desk"` |
| `number_column` | the heading of the student number in imported files |
| `number_pattern` | what a student number is like (`[0-9A-Za-z]{1,32}`) |
| `no_record` | what a missing entry means: `never`: the item is unavailable; `empty`: no record of this student, as soon as a clerk declared the desk's list complete (`flask desk import … --complete`, `flask desk complete`): until then, unavailable |
| `complete_days` | for `empty`: how long such a declaration holds (120): the next season needs its own |
| `[.fields.<fact>]` | as in `http_config.py`, without `json`; `path` is the heading in imported files. A day may be written 2026-6-9 or 2026/6/9, a flag is 是 or 否, true or false |
| `fresh_for_minutes` | how old an entry may be, by the time at which it was recorded or by `as_of` (any age) |
| `as_of` | with `fresh_for_minutes`: the fact, a day, as of which an entry holds ("") |
| `threads` | how many entries are read at the same time (4) |
| `deadline_seconds` and the others | as in `http_config.py` |

Beside its fields every entry has the facts `recorded_by`, a staff number, and `recorded_at`, a text in local time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from sqlalchemy.exc import SQLAlchemyError

from app.connectors.base import ActionOutcome, FailureCode, StaleView, UnknownAction, UntrustedAnswer
from app.connectors.config import read_choice, read_field
from app.connectors.fields import Field, FieldType, JsonType
from app.connectors.reading import MOST_MINUTES, require_student
from app.domain.clearance import DepartmentUnavailable, FactValue, Reading, Record
from app.domain.conventions import USUAL, Conventions
from app.domain.json_reading import Json
from app.domain.texts import clean_text
from app.event_loop import Threads
from app.tables import Table

RECORDED_BY, RECORDED_AT = "recorded_by", "recorded_at"
KEPT_BY_THE_DESK = {name: Field((name,), FieldType.TEXT) for name in (RECORDED_BY, RECORDED_AT)}
USUAL_COMPLETE_DAYS = 120
_MARKS_OF_NEED = re.compile(r"\((必填|选填|必填项|选填项|必须|可选|required|optional)\)$", re.IGNORECASE)


class NoEntry(StrEnum):
    """What a missing entry means."""

    NEVER = "never"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class DeskConfig:
    """What a desk records of a student."""

    number_column: str
    number_pattern: str
    no_entry: NoEntry
    fields: Mapping[str, Field]
    threads: int
    complete_days: int = USUAL_COMPLETE_DAYS
    age: timedelta | None = None
    as_of: str = ""
    conventions: Conventions = USUAL


def read_desk(table: Table, conventions: Conventions = USUAL) -> DeskConfig:
    """The configuration in a table; notes every fault in `table.faults`. Common keys are read elsewhere."""
    config = DeskConfig(
        number_column=table.text("number_column"),
        number_pattern=_read_pattern(table, conventions),
        no_entry=read_choice(table, "no_record", NoEntry.NEVER),
        fields={name: _read_fact(item, conventions) for name, item in table.named_tables("fields").items()},
        threads=table.integer("threads", 4, least=1, most=50),
        age=_read_age(table),
        as_of=table.text("as_of", ""),
        conventions=conventions,
        complete_days=table.integer("complete_days", USUAL_COMPLETE_DAYS, least=1, most=400),
    )
    _check_as_of(table, config)
    headings = [fold_heading(heading) for heading in list_headings(config)]
    if not config.fields:
        table.fault("fields", "names no fact")
    if table.has("complete_days") and config.no_entry is not NoEntry.EMPTY:
        table.fault("complete_days", 'is for no_record = "empty"')
    if len(set(headings)) != len(headings):
        table.fault("fields", "and number_column name a heading twice")
    for name in (RECORDED_BY, RECORDED_AT):
        if name in config.fields:
            table.fault(f"fields.{name}", "is kept by the desk itself")
    return config


def get_heading(field: Field) -> str:
    """The heading of a fact's column."""
    return str(field.path[0])


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


def _read_age(table: Table) -> timedelta | None:
    if not table.has("fresh_for_minutes"):
        return None
    return timedelta(minutes=table.number("fresh_for_minutes", least=1, most=MOST_MINUTES))


def _check_as_of(table: Table, config: DeskConfig) -> None:
    if not config.as_of:
        return
    field = config.fields.get(config.as_of)
    if field is None or field.type is not FieldType.DAY or field.may_be_empty:
        table.fault("as_of", "must be a fact of the type day that is never empty")
    if config.age is None:
        table.fault("as_of", "needs fresh_for_minutes")


def _read_pattern(table: Table, conventions: Conventions) -> str:
    pattern = table.text("number_pattern", "[0-9A-Za-z]{1,32}")
    try:
        re.compile(pattern)
    except re.error:
        table.fault("number_pattern", "is not a regular expression")
        return "(?!)"
    if conventions.numbers.contradicts(pattern):
        case = conventions.numbers.case
        table.fault(
            "number_pattern", f'has no letter as [numbers] case = "{case}" writes them: nothing can match'
        )
    return pattern


def _read_fact(table: Table, conventions: Conventions) -> Field:
    if table.has("json"):
        table.fault("json", "is for http_json: a desk keeps texts alone")
    found = read_field(table, conventions)
    if len(found.path) != 1:
        table.fault("path", "must be a heading")
        return replace(found, path=(table.where,))
    return replace(found, json_type=JsonType.STRING)


@dataclass(frozen=True, slots=True)
class KeptEntry:
    """What is kept of a student: the facts as texts and flags, who recorded them, and when (UTC)."""

    student_number: str
    facts: Mapping[str, Json]
    recorded_by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """What a desk knows of a student. `is_refused`: a row about the student, or one that may be about anybody, could
    not be read, and no later one mended it. `complete_since`: when a clerk declared that whoever has no entry has
    nothing to settle.
    """

    entry: KeptEntry | None
    is_refused: bool
    complete_since: datetime | None


FindEntry = Callable[[str, str], Found]
"""Finds what a connector's name and a student number have. Blocks; raises SQLAlchemyError."""


@dataclass(frozen=True, slots=True)
class DeskBook:
    """Where the entries are, and the wall clock that their moments are shown by. `close` closes the
    connections that no call uses.
    """

    find: FindEntry
    close: Callable[[], None]
    zone: tzinfo


class DeskConnector:
    """One desk. Has no deadline of its own: it runs inside a GuardedConnector."""

    def __init__(self, name: str, config: DeskConfig, book: DeskBook) -> None:
        self.name = name
        self.actions: frozenset[str] = frozenset()
        self._config = config
        self._book = book
        self._threads = Threads(f"desk-{name}", config.threads)

    async def fetch_reading(self, student_number: str) -> Reading:
        """See Connector."""
        try:
            found = await self._threads.run(lambda: self._book.find(self.name, student_number))
            self._require_known(found)
            records = read_entry(self._config, found.entry, student_number, self._book.zone)
        except SQLAlchemyError:
            raise DepartmentUnavailable(self.name, FailureCode.SERVER_ERROR) from None
        except UntrustedAnswer as error:
            raise DepartmentUnavailable(self.name, error.fault) from None
        now = datetime.now(UTC)
        if found.entry is not None and self._config.age is not None:
            as_of = _get_as_of(self._config, found.entry, records[0], self._book.zone)
            if now - as_of > self._config.age:
                raise StaleView(self.name, as_of)
        return Reading(self.name, student_number, records, now)

    def _require_known(self, found: Found) -> None:
        """Raise UntrustedAnswer for a refused row, and for a missing entry while no declaration holds; StaleView
        once the declaration is too old.
        """
        if found.is_refused:
            raise UntrustedAnswer(FailureCode.REFUSED_ROW)
        if found.entry is not None or self._config.no_entry is NoEntry.NEVER:
            return
        if found.complete_since is None:
            raise UntrustedAnswer(FailureCode.NOT_COMPLETE)
        if datetime.now(UTC) - found.complete_since > timedelta(days=self._config.complete_days):
            raise StaleView(self.name, found.complete_since)

    async def perform_action(self, action: str, student_number: str) -> ActionOutcome:
        """A desk takes no actions: raises UnknownAction."""
        raise UnknownAction(action)

    async def close(self) -> None:
        """See Connector."""
        self._book.close()


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
        if config.no_entry is NoEntry.NEVER:
            raise UntrustedAnswer(FailureCode.NO_ROWS)
        return ()
    require_student(config.conventions, entry.student_number, student_number)
    if not isinstance(entry.facts, Mapping) or not set(config.fields) <= set(entry.facts):
        raise UntrustedAnswer(FailureCode.MISSING_FIELD)
    facts = {name: read_kept(field, entry.facts[name]) for name, field in config.fields.items()}
    recorded_at = f"{entry.recorded_at.astimezone(zone):%Y-%m-%d %H:%M}"
    return ({**facts, RECORDED_BY: entry.recorded_by, RECORDED_AT: recorded_at},)
