"""Desks: departments without a system, whose clerks record or import what holds. Every change is audited.

An entry that is not authentic keeps its student from passing, and a declaration that is not counts as none.

The numbers that clerks type are compared with those of known people: a slip of the pen is somebody else's, or nobody's.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    Engine,
    RowMapping,
    Select,
    String,
    Table,
    and_,
    bindparam,
    create_engine,
    delete,
    exists,
    literal,
    select,
)
from sqlalchemy.orm import aliased

from app import metrics
from app.config_model import read
from app.connectors.desk import DeskBook, DeskConfig, Found, KeptEntry
from app.domain.decisions import require_other
from app.domain.person import MalformedNumber, NumberForm
from app.domain.row_ledger import RowChange
from app.extensions import Base, DatabaseSession, db
from app.models import AuditEvent, DeskCompletion, DeskEntry, DeskRefusal, replace_stale, upsert
from app.services.audit import add_event
from app.services.authenticated_rows import is_authentic, name_row, sign_row
from app.services.desk.cells import Kept
from app.services.numbers import find_known_numbers
from app.services.row_keys import RowKeyStore
from app.settings import DatabaseSettings, Settings

log = logging.getLogger(__name__)

CHUNK = 500
READERS = 8
DECLARED_INCOMPLETE = "desk_declared_incomplete"
_ENTRIES = cast("Table", DeskEntry.__table__)

Facts = dict[str, Kept]


class UnknownDesk(LookupError):
    """The configuration has no desk of this name."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A desk of the configuration."""

    name: str
    config: DeskConfig
    numbers: NumberForm
    row_keys: RowKeyStore


def _make_find() -> Select[Any]:
    """One statement, so that an entry and what speaks against it are of one moment."""
    entry, refusal, completion = DeskEntry.__table__.c, DeskRefusal.__table__.c, DeskCompletion.__table__.c
    name, number = bindparam("connector", type_=String), bindparam("number", type_=String)
    one = select(literal(1)).subquery("one")
    event = aliased(AuditEvent.__table__)
    ended = exists().where(
        event.c.kind == DECLARED_INCOMPLETE,
        event.c.subject == name,
        event.c.happened_at >= completion.declared_at,
    )
    places = (
        one.outerjoin(DeskEntry.__table__, and_(entry.connector == name, entry.student_number == number))
        .outerjoin(DeskRefusal.__table__, and_(refusal.connector == name, refusal.student_number == number))
        .outerjoin(
            DeskCompletion.__table__, and_(completion.connector == name, entry.student_number.is_(None))
        )
    )
    return select(
        *(column.label(f"entry_{column.name}") for column in entry),
        refusal.student_number.is_not(None).label("is_refused"),
        *(column.label(f"completion_{column.name}") for column in completion),
        ended.label("is_ended"),
    ).select_from(places)


_FIND = _make_find()


def open_desk_book(database: DatabaseSettings, zone: tzinfo, row_keys: RowKeyStore) -> DeskBook:
    """The entries for the connectors, by connections of their own: a page that waits for its departments must
    not hold what a desk's answer needs. The database is looked at when the first entry is.
    """

    @cache
    def get_engine() -> Engine:
        engine = create_engine(database.url, pool_size=READERS, max_overflow=0, hide_parameters=True)
        replace_stale(engine)
        # A forked child must not speak on its parent's connections.
        os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
        return engine

    def find(connector: str, student_number: str) -> Found:
        with get_engine().connect() as connection:
            row = (
                connection.execute(_FIND, {"connector": connector, "number": student_number}).mappings().one()
            )
        entry, completion = _cut_out(row, "entry_"), _cut_out(row, "completion_")
        kept = _make_kept(row_keys, entry) if entry["connector"] is not None else None
        is_refused, is_complete = bool(row["is_refused"]), _is_in_force(row_keys, completion, row["is_ended"])
        is_lost = is_complete and not is_refused and is_on_roll(completion["roll"], student_number)
        if is_lost:
            _note_refused(DeskEntry, "an entry is gone that no command took away")
        return Found(kept, is_refused, is_lost, completion["declared_at"] if is_complete else None)

    return DeskBook(find, lambda: get_engine().dispose(), zone)


def _cut_out(row: RowMapping, prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}


def _make_kept(keys: RowKeyStore, row: Mapping[str, Any]) -> KeptEntry:
    is_true = is_authentic(keys, DeskEntry, row)
    return KeptEntry(row["student_number"], row["facts"], row["recorded_by"], row["recorded_at"], is_true)


def _is_in_force(keys: RowKeyStore, completion: Mapping[str, Any], is_ended: Any) -> bool:
    """Whether a declaration was made and not taken back since, as an event would tell where its row was put back."""
    if completion["connector"] is None or not is_authentic(keys, DeskCompletion, completion):
        return False
    if is_ended:
        _note_refused(DeskCompletion, "a declaration that was taken back is there again, and does not count")
    return not is_ended


def _note_refused(model: type[Base], message: str) -> None:
    log.error(message, extra={"table": model.__tablename__})
    metrics.rows_refused.labels(model.__tablename__).inc()


def make_roll(numbers: Iterable[str]) -> str:
    """Who is on a desk's list: a line for each number."""
    return "".join(f"{number}\n" for number in ("", *sorted(numbers)))


def is_on_roll(roll: str | None, number: str) -> bool:
    """Whether the list named this student; of a declaration of before there were rolls nothing is known."""
    return roll is not None and f"\n{number}\n" in roll


