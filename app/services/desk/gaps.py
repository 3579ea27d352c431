"""What keeps a desk from answering, kept and lifted: rows that could not be read, and a list not declared complete.

A refused row makes its student unknown. A row whose number cannot be read may be about anybody: it makes everybody
unknown whom the same file did not name, and ends the declaration that the list is complete.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select

from app.connectors.desk import get_heading
from app.extensions import DatabaseSession, db
from app.models import AuditEvent, DeskCompletion, DeskEntry, DeskRefusal, upsert, write_transaction
from app.services.audit import add_event, lock_audit
from app.services.clock import get_now
from app.services.desk.cells import CellRefused, read_cell, read_number
from app.services.desk.desk import Desk, Facts, compare_with_known, explain_letter, load_facts, store_entries

CHUNK = 500
REFUSED, UNREAD = "refused", "unread"
MOST_SAID = 400


class CountMoved(Exception):
    """The desk does not hold as many entries as the clerk said; `held` is how many it holds."""

    def __init__(self, held: int) -> None:
        super().__init__(f"the desk holds {held} entries")
        self.held = held


@dataclass(frozen=True, slots=True)
class DeskState:
    """How a desk stands: `complete_since` and by whom, if it was declared complete; the students who are unknown;
    `left` are those, or the first of them, whose entries are older than the complete file, which did not name them.
    """

    entries: int
    complete_since: datetime | None
    declared_by: str
    refusals: tuple[DeskRefusal, ...]
    left: tuple[str, ...] = ()

    def is_complete(self, days: int, now: datetime) -> bool:
        """Whether it was declared complete within so many days."""
        return self.complete_since is not None and now - self.complete_since <= timedelta(days=days)


def read_state(connector: str) -> DeskState:
    """How this desk stands."""
    entries = select(func.count()).select_from(DeskEntry).where(DeskEntry.connector == connector)
    refusals = select(DeskRefusal).where(DeskRefusal.connector == connector)
    completion = db.session.get(DeskCompletion, connector)
    return DeskState(
        entries=db.session.scalar(entries) or 0,
        complete_since=completion.declared_at if completion else None,
        declared_by=completion.declared_by if completion else "",
        refusals=tuple(db.session.scalars(refusals.order_by(DeskRefusal.student_number))),
        left=_list_left(completion) if completion else (),
    )


def _list_left(completion: DeskCompletion) -> tuple[str, ...]:
    """By the event of the import that declared the list complete; nobody, where `desk complete` did."""
    event = db.session.scalar(
        select(AuditEvent).where(
            AuditEvent.subject == completion.connector,
            AuditEvent.kind == "desk_imported",
            AuditEvent.happened_at == completion.declared_at,
        )
    )
    numbers = event.details.get("left", []) if event else []
    older = select(DeskEntry.student_number).where(
        DeskEntry.connector == completion.connector,
        DeskEntry.student_number.in_(numbers),
        DeskEntry.recorded_at < completion.declared_at,
    )
    return tuple(db.session.scalars(older.order_by(DeskEntry.student_number)))


def note_refused(
    session: DatabaseSession, connector: str, refused: Mapping[str, str], clerk: str, now: datetime
) -> None:
    """Make these students unknown, for what was wrong with their rows."""
    _store(session, connector, refused, REFUSED, clerk, now)
    for number, message in refused.items():
        details = {"desk": connector, "says": message}
        add_event(session, "desk_row_refused", actor=clerk, subject=number, details=details, now=now)


def doubt_others(
    session: DatabaseSession, connector: str, named: Set[str], message: str, clerk: str, now: datetime
) -> int:
    """Make every student with an entry unknown but the named ones, and end the declaration that the list is
    complete; returns how many.
    """
    lock_audit(session)  # a declaration made at the same time comes before this or after it
    session.execute(delete(DeskCompletion).where(DeskCompletion.connector == connector))
    held = select(DeskEntry.student_number).where(DeskEntry.connector == connector)
    known = select(DeskRefusal.student_number).where(DeskRefusal.connector == connector)
    others = set(session.scalars(held)) - set(session.scalars(known)) - named
    _store(session, connector, dict.fromkeys(sorted(others), message), UNREAD, clerk, now)
    return len(others)


def mend(session: DatabaseSession, connector: str, numbers: Sequence[str]) -> list[str]:
    """Let these students' entries count again: a good row or entry came. Returns those who were unknown."""
    mended: list[str] = []
    for chunk in _cut(numbers):
        gone = (DeskRefusal.connector == connector) & DeskRefusal.student_number.in_(chunk)
        mended += session.scalars(select(DeskRefusal.student_number).where(gone))
        session.execute(delete(DeskRefusal).where(gone))
    return mended


