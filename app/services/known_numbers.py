"""Which student numbers are known here: whoever signed in and left a row. A mistyped number has none."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select, union

from app.extensions import db
from app.models import Action, AuditEvent, BrowserSession, Consent, KnownAnswer, Submission

CHUNK = 500
_OWN_EVENTS = ("consent_given", "action_intended", "slip_issued")
"""What only the person itself brings about; these outlast sessions and answers."""


def is_known_number(student_number: str) -> bool:
    """Whether this folded number has signed in once: it has a session, an answer that a department gave about it, a
    consent, an action or a submission. What staff typed (waivers, desk entries) makes no number known.
    """
    return bool(find_known_numbers([student_number]))


def find_known_numbers(student_numbers: Collection[str]) -> set[str]:
    """Those of the numbers that are known, see `is_known_number`."""
    known: set[str] = set()
    numbers = sorted(student_numbers)
    with db.engine.connect() as connection:
        for start in range(0, len(numbers), CHUNK):
            chunk = numbers[start : start + CHUNK]
            found = union(
                *(
                    select(column).where(column.in_(chunk))
                    for column in (
                        BrowserSession.person_number,
                        Submission.student_number,
                        Action.student_number,
                        KnownAnswer.student_number,
                        Consent.student_number,
                    )
                ),
                select(AuditEvent.subject).where(
                    AuditEvent.subject.in_(chunk),
                    AuditEvent.actor == AuditEvent.subject,
                    AuditEvent.kind.in_(_OWN_EVENTS),
                ),
            )
            known.update(connection.execute(found).scalars())
    return known