def get_desk(settings: Settings, name: str) -> Desk:
    """The desk of this name. Raises UnknownDesk."""
    table = settings.connectors.get(name, {})
    if table.get("kind") != "desk":
        raise UnknownDesk(name)
    config = read(DeskConfig, table, name, [], {"name": name}, conventions=settings.conventions)
    return Desk(name, config, settings.numbers, RowKeyStore(settings.slip.keys))


def find_entry(desk: Desk, student_number: str) -> KeptEntry | None:
    """What is kept of a student."""
    try:
        student_number = desk.numbers.fold(student_number)
    except MalformedNumber:
        return None
    entry = db.session.get(DeskEntry, (desk.name, student_number))
    if entry is None:
        return None
    columns = {column.name: getattr(entry, column.name) for column in _ENTRIES.columns}
    return _make_kept(desk.row_keys, columns)


def load_facts(session: DatabaseSession, desk: Desk, numbers: list[str]) -> dict[str, Any]:
    """What is kept of these students, by number; of an entry that is not authentic nothing."""
    return {
        row["student_number"]: row["facts"]
        for row in iterate_entries(session, desk, numbers)
        if is_authentic(desk.row_keys, DeskEntry, row)
    }


def iterate_entries(session: DatabaseSession, desk: Desk, numbers: Sequence[str]) -> Iterator[RowMapping]:
    """The rows of these students."""
    for start in range(0, len(numbers), CHUNK):
        query = select(_ENTRIES).where(
            _ENTRIES.c.connector == desk.name, _ENTRIES.c.student_number.in_(numbers[start : start + CHUNK])
        )
        yield from session.execute(query).mappings()


def store_entries(
    session: DatabaseSession,
    desk: Desk,
    entries: Mapping[str, Facts],
    clerk: str,
    now: datetime,
    changes: RowChange,
) -> None:
    """Keep these facts by number, in the session's transaction. Raises OwnDecision where the clerk is one of them."""
    require_other(clerk, entries)
    for held in iterate_entries(session, desk, list(entries)):
        changes.remove(name_row(DeskEntry, held))
    rows = []
    for number, facts in entries.items():
        row = {
            "connector": desk.name,
            "student_number": number,
            "facts": facts,
            "recorded_by": clerk,
            "recorded_at": now,
        }
        rows.append(sign_row(desk.row_keys, DeskEntry, row, now))
        changes.add(name_row(DeskEntry, row))
    if rows:
        upsert(session.connection(), DeskEntry, rows)


def list_numbers(session: DatabaseSession, desk: Desk) -> list[str]:
    """The numbers of the students with an entry."""
    return list(session.scalars(select(DeskEntry.student_number).where(DeskEntry.connector == desk.name)))


def remove_entries(
    session: DatabaseSession, desk: Desk, numbers: Sequence[str], clerk: str, digest: str, now: datetime
) -> None:
    """Remove the entries of these students, whom the complete file of this digest does not name; events keep what
    they held.
    """
    for start in range(0, len(numbers), CHUNK):
        chunk = numbers[start : start + CHUNK]
        changes, entries = RowChange(), {}
        for row in iterate_entries(session, desk, chunk):
            changes.remove(name_row(DeskEntry, row))
            entries[row["student_number"]] = {"facts": row["facts"], "recorded_by": row["recorded_by"]}
        gone = (DeskEntry.connector == desk.name) & DeskEntry.student_number.in_(chunk)
        session.execute(delete(DeskEntry).where(gone))
        details = {"file_sha256": digest, "entries": entries}
        add_event(
            session,
            "desk_entries_removed",
            actor=clerk,
            subject=desk.name,
            details=details,
            now=now,
            rows=changes,
        )


_LOOK_ALIKES = str.maketrans("OoIiLl", "001111")
_TAIL = re.compile(r"[0-9].*")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of the typed numbers those that nobody has: `alike` names for each with letters that look like digits the
    same with digits, where somebody has that or it was typed too ("" for neither); of these `known_twins` are
    somebody's.
    """

    unknown: frozenset[str]
    alike: Mapping[str, str]
    known_twins: frozenset[str]


def compare_with_known(desk: Desk, numbers: Collection[str]) -> Comparison:
    """The typed, folded numbers beside those of people who signed in once, have an entry here, or are typed too."""
    typed = set(numbers)
    unknown = typed - find_known_numbers(typed)
    variants = {number: twins for number in unknown if (twins := list_look_alikes(number))}
    candidates = {twin for twins in variants.values() for twin in twins}
    known = find_known_numbers(candidates) | load_facts(db.session, desk, sorted(candidates)).keys()
    taken = known | (candidates & typed)
    alike = {
        number: next((twin for twin in twins if twin in taken), "")
        for number, twins in sorted(variants.items())
    }
    return Comparison(frozenset(unknown), alike, frozenset(known))


def list_look_alikes(number: str) -> tuple[str, ...]:
    """The number with 0 and 1 for the letters that look like them: behind its first digit, and everywhere."""
    tail = _TAIL.sub(lambda match: match[0].translate(_LOOK_ALIKES), number)
    return tuple(one for one in dict.fromkeys((tail, number.translate(_LOOK_ALIKES))) if one != number)


def explain_letter(number: str, twin: str) -> str:
    """What is wrong with a number whose twin of digits is somebody's."""
    return f"{number} is nobody's here, and {twin} is somebody's: a letter for a digit?"