def set_complete(session: DatabaseSession, connector: str, clerk: str, now: datetime) -> None:
    """Keep the declaration that the list is complete: what could not be read was nobody's who is not on it now."""
    lock_audit(session)  # see doubt_others
    upsert(
        session.connection(),
        DeskCompletion,
        [{"connector": connector, "declared_by": clerk, "declared_at": now}],
    )
    unread = (DeskRefusal.connector == connector) & (DeskRefusal.cause == UNREAD)
    session.execute(delete(DeskRefusal).where(unread))


def declare_complete(connector: str, clerk: str, entries: int) -> None:
    """Declare that whoever has no entry has nothing to settle. Raises CountMoved unless the desk holds so many."""
    with write_transaction() as session:
        lock_audit(session)
        now = get_now()
        held = read_state(connector).entries
        if held != entries:
            raise CountMoved(held)
        set_complete(session, connector, clerk, now)
        add_event(
            session,
            "desk_declared_complete",
            actor=clerk,
            subject=connector,
            details={"entries": held},
            now=now,
        )


def withdraw_complete(connector: str, clerk: str) -> bool:
    """Take the declaration back; returns whether there was one."""
    with write_transaction() as session:
        completion = session.get(DeskCompletion, connector)
        if completion is None:
            return False
        session.delete(completion)
        add_event(
            session, "desk_declared_incomplete", actor=clerk, subject=connector, details={}, now=get_now()
        )
    return True


def _store(
    session: DatabaseSession,
    connector: str,
    message: Mapping[str, str],
    cause: str,
    clerk: str,
    now: datetime,
) -> None:
    rows = [
        {
            "connector": connector,
            "student_number": number,
            "cause": cause,
            "says": text[:MOST_SAID],
            "refused_by": clerk,
            "refused_at": now,
        }
        for number, text in message.items()
    ]
    if rows:
        upsert(session.connection(), DeskRefusal, rows)


def _cut(numbers: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(numbers), CHUNK):
        yield numbers[start : start + CHUNK]


def record_entry(desk: Desk, student_number: str, cells: Mapping[str, str], by: str) -> tuple[str, ...]:
    """Record one student by the cells' headings, `by` a clerk's number; returns what to warn of.

    Raises OwnDecision, and CellRefused for a cell that cannot be recorded, is missing or has no such heading, or for
    a number that nobody has where a letter stands for a digit of somebody's.
    """
    known = {get_heading(field) for field in desk.config.fields.values()}
    for heading in cells:
        if heading not in known:
            raise CellRefused(heading, f"is no heading: there are {'、'.join(sorted(known))}")
    number = read_number(desk.config, desk.numbers, student_number)
    facts: Facts = {
        name: read_cell(field, cells.get(get_heading(field))) for name, field in desk.config.fields.items()
    }
    warnings = _compare_number(desk, number)
    now = get_now()
    with write_transaction() as session:
        before = load_facts(session, desk, [number]).get(number)
        store_entries(session, desk, {number: facts}, by)
        mended = mend(session, desk.name, [number])
        details = {"desk": desk.name, "facts": facts, "before": before, "mended": bool(mended)}
        add_event(session, "desk_recorded", actor=by, subject=number, details=details, now=now)
    return warnings


def _compare_number(desk: Desk, number: str) -> tuple[str, ...]:
    compared = compare_with_known(desk, [number])
    if number not in compared.unknown:
        return ()
    if twin := compared.alike.get(number):
        raise CellRefused(desk.config.number_column, explain_letter(number, twin))
    letters = " and has letters among its digits" if number in compared.alike else ""
    return (f"{number} is nobody's here{letters}: nobody signed in with it yet, or it is mistyped",)
