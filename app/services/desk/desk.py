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
from datetime import tzinfo
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    Connection,
    Engine,
    RowMapping,
    Select,
    String,
    Table,
    and_,
    bindparam,
    create_engine,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.orm import aliased

from app import metrics
from app.config_model import read
from app.connectors.desk import DeskBook, DeskConfig, Found, KeptEntry
from app.domain.person import MalformedNumber, NumberForm
from app.extensions import Base, DatabaseSession, db
from app.models import (
    AuditEvent,
    DeskCompletion,
    DeskDecision,
    DeskEntry,
    DeskRefusal,
    Sender,
    read_connection,
    replace_stale,
)
from app.services.authenticated_rows import is_authentic
from app.services.desk.cells import Kept
from app.services.desk_histories import rests_on
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
    """A desk of the configuration; `periods` are the mini-apps with their periods for whose steps it answers."""

    name: str
    config: DeskConfig
    numbers: NumberForm
    row_keys: RowKeyStore
    periods: tuple[tuple[str, str], ...] = ()


def _make_find() -> Select[Any]:
    """One statement, so that an entry, what speaks against it and the decision that it rests on are of one moment."""
    entry, refusal, completion = DeskEntry.__table__.c, DeskRefusal.__table__.c, DeskCompletion.__table__.c
    decision, each = DeskDecision.__table__.c, aliased(DeskDecision.__table__).c
    name, number = bindparam("connector", type_=String), bindparam("number", type_=String)
    one = select(literal(1)).subquery("one")
    event = aliased(AuditEvent.__table__)
    ended = exists().where(
        event.c.kind == DECLARED_INCOMPLETE,
        event.c.subject == name,
        event.c.happened_at >= completion.declared_at,
    )
    newest = select(func.max(each.version)).where(each.connector == name, each.student_number == number)
    is_newest = and_(
        decision.connector == name,
        decision.student_number == number,
        decision.version == newest.scalar_subquery(),
    )
    places = (
        one.outerjoin(DeskEntry.__table__, and_(entry.connector == name, entry.student_number == number))
        .outerjoin(DeskRefusal.__table__, and_(refusal.connector == name, refusal.student_number == number))
        .outerjoin(
            DeskCompletion.__table__, and_(completion.connector == name, entry.student_number.is_(None))
        )
        .outerjoin(DeskDecision.__table__, is_newest)
    )
    return select(
        *(column.label(f"entry_{column.name}") for column in entry),
        *(column.label(f"decision_{column.name}") for column in decision),
        refusal.cause.label("refusal_cause"),
        *(column.label(f"completion_{column.name}") for column in completion),
        ended.label("is_ended"),
    ).select_from(places)


FIND = _make_find()


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
            return find_within(connection, connector, student_number)

    def find_within(connection: Connection, connector: str, student_number: str) -> Found:
        parameters = {"connector": connector, "number": student_number}
        return read_found_row(row_keys, connection.execute(FIND, parameters).mappings().one(), student_number)

    return DeskBook(find, find_within, lambda: get_engine().dispose(), zone)


def read_found_row(keys: RowKeyStore, row: RowMapping, student_number: str) -> Found:
    """What the row of `FIND` says of this student."""
    entry, completion = cut_out(row, "entry_"), cut_out(row, "completion_")
    decision = cut_out(row, "decision_")
    kept = _make_kept(keys, entry, decision) if entry["connector"] is not None else None
    is_refused = row["refusal_cause"] is not None
    is_complete = _is_in_force(keys, completion, row["is_ended"])
    is_gone = kept is None and decision["id"] is not None and not _says_nothing(keys, decision)
    is_lost = is_gone or (is_complete and is_on_roll(completion["roll"], student_number))
    if is_lost and not is_refused:
        _note_refused(DeskEntry, "an entry is gone that no clerk took away")
    complete_since = completion["declared_at"] if is_complete else None
    return Found(kept, is_refused, is_lost and not is_refused, complete_since, decision["version"] or 0)


def cut_out(row: RowMapping, prefix: str) -> dict[str, Any]:
    """The columns of a joined row that begin so, by their own names."""
    return {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}


def _make_kept(keys: RowKeyStore, row: Mapping[str, Any], decision: Mapping[str, Any]) -> KeptEntry:
    """An entry of before there were decisions has none. An older state that was put back is as authentic as ever, and the
    newest decision is not the one that made it.
    """
    is_true, reason = is_authentic(keys, DeskEntry, row), ""
    if decision["id"] is not None:
        is_its = is_authentic(keys, DeskDecision, decision) and rests_on(row, decision)
        if is_true and not is_its:
            _note_refused(
                DeskEntry, "an entry is not what the newest decision made of it, and does not count"
            )
        is_true, reason = is_true and is_its, decision["reason_key"] if is_its else ""
    return KeptEntry(
        row["student_number"], row["facts"], row["recorded_by"], row["recorded_at"], is_true, reason
    )


def _says_nothing(keys: RowKeyStore, decision: Mapping[str, Any]) -> bool:
    """Whether a decision took the entry away."""
    return decision["facts"] is None and is_authentic(keys, DeskDecision, decision)


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
    return Desk(name, config, settings.numbers, RowKeyStore(settings.slip.keys), list_periods(settings, name))


def list_periods(settings: Settings, name: str) -> tuple[tuple[str, str], ...]:
    """The slugs of the mini-apps, with their periods, of which the desk of this name answers for a step."""
    return tuple((slug, one.period) for slug, one in settings.mini_apps.items() if name in one.steps.values())


def find_entry(desk: Desk, student_number: str) -> KeptEntry | None:
    """What is kept of a student."""
    try:
        student_number = desk.numbers.fold(student_number)
    except MalformedNumber:
        return None
    parameters = {"connector": desk.name, "number": student_number}
    with read_connection(db.engine) as connection:
        row = connection.execute(FIND, parameters).mappings().one()
    return read_found_row(desk.row_keys, row, student_number).entry


def load_facts(session: DatabaseSession, desk: Desk, numbers: list[str]) -> dict[str, Any]:
    """What is kept of these students, by number; of an entry that is not authentic nothing."""
    return {
        row["student_number"]: row["facts"]
        for row in iterate_entries(session, desk, numbers)
        if is_authentic(desk.row_keys, DeskEntry, row)
    }


def iterate_entries(session: Sender, desk: Desk, numbers: Sequence[str]) -> Iterator[RowMapping]:
    """The rows of these students."""
    for start in range(0, len(numbers), CHUNK):
        query = select(_ENTRIES).where(
            _ENTRIES.c.connector == desk.name, _ENTRIES.c.student_number.in_(numbers[start : start + CHUNK])
        )
        yield from session.execute(query).mappings()


def list_numbers(session: DatabaseSession, desk: Desk) -> list[str]:
    """The numbers of the students with an entry."""
    return list(session.scalars(select(DeskEntry.student_number).where(DeskEntry.connector == desk.name)))


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
