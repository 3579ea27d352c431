"""What keeps a desk from answering, kept and lifted: rows that could not be read, and a list not declared complete.

A refused row makes its student unknown, and an entry beneath it says so too, see `doubts`. A row whose number cannot be read may be about anybody: it makes everybody
unknown whom the same file did not name, and ends the declaration that the list is complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, RowMapping, Table, delete, func, insert, select

from app.connectors.desk import DOUBT, get_heading
from app.domain.row_ledger import RowChange
from app.extensions import DatabaseSession, db
from app.models import (
    AuditEvent,
    DeskCompletion,
    DeskEntry,
    DeskRefusal,
    retry_conflicts,
    upsert,
    write_transaction,
)
from app.services.audit import NewEvent, add_event, add_events, lock_audit
from app.services.authenticated_rows import is_authentic, name_row, sign_row
from app.services.clock import get_now
from app.services.desk.cells import CellRefused, read_cell, read_number
from app.services.desk.desk import (
    DECLARED_INCOMPLETE,
    Desk,
    Facts,
    compare_with_known,
    explain_letter,
    list_numbers,
    make_roll,
)
from app.services.desk.doubts import (
    IMPORTED,
    REFUSED,
    ROW_REFUSED,
    UNREAD,
    lift_unread,
    list_refused,
    mark_entries,
)
from app.services.desk.history import Change, Outcome, Via, keep_changes, read_held
from app.services.desk.overruling import Overruled, describe_decision, find_overruled

CHUNK = 500
_REFUSALS = cast("Table", DeskRefusal.__table__)
_COMPLETIONS = cast("Table", DeskCompletion.__table__)
TAKEN_BACK = "what had mended it was taken back"
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


def read_state(desk: Desk) -> DeskState:
    """How this desk stands. A declaration that is not authentic is none."""
    connector = desk.name
    entries = select(func.count()).select_from(DeskEntry).where(DeskEntry.connector == connector)
    refusals = select(DeskRefusal).where(DeskRefusal.connector == connector)
    completion = db.session.get(DeskCompletion, connector)
    if completion is not None and not is_authentic(desk.row_keys, DeskCompletion, completion):
        completion = None
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
            AuditEvent.kind == IMPORTED,
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
    session: DatabaseSession,
    desk: Desk,
    refused: Mapping[str, str],
    clerk: str,
    now: datetime,
    changes: RowChange,
) -> None:
    """Make these students unknown, for what was wrong with their rows."""
    _store(session, desk, refused, REFUSED, clerk, now, changes)
    for number, message in refused.items():
        details = {"desk": desk.name, "says": message}
        add_event(session, ROW_REFUSED, actor=clerk, subject=number, details=details, now=now)


def doubt_others(
    session: DatabaseSession,
    desk: Desk,
    named: Set[str],
    message: str,
    clerk: str,
    now: datetime,
    changes: RowChange,
) -> int:
    """Make every student with an entry unknown but the named ones, and end the declaration that the list is
    complete; returns how many.
    """
    lock_audit(session)  # a declaration made at the same time comes before this or after it
    completion = session.get(DeskCompletion, desk.name)
    if completion is not None:
        _end_declaration(session, completion, clerk, now)
    known = select(DeskRefusal.student_number).where(DeskRefusal.connector == desk.name)
    others = set(list_numbers(session, desk)) - set(session.scalars(known)) - named
    _store(session, desk, dict.fromkeys(sorted(others), message), UNREAD, clerk, now, changes)
    return len(others)


def mend(session: DatabaseSession, connector: str, numbers: Sequence[str], changes: RowChange) -> list[str]:
    """Let these students' entries count again: a good row or entry came. Returns those who were unknown."""
    mended: list[str] = []
    for chunk in _cut(numbers):
        gone = (DeskRefusal.connector == connector) & DeskRefusal.student_number.in_(chunk)
        mended += _remove_refusals(session, gone, changes)
    return mended


