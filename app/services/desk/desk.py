"""Desks: departments without a system, whose clerks record or import what holds. Every change is audited.

The numbers that clerks type are compared with those of known people: a slip of the pen is somebody else's, or nobody's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import cache
from typing import Any

from sqlalchemy import Engine, Select, String, and_, bindparam, create_engine, delete, literal, select

from app.config_model import read
from app.connectors.desk import DeskBook, DeskConfig, Found, KeptEntry
from app.domain.decisions import require_other
from app.domain.person import MalformedNumber, NumberForm
from app.extensions import DatabaseSession, db
from app.models import DeskCompletion, DeskEntry, DeskRefusal, upsert
from app.services.audit import add_event
from app.services.clock import get_now
from app.services.desk.cells import Kept
from app.services.numbers import find_known_numbers
from app.settings import DatabaseSettings, Settings

CHUNK = 500
READERS = 8

Facts = dict[str, Kept]


class UnknownDesk(LookupError):
    """The configuration has no desk of this name."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A desk of the configuration."""

    name: str
    config: DeskConfig
    numbers: NumberForm


def _make_find() -> Select[Any]:
    """One statement, so that an entry and what speaks against it are of one moment."""
    entry, refusal, completion = DeskEntry.__table__.c, DeskRefusal.__table__.c, DeskCompletion.__table__.c
    name, number = bindparam("connector", type_=String), bindparam("number", type_=String)
    one = select(literal(1)).subquery("one")
    places = (
        one.outerjoin(DeskEntry.__table__, and_(entry.connector == name, entry.student_number == number))
        .outerjoin(DeskRefusal.__table__, and_(refusal.connector == name, refusal.student_number == number))
        .outerjoin(DeskCompletion.__table__, completion.connector == name)
    )
    return select(
        entry.student_number,
        entry.facts,
        entry.recorded_by,
        entry.recorded_at,
        refusal.student_number.is_not(None),
        completion.declared_at,
    ).select_from(places)


_FIND = _make_find()


def open_desk_book(database: DatabaseSettings, zone: tzinfo) -> DeskBook:
    """The entries for the connectors, by connections of their own: a page that waits for its departments must
    not hold what a desk's answer needs. The database is looked at when the first entry is.
    """

    @cache
    def get_engine() -> Engine:
        engine = create_engine(
            database.url, pool_size=READERS, max_overflow=0, pool_pre_ping=True, hide_parameters=True
        )
        # A forked child must not speak on its parent's connections.
        os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
        return engine

    def find(connector: str, student_number: str) -> Found:
        with get_engine().connect() as connection:
            row = connection.execute(_FIND, {"connector": connector, "number": student_number}).one()
        entry = None if row[0] is None else KeptEntry(*row[:4])
        return Found(entry, bool(row[4]), row[5])

    return DeskBook(find, lambda: get_engine().dispose(), zone)


def get_desk(settings: Settings, name: str) -> Desk:
    """The desk of this name. Raises UnknownDesk."""
    table = settings.connectors.get(name, {})
    if table.get("kind") != "desk":
        raise UnknownDesk(name)
    config = read(DeskConfig, table, name, [], {"name": name}, conventions=settings.conventions)
    return Desk(name, config, settings.numbers)


def find_entry(desk: Desk, student_number: str) -> KeptEntry | None:
    """What is kept of a student."""
    try:
        student_number = desk.numbers.fold(student_number)
    except MalformedNumber:
        return None
    entry = db.session.get(DeskEntry, (desk.name, student_number))
    if entry is None:
        return None
    return KeptEntry(entry.student_number, entry.facts, entry.recorded_by, entry.recorded_at)


def load_facts(session: DatabaseSession, desk: Desk, numbers: list[str]) -> dict[str, Any]:
    """What is kept of these students, by number."""
    found: dict[str, Any] = {}
    for start in range(0, len(numbers), CHUNK):
        query = select(DeskEntry.student_number, DeskEntry.facts).where(
            DeskEntry.connector == desk.name, DeskEntry.student_number.in_(numbers[start : start + CHUNK])
        )
        found.update((number, facts) for number, facts in session.execute(query))
    return found


def store_entries(session: DatabaseSession, desk: Desk, entries: Mapping[str, Facts], clerk: str) -> None:
    """Keep these facts by number, in the session's transaction. Raises OwnDecision where the clerk is one of them."""
    require_other(clerk, entries)
    now = get_now()
    rows = [
        {
            "connector": desk.name,
            "student_number": number,
            "facts": facts,
            "recorded_by": clerk,
            "recorded_at": now,
        }
        for number, facts in entries.items()
    ]
    if rows:
        upsert(session.connection(), DeskEntry, rows)


def list_numbers(session: DatabaseSession, desk: Desk) -> list[str]:
    """The numbers of the students with an entry."""
    return list(session.scalars(select(DeskEntry.student_number).where(DeskEntry.connector == desk.name)))


def remove_entries(
    session: DatabaseSession, desk: Desk, numbers: Sequence[str], clerk: str, digest: str
) -> None:
    """Remove the entries of these students, whom the complete file of this digest does not name; events keep what
    they held.
    """
    now = get_now()
    for start in range(0, len(numbers), CHUNK):
        chunk = numbers[start : start + CHUNK]
        gone = (DeskEntry.connector == desk.name) & DeskEntry.student_number.in_(chunk)
        entries = {
            entry.student_number: {"facts": entry.facts, "recorded_by": entry.recorded_by}
            for entry in session.scalars(select(DeskEntry).where(gone))
        }
        session.execute(delete(DeskEntry).where(gone))
        details = {"file_sha256": digest, "entries": entries}
        add_event(session, "desk_entries_removed", actor=clerk, subject=desk.name, details=details, now=now)


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
