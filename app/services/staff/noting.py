"""Whether a number that is on no roster may be put there by a counter: it must be a whole number of a student, as far as
this installation knows what those are like, and nobody's who is known to have no business here.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import Connection, Table, func, select

from app.domain.errors import NotAStudent, NotGraduating
from app.domain.person import USUAL_PATTERN, Role, parse_person
from app.extensions import db
from app.models import RosterEntry, StaffGrant, Submission, read_connection
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp
from app.services.sign_in.sessions import SessionStore
from app.services.staff.roster import SIGN_IN

LEAST_SIGNS = 8
"""Of a whole number, where neither the configuration nor a roster tells what they are like."""
_ENTRIES, _GRANTS = cast("Table", RosterEntry.__table__), cast("Table", StaffGrant.__table__)


class Obstacle(StrEnum):
    """Why a number is not put on a roster."""

    NOT_WHOLE = "not_whole"
    """it is no whole number of a student, or not like the others"""
    NO_STUDENT = "no_student"
    """its person is known, and this mini-app is not for it"""
    OTHER_PERIOD = "other_period"
    """its student leaves in another period"""


def find_obstacle(
    installation: Installation, installed: InstalledMiniApp, number_pattern: str, number: str
) -> Obstacle | None:
    """What is against putting this number on the roster, None where nothing is known to be; `number_pattern` is that of the
    desk, which does not fit a text that is no number either.
    """
    numbers = installation.settings.numbers
    if not numbers.is_folded(number) or not re.fullmatch(number_pattern, number):
        return Obstacle.NOT_WHOLE
    if (known := _ask_sessions(installation, installed, number)) is not None:
        return known
    with read_connection(db.engine) as connection:
        if _is_staff(installation, connection, number):
            return Obstacle.NO_STUDENT
        if _is_of_other_period(connection, installed, number):
            return Obstacle.OTHER_PERIOD
        if numbers.pattern == USUAL_PATTERN and not _is_alike(connection, installed, number):
            return Obstacle.NOT_WHOLE
    return None


def _ask_sessions(installation: Installation, installed: InstalledMiniApp, number: str) -> Obstacle | None:
    store = SessionStore(installation.settings.service.secret_key)
    for data in store.list_data(number, get_now()):
        try:
            installed.require_graduate(parse_person(data["person"]))
        except NotAStudent:
            return Obstacle.NO_STUDENT
        except NotGraduating as error:
            is_other = error.mismatch == "other_period"
            return Obstacle.OTHER_PERIOD if is_other else Obstacle.NO_STUDENT
        except (KeyError, TypeError, ValueError):
            continue
    return None


def _is_staff(installation: Installation, connection: Connection, number: str) -> bool:
    named = installation.settings.roles.get(number)
    if named is not None and named is not Role.STUDENT:
        return True
    query = select(_GRANTS.c.id).where(_GRANTS.c.staff_number == number).limit(1)
    return connection.scalar(query) is not None


def _is_of_other_period(connection: Connection, installed: InstalledMiniApp, number: str) -> bool:
    for table, column in ((RosterEntry, RosterEntry.student_number), (Submission, Submission.person_number)):
        entry: Any = table
        query = select(entry.id).where(
            column == number,
            entry.mini_app == installed.mini_app.slug,
            entry.period != installed.settings.period,
        )
        if connection.scalar(query.limit(1)) is not None:
            return True
    return False


def _is_alike(connection: Connection, installed: InstalledMiniApp, number: str) -> bool:
    """Whether somebody who signed in to this mini-app has a number as long, with letters at the same places: what counters
    noted themselves proves nothing.
    """
    numbers = select(_ENTRIES.c.student_number).where(
        _ENTRIES.c.mini_app == installed.mini_app.slug, _ENTRIES.c.source == SIGN_IN
    )
    if connection.scalar(numbers.limit(1)) is None:
        return len(number) >= LEAST_SIGNS
    as_long = numbers.where(func.length(_ENTRIES.c.student_number) == len(number))
    shape = _describe_shape(number)
    return any(_describe_shape(one) == shape for one in connection.scalars(as_long))


def _describe_shape(text: str) -> str:
    return re.sub("[A-Za-z]", "A", re.sub("[0-9]", "9", text))