def set_complete(session: DatabaseSession, desk: Desk, clerk: str, now: datetime, changes: RowChange) -> None:
    """Keep the declaration that the list is complete: what could not be read was nobody's who is not on it now."""
    lock_audit(session)  # see doubt_others
    unread = (DeskRefusal.connector == desk.name) & (DeskRefusal.cause == UNREAD)
    _remove_refusals(session, unread, changes)
    numbers = list_numbers(session, desk)
    lift_unread(session, desk, numbers, changes, now)
    held = session.get(DeskCompletion, desk.name)
    if held is not None:
        changes.remove(name_row(DeskCompletion, held))
    refused = select(DeskRefusal.student_number).where(DeskRefusal.connector == desk.name)
    roll = make_roll({*numbers, *session.scalars(refused), *list_refused(session, desk)})
    row = {"connector": desk.name, "declared_by": clerk, "declared_at": now, "roll": roll}
    changes.add(name_row(DeskCompletion, row))
    upsert(session.connection(), DeskCompletion, [sign_row(desk.row_keys, DeskCompletion, row, now)])


def enter_on_roll(
    session: DatabaseSession,
    desk: Desk,
    numbers: Iterable[str],
    now: datetime,
    changes: RowChange,
    completion: Mapping[str, Any] | None = None,
) -> None:
    """Note in a declaration that stands that there are rows about these students now. One that is not authentic, or of
    before there were rolls, stays as it is. `completion` is its row, where that was read already.
    """
    held = completion or _find_roll(session, desk)
    if held is not None and held["roll"] is not None:
        listed = set(held["roll"].split())
        _rewrite_roll(session, desk, held, listed, listed.union(numbers), now, changes)


def leave_roll(session: DatabaseSession, desk: Desk, number: str, now: datetime, changes: RowChange) -> None:
    """Take a student off the roll of a declaration that stands, whose entry a clerk took away: it is not lost."""
    held = _find_roll(session, desk)
    if held is not None and held["roll"] is not None:
        listed = set(held["roll"].split())
        _rewrite_roll(session, desk, held, listed, listed - {number}, now, changes)


def _find_roll(session: DatabaseSession, desk: Desk) -> RowMapping | None:
    query = select(_COMPLETIONS).where(_COMPLETIONS.c.connector == desk.name)
    return session.connection().execute(query).mappings().first()


def _rewrite_roll(
    session: DatabaseSession,
    desk: Desk,
    held: Mapping[str, Any] | RowMapping,
    before: set[str],
    after: set[str],
    now: datetime,
    changes: RowChange,
) -> None:
    if before == after or not is_authentic(desk.row_keys, DeskCompletion, held):
        return
    changes.remove(name_row(DeskCompletion, held))
    names = ("connector", "declared_by", "declared_at")
    row = {name: held[name] for name in names} | {"roll": make_roll(after)}
    changes.add(name_row(DeskCompletion, row))
    upsert(session.connection(), DeskCompletion, [sign_row(desk.row_keys, DeskCompletion, row, now)])


def refuse_again(
    session: DatabaseSession,
    desk: Desk,
    number: str,
    facts: Mapping[str, Any] | None,
    clerk: str,
    now: datetime,
    changes: RowChange,
) -> list[NewEvent]:
    """Keep why a student is unknown again, whose entry an undo brought back with a mark of doubt; returns the events that
    tell of it.
    """
    cause = (facts or {}).get(DOUBT)
    if cause is None:
        return []
    _store(session, desk, {number: TAKEN_BACK}, str(cause), clerk, now, changes)
    details = {"desk": desk.name, "says": TAKEN_BACK}
    return [NewEvent(ROW_REFUSED, clerk, number, details)] if cause == REFUSED else []


