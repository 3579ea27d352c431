"""What looks mistyped in an offer of a grant 疑点: a number that nobody signed in with, or that is a student's, a college or a
period that there is not. None forbids it: who gives it says that it is meant.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import cast

from sqlalchemy import Table, exists, or_, select

from app.domain.giving import Offer
from app.domain.staff import ALL, Scope
from app.domain.texts import is_same_word
from app.extensions import db
from app.models import RosterEntry, Submission, read_connection
from app.services.installation import Installation
from app.services.numbers import is_known_number

_BETWEEN_HAN = re.compile(r"(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff])")
_ENTRIES, _SUBMISSIONS = cast("Table", RosterEntry.__table__), cast("Table", Submission.__table__)


class Doubt(StrEnum):
    """What looks mistyped, by the name of the field that accepts it."""

    NUMBER = "unknown_number"
    STUDENT = "student_number"
    COLLEGE = "unknown_college"
    PERIOD = "unknown_period"


class Doubtful(Exception):
    """An offer looks mistyped, and nobody said that it is meant."""

    def __init__(self, doubts: tuple[Doubt, ...]) -> None:
        super().__init__(*doubts)
        self.doubts = doubts


def list_doubts(installation: Installation, offer: Offer) -> tuple[Doubt, ...]:
    """What looks mistyped in an offer. Where no roster names a college yet, none is known, and none is doubted."""
    colleges, scope = list_colleges(), offer.scope
    found = {
        Doubt.NUMBER: not is_known_number(offer.staff_number),
        Doubt.STUDENT: _is_student(offer.staff_number),
        Doubt.COLLEGE: scope.college != ALL and bool(colleges) and scope.college not in colleges,
        Doubt.PERIOD: scope.period != ALL and scope.period not in _list_periods(installation, scope),
    }
    return tuple(doubt for doubt, is_there in found.items() if is_there)


def list_colleges() -> list[str]:
    """The colleges that rosters name."""
    named = select(_ENTRIES.c.college).where(_ENTRIES.c.college != "").distinct()
    with read_connection(db.engine) as connection:
        return list(connection.scalars(named.order_by(_ENTRIES.c.college)))


def spell_college(text: str) -> str:
    """A college as rosters spell it, where they name it with other spaces or widths, else as it was typed, without spaces
    between Chinese characters.
    """
    known = list_colleges() if text else []
    return next((one for one in known if is_same_word(one, text)), _BETWEEN_HAN.sub("", text))


def _list_periods(installation: Installation, scope: Scope) -> list[str]:
    """The periods of the configuration."""
    apps = installation.mini_apps.values()
    return [one.settings.period for one in apps if scope.mini_app in (ALL, one.mini_app.slug)]


def _is_student(number: str) -> bool:
    """Whether a roster lists somebody of this folded number, or one has submitted."""
    listed = exists().where(_ENTRIES.c.student_number == number)
    submitted = exists().where(_SUBMISSIONS.c.person_number == number)
    with read_connection(db.engine) as connection:
        return bool(connection.scalar(select(or_(listed, submitted))))
