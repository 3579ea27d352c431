"""The roster 名单 of a mini-app's period: its rows' random keys are what addresses of staff call a student. Whoever signs in
and may clear has a row at once; a clerk may note somebody who never signed in.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, Table, bindparam, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from app.domain.person import Person
from app.domain.texts import fold_accents, fold_name
from app.extensions import db
from app.models import LITTLE_PATIENCE_SECONDS, RosterEntry, insert_once, read_connection, write_connection
from app.services.clock import get_now
from app.services.installation import InstalledMiniApp

SIGN_IN, DESK = "sign_in", "desk"
KEY_SIGNS = "0123456789abcdefghjkmnpqrstvwxyz"
KEY_LENGTH = 12
"""60 bits."""
FOLDED_LENGTH = 200
TOLD = ("name", "name_folded", "college", "major", "level")
"""What a sign-in tells of somebody, and a later one may tell otherwise."""

log = logging.getLogger(__name__)

_ENTRIES = cast("Table", RosterEntry.__table__)
_OF_PERIOD = select(_ENTRIES).where(
    _ENTRIES.c.mini_app == bindparam("mini_app"), _ENTRIES.c.period == bindparam("period")
)
_FIND_NUMBER = _OF_PERIOD.where(_ENTRIES.c.student_number == bindparam("student_number"))
_FIND_KEY = _OF_PERIOD.where(_ENTRIES.c.key == bindparam("key"))


@dataclass(frozen=True, slots=True)
class Listed:
    """A student on a roster, as pages of staff name one. What never was told is empty."""

    key: str
    student_number: str
    name: str
    college: str
    major: str
    level: str


def make_key() -> str:
    """A new row's key."""
    return "".join(secrets.choice(KEY_SIGNS) for _ in range(KEY_LENGTH))


def fold_for_search(name: str) -> str:
    """A name as it is searched by: its letters and digits, without case, accents, spaces and dots of any kind."""
    return fold_accents(fold_name(name))[:FOLDED_LENGTH]


def list_person(installed: InstalledMiniApp, person: Person) -> None:
    """Let somebody who may clear have a row that says what the sign-in tells. Writes only where it does not yet, and then
    waits for its turn but for a moment. Raises SQLAlchemyError.
    """
    with read_connection(db.engine) as connection:
        held = _find_row(connection, installed, person.number)
    if held is not None and not _is_outdated(held, person):
        return
    with write_connection(db.engine, LITTLE_PATIENCE_SECONDS) as connection:
        if not add_listed(connection, installed, person, source=SIGN_IN):
            _renew(connection, installed, person)


def try_to_list(installed: InstalledMiniApp, person: Person) -> bool:
    """The same for who only comes by, and is kept from nothing by a database that fails; tells whether it was done."""
    try:
        list_person(installed, person)
    except SQLAlchemyError as error:
        log.warning("somebody could not be entered on the roster", extra={"error": type(error).__name__})
        return False
    return True


def add_listed(connection: Connection, installed: InstalledMiniApp, person: Person, *, source: str) -> bool:
    """Add a row in a transaction, and tell whether it was added: one that is there already stays, of two at once the
    first one's.
    """
    row = {
        **describe_period(installed),
        "student_number": person.number,
        "key": make_key(),
        **_describe(person),
        "source": source,
        "listed_at": get_now(),
    }
    return insert_once(connection, RosterEntry, row) is not None


def find_listed(installed: InstalledMiniApp, student_number: str) -> Listed | None:
    """The row of this student (a folded number), or None."""
    return _find(_FIND_NUMBER, installed, student_number=student_number)


def find_by_key(installed: InstalledMiniApp, key: str) -> Listed | None:
    """The row of this key, or None."""
    return _find(_FIND_KEY, installed, key=key)


def list_by_numbers(installed: InstalledMiniApp, student_numbers: Collection[str]) -> dict[str, Listed]:
    """The rows of these students (folded numbers), by number; who has none is not among them."""
    if not student_numbers:
        return {}
    period = describe_period(installed)
    query = select(_ENTRIES).filter_by(**period).where(_ENTRIES.c.student_number.in_(student_numbers))
    with read_connection(db.engine) as connection:
        rows = connection.execute(query).mappings().all()
    return {row["student_number"]: make_listed(row) for row in rows}


def make_listed(row: RowMapping) -> Listed:
    """The student of a row."""
    return Listed(row["key"], row["student_number"], row["name"], row["college"], row["major"], row["level"])


def describe_period(installed: InstalledMiniApp) -> dict[str, str]:
    """The mini-app and the period of its roster, as rows name them."""
    return {"mini_app": installed.mini_app.slug, "period": installed.settings.period}


def _find(query: Any, installed: InstalledMiniApp, **values: str) -> Listed | None:
    with read_connection(db.engine) as connection:
        row = connection.execute(query, {**describe_period(installed), **values}).mappings().first()
    return make_listed(row) if row is not None else None


def _find_row(connection: Connection, installed: InstalledMiniApp, student_number: str) -> RowMapping | None:
    values = {**describe_period(installed), "student_number": student_number}
    return connection.execute(_FIND_NUMBER, values).mappings().first()


def _describe(person: Person) -> dict[str, str]:
    told = (person.name, fold_for_search(person.name), person.college, person.major, person.level)
    return dict(zip(TOLD, told, strict=True))


def _is_outdated(row: RowMapping, person: Person) -> bool:
    """Whether a sign-in tells otherwise, or is the first of somebody whom a clerk noted."""
    return row["source"] == DESK or any(row[name] != told for name, told in _describe(person).items())


def _renew(connection: Connection, installed: InstalledMiniApp, person: Person) -> None:
    period, told = describe_period(installed), _describe(person)
    is_outdated = or_(_ENTRIES.c.source == DESK, *(_ENTRIES.c[name] != value for name, value in told.items()))
    connection.execute(
        update(_ENTRIES)
        .where(*(_ENTRIES.c[name] == value for name, value in period.items()))
        .where(_ENTRIES.c.student_number == person.number, is_outdated)
        .values(**told, source=SIGN_IN)
    )