def declare_complete(desk: Desk, clerk: str, entries: int) -> None:
    """Declare that whoever has no entry has nothing to settle. Raises CountMoved unless the desk holds so many."""
    with write_transaction() as session:
        lock_audit(session)
        now, changes = get_now(), RowChange()
        held = read_state(desk).entries
        if held != entries:
            raise CountMoved(held)
        set_complete(session, desk, clerk, now, changes)
        add_event(
            session,
            "desk_declared_complete",
            actor=clerk,
            subject=desk.name,
            details={"entries": held},
            now=now,
            rows=changes,
        )


def withdraw_complete(connector: str, clerk: str) -> bool:
    """Take the declaration back; returns whether there was one."""
    with write_transaction() as session:
        completion = session.get(DeskCompletion, connector)
        if completion is None:
            return False
        _end_declaration(session, completion, clerk, get_now())
    return True


def _end_declaration(session: DatabaseSession, completion: DeskCompletion, clerk: str, now: datetime) -> None:
    """By its event the row counts no more, should it ever be put back."""
    changes, connector = RowChange(), completion.connector
    changes.remove(name_row(DeskCompletion, completion))
    session.delete(completion)
    session.flush()
    add_event(session, DECLARED_INCOMPLETE, actor=clerk, subject=connector, details={}, now=now, rows=changes)


def _remove_refusals(session: DatabaseSession, gone: ColumnElement[bool], changes: RowChange) -> list[str]:
    """Returns whose they were."""
    refusals = session.scalars(select(DeskRefusal).where(gone)).all()
    for refusal in refusals:
        changes.remove(name_row(DeskRefusal, refusal))
    numbers = [refusal.student_number for refusal in refusals]
    session.execute(delete(DeskRefusal).where(gone))
    return numbers


def _store(
    session: DatabaseSession,
    desk: Desk,
    message: Mapping[str, str],
    cause: str,
    clerk: str,
    now: datetime,
    changes: RowChange,
) -> None:
    for chunk in _cut(list(message)):
        same = (DeskRefusal.connector == desk.name) & DeskRefusal.student_number.in_(chunk)
        _remove_refusals(session, same, changes)
    rows = [
        {
            "connector": desk.name,
            "student_number": number,
            "cause": cause,
            "says": text[:MOST_SAID],
            "refused_by": clerk,
            "refused_at": now,
        }
        for number, text in message.items()
    ]
    for row in rows:
        changes.add(name_row(DeskRefusal, {**row, "message": row["says"]}))
    if rows:
        session.connection().execute(insert(_REFUSALS), rows)
    mark_entries(session, desk, list(message), cause, changes, now)


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
    overruled = _record(desk, Change(number, facts, Outcome.RECORDED, Via.COMMAND), by)
    return (*warnings, *_warn_of_overruled(desk, overruled))


@retry_conflicts
def _record(desk: Desk, change: Change, by: str) -> Overruled:
    now, number = get_now(), change.student_number
    with write_transaction() as session:
        head = lock_audit(session)
        held = read_held(session, desk, [number])
        overruled = find_overruled(session, desk, {number: change.facts}, held)
        (kept,) = keep_changes(session, desk, [change], held, by, now)
        mended = mend(session, desk.name, [number], kept.rows)
        enter_on_roll(session, desk, [number], now, kept.rows)
        add_events(session, [kept.make_event(desk, mended=bool(mended))], now, head=head)
        return overruled


def _warn_of_overruled(desk: Desk, overruled: Overruled) -> Iterator[str]:
    for decision in overruled.decisions:
        yield f"what was decided at the counter stands no longer: {describe_decision(desk, decision)}"
    for number in overruled.submitted:
        yield f"{number} has submitted already: the slip stays as it is; revoke it if it must not stand"


def _compare_number(desk: Desk, number: str) -> tuple[str, ...]:
    compared = compare_with_known(desk, [number])
    if number not in compared.unknown:
        return ()
    if twin := compared.alike.get(number):
        raise CellRefused(desk.config.number_column, explain_letter(number, twin))
    letters = " and has letters among its digits" if number in compared.alike else ""
    return (f"{number} is nobody's here{letters}: nobody signed in with it yet, or it is mistyped",)
