"""The roster 名单 of a mini-app's period: its rows' random keys are what addresses of staff call a student. Whoever signs in
and may clear has a row at once; a clerk may note somebody who never signed in.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection, Table, bindparam, select

from app.domain.person import Person
from app.extensions import db
from app.models import RosterEntry, insert_once, read_connection, write_connection
from app.services.clock import get_now
from app.services.installation import InstalledMiniApp

KEY_SIGNS = "0123456789abcdefghjkmnpqrstvwxyz"
KEY_LENGTH = 12
"""60 bits."""

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


def list_person(installed: InstalledMiniApp, person: Person) -> None:
    """Let somebody who may clear have a row; one that is there already stays. Writes only where there is none."""
    if find_listed(installed, person.number) is None:
        with write_connection(db.engine) as connection:
            add_listed(connection, installed, person, source="sign_in")


def add_listed(connection: Connection, installed: InstalledMiniApp, person: Person, *, source: str) -> None:
    """The same in a transaction; of two at once the first one's row stays."""
    row = {
        **_describe_period(installed),
        "student_number": person.number,
        "key": make_key(),
        "name": person.name,
        "college": person.college,
        "major": person.major,
        "level": person.level,
        "source": source,
        "listed_at": get_now(),
    }
    insert_once(connection, RosterEntry, row)


def find_listed(installed: InstalledMiniApp, student_number: str) -> Listed | None:
    """The row of this student (a folded number), or None."""
    return _find(_FIND_NUMBER, installed, student_number=student_number)


def find_by_key(installed: InstalledMiniApp, key: str) -> Listed | None:
    """The row of this key, or None."""
    return _find(_FIND_KEY, installed, key=key)


def _find(query: object, installed: InstalledMiniApp, **values: str) -> Listed | None:
    with read_connection(db.engine) as connection:
        row = connection.execute(query, {**_describe_period(installed), **values}).mappings().first()  # type: ignore[call-overload]
    if row is None:
        return None
    return Listed(row["key"], row["student_number"], row["name"], row["college"], row["major"], row["level"])


def _describe_period(installed: InstalledMiniApp) -> dict[str, str]:
    return {"mini_app": installed.mini_app.slug, "period": installed.settings.period}
