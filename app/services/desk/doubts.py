"""Marks in the entries of unknown students. An entry says itself, under its code, that it does not count: nobody passes by
deleting the refused row past the service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection, Text, and_, cast, func, or_, select

from app.connectors.desk import DOUBT
from app.domain.person import MalformedNumber
from app.domain.row_ledger import RowChange
from app.extensions import DatabaseSession
from app.models import AuditEvent, DeskEntry, DeskRefusal, upsert
from app.services.authenticated_rows import is_proven, name_row, sign_row
from app.services.desk.desk import Desk, Facts, iterate_entries

REFUSED, UNREAD = "refused", "unread"
"""The row about the student was refused, or one that may be about anybody had no readable number."""
ROW_REFUSED, RECORDED, IMPORTED = "desk_row_refused", "desk_recorded", "desk_imported"


def mark_entries(
    session: DatabaseSession,
    desk: Desk,
    numbers: Sequence[str],
    cause: str,
    changes: RowChange,
    now: datetime,
) -> None:
    """Let the entries of these students say that they do not count; an entry that is not authentic does not anyway."""
    _rewrite(session, desk, numbers, lambda held: _doubt(held, cause), changes, now)


def lift_unread(
    session: DatabaseSession, desk: Desk, numbers: Sequence[str], changes: RowChange, now: datetime
) -> None:
    """Let entries of these students count again where only a row without a readable number spoke against them."""
    _rewrite(session, desk, numbers, _trust, changes, now)


def _doubt(held: Facts, cause: str) -> Facts:
    """A refused row outweighs one that may be about anybody: its student needs a good row."""
    return held if held.get(DOUBT) == REFUSED else {**held, DOUBT: cause}


def _trust(held: Facts) -> Facts:
    return {key: value for key, value in held.items() if (key, value) != (DOUBT, UNREAD)}


def _rewrite(
    session: DatabaseSession,
    desk: Desk,
    numbers: Sequence[str],
    change: Callable[[Facts], Facts],
    changes: RowChange,
    now: datetime,
) -> None:
    keys, rows = desk.row_keys.current(), []
    for held in iterate_entries(session, desk, numbers):
        if not is_proven(keys, DeskEntry, held) or (facts := change(held["facts"])) == held["facts"]:
            continue
        row = {name: held[name] for name in ("connector", "student_number", "recorded_by", "recorded_at")}
        row["facts"] = facts
        changes.remove(name_row(DeskEntry, held))
        changes.add(name_row(DeskEntry, row))
        rows.append(sign_row(desk.row_keys, DeskEntry, row, now))
    if rows:
        upsert(session.connection(), DeskEntry, rows)


def list_refused(session: DatabaseSession, desk: Desk) -> set[str]:
    """The students of refused rows that nothing mended, by the events: a row may be gone that had no entry to mark."""
    of_student = AuditEvent.kind.in_((ROW_REFUSED, RECORDED))
    of_desk = and_(AuditEvent.kind == IMPORTED, AuditEvent.subject == desk.name)
    events = select(AuditEvent.kind, AuditEvent.subject, AuditEvent.details).where(or_(of_student, of_desk))
    refused: set[str] = set()
    for kind, subject, details in session.execute(events.order_by(AuditEvent.id)):
        if kind == IMPORTED:
            refused.difference_update(_fold(desk, details.get("mended", ())))
        elif details.get("desk") == desk.name:
            change = refused.update if kind == ROW_REFUSED else refused.difference_update
            change(_fold(desk, [subject]))
    return refused


def count_unsaid(connection: Connection) -> int:
    """How many entries say that a row was refused that is not there."""
    entry, refusal = DeskEntry.__table__.c, DeskRefusal.__table__.c
    is_its = and_(entry.connector == refusal.connector, entry.student_number == refusal.student_number)
    places = DeskEntry.__table__.outerjoin(DeskRefusal.__table__, is_its)
    is_marked = cast(entry.facts, Text).contains(f'"{DOUBT}": "')
    counted = select(func.count()).select_from(places).where(is_marked, refusal.connector.is_(None))
    return connection.scalar(counted) or 0


def _fold(desk: Desk, numbers: Sequence[str]) -> Iterator[str]:
    """Numbers as they are written now: `flask numbers fold` leaves events as they are."""
    for number in numbers:
        try:
            yield desk.numbers.fold(number)
        except MalformedNumber:
            yield number
