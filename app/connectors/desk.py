"""The connector for a department without a system: reads what its clerks recorded (see `desk_config.py`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from sqlalchemy.exc import SQLAlchemyError

from app.connectors.answer import require_student
from app.connectors.base import ActionOutcome, Fault, StaleView, UnknownAction, UntrustedAnswer
from app.connectors.desk_config import RECORDED_AT, RECORDED_BY, DeskConfig, NoEntry, read_kept
from app.connectors.strict_json import Json
from app.connectors.threads import Threads
from app.domain.clearance import DepartmentUnavailable, Reading, Record


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
            raise DepartmentUnavailable(self.name, Fault.SERVER_ERROR) from None
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
            raise UntrustedAnswer(Fault.REFUSED_ROW)
        if found.entry is not None or self._config.no_entry is NoEntry.NEVER:
            return
        if found.complete_since is None:
            raise UntrustedAnswer(Fault.NOT_COMPLETE)
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
            raise UntrustedAnswer(Fault.NO_ROWS)
        return ()
    require_student(config.conventions, entry.student_number, student_number)
    if not isinstance(entry.facts, Mapping) or not set(config.fields) <= set(entry.facts):
        raise UntrustedAnswer(Fault.MISSING_FIELD)
    facts = {name: read_kept(field, entry.facts[name]) for name, field in config.fields.items()}
    recorded_at = f"{entry.recorded_at.astimezone(zone):%Y-%m-%d %H:%M}"
    return ({**facts, RECORDED_BY: entry.recorded_by, RECORDED_AT: recorded_at},)
