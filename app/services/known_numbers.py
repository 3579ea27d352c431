"""Which student numbers somebody here has ever had: typed ones may be nobody's."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from app.extensions import db
from app.models import BrowserSession, Consent, DeskEntry, KnownAnswer, Submission

CHUNK = 500


def is_known_number(student_number: str) -> bool:
    """Whether this person signed in once, or a department keeps something of them."""
    return bool(find_known_numbers([student_number]))


def find_known_numbers(student_numbers: Collection[str], *, besides: str = "") -> set[str]:
    """Those of the numbers that are known; the entries of the desk `besides` do not count."""
    known: set[str] = set()
    numbers = sorted(student_numbers)
    for start in range(0, len(numbers), CHUNK):
        chunk = numbers[start : start + CHUNK]
        for column in (
            BrowserSession.person_number,
            KnownAnswer.student_number,
            Submission.student_number,
            Consent.student_number,
        ):
            known.update(db.session.scalars(select(column).where(column.in_(chunk)).distinct()))
        entries = select(DeskEntry.student_number).where(
            DeskEntry.student_number.in_(chunk), DeskEntry.connector != besides
        )
        known.update(db.session.scalars(entries))
    return known
