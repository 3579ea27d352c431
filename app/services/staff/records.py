"""What auditors 审计 read: who did what to whom, who looked at whom, and whether the events are whole. An auditor's scope is a
condition of each query: outside it neither an event nor a name exists.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, and_, false, or_, select, true

from app.domain.staff import ALL, Scope
from app.extensions import db
from app.models import AuditEvent, RosterEntry, Slip, Submission, read_connection
from app.services.audit import find_audit_faults, find_broken_event
from app.services.installation import Installation
from app.services.staff.grants import read_names
from app.services.staff.views import DayOfViews, list_views

PAGE = 50
MOST_FAULTS = 20
ABOUT_STUDENTS = frozenset(
    {
        *("consent_given", "consent_withdrawn", "action_intended", "action_finished", "slip_issued"),
        *("desk_recorded", "desk_undone", "desk_entry_removed", "desk_row_refused"),
        *("step_waived", "waiver_withdrawn", "waiver_asked", "approval_asked", "approval_decided"),
        *("student_shown", "connector_tried", "number_noted", "number_folded"),
    }
)
"""Kinds of events whose subject is a student's number."""
OF_ONE_STUDENT = "version"
"""An import is told by an event about its file, and by one about each student, which has the entry's version."""

_EVENTS = cast("Table", AuditEvent.__table__)
_ENTRIES = cast("Table", RosterEntry.__table__)
_SLIP_STUDENTS = select(Slip.number, Submission.person_number).join(
    Submission, Submission.id == Slip.submission_id
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events or looks: of a student, by somebody (folded numbers), of a kind, on a day of the service's wall clock;
    what is empty is any.
    """

    student: str = ""
    actor: str = ""
    kind: str = ""
    day: date | None = None


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """An audit event. `student` is the number of the student whom it is about, "" for none, and `name` what the roster
    calls this one; `slip` is the slip's number where the event is about a slip. `happened_at` is UTC.
    """

    id: int
    happened_at: datetime
    kind: str
    actor: str
    actor_name: str
    subject: str
    student: str
    name: str
    slip: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToldLook:
    """A person's looks at a student on a day, with the names of both as far as they are known here."""

    look: DayOfViews
    viewer_name: str
    name: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification found: how many events were read, the first that does not fit, None for none, and what else does
    not hold, a sentence each; `more` are further ones.
    """

    events: int
    broken: int | None
    faults: tuple[str, ...] = ()
    more: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether everything holds."""
        return self.broken is None and not self.faults


def list_events(
    installation: Installation, scopes: Sequence[Scope], wanted: Wanted, before: int | None = None
) -> list[ToldEvent]:
    """A page of events within these scopes, newest first, those before the one of this id."""
    conditions = [or_(false(), *(_holds_event(scope) for scope in scopes))]
    conditions += [_EVENTS.c.id < before] if before is not None else []
    conditions += [_is_about(wanted.student)] if wanted.student else []
    conditions += [_EVENTS.c.actor == wanted.actor] if wanted.actor else []
    conditions += [_EVENTS.c.kind == wanted.kind] if wanted.kind else []
    if wanted.day is not None:
        start = datetime.combine(wanted.day, time(), installation.settings.service.time_zone)
        conditions += [_EVENTS.c.happened_at >= start.astimezone(UTC)]
        conditions += [_EVENTS.c.happened_at < (start + timedelta(days=1)).astimezone(UTC)]
    query = select(_EVENTS).where(*conditions).order_by(_EVENTS.c.id.desc()).limit(PAGE)
    with read_connection(db.engine) as connection:
        return _tell(connection, scopes, connection.execute(query).all())


def list_looks(scopes: Sequence[Scope], wanted: Wanted, before: datetime | None = None) -> list[ToldLook]:
    """A page of looks at students within these scopes, newest first, those before this moment."""
    looks = list_views(
        subject=wanted.student,
        viewer=wanted.actor,
        day=wanted.day,
        before=before,
        limit=PAGE,
        within=lambda number: or_(false(), *(_holds_student(scope, number) for scope in scopes)),
    )
    with read_connection(db.engine) as connection:
        names = _name_students(connection, scopes, {look.subject for look in looks})
        viewers = read_names(connection, {look.viewer for look in looks})
    return [ToldLook(look, viewers.get(look.viewer, ""), names.get(look.subject, "")) for look in looks]


def verify_all(installation: Installation) -> Verified:
    """Read every event and every row that decides, as `flask audit verify` does, the checkpoints apart."""
    count = 0

    def note() -> None:
        nonlocal count
        count += 1

    faults = list(find_audit_faults(note, installation.row_keys))
    broken = find_broken_event() if faults else None
    if broken is not None:
        return Verified(count, broken)
    return Verified(count, None, tuple(faults[:MOST_FAULTS]), max(0, len(faults) - MOST_FAULTS))


def _holds_student(scope: Scope, number: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a student of this number is on a roster within the scope."""
    if scope == Scope(step=scope.step):
        return true()
    return number.in_(_list_students(scope))


def _list_students(scope: Scope) -> Select[Any]:
    query = select(_ENTRIES.c.student_number)
    for name in ("mini_app", "college", "period"):
        if getattr(scope, name) != ALL:
            query = query.where(_ENTRIES.c[name] == getattr(scope, name))
    return query


def _holds_event(scope: Scope) -> ColumnElement[bool]:
    """Whether an event is about a student within the scope, or a slip of one, and of no other mini-app or step."""
    if scope == Scope():
        return true()
    students = _list_students(scope)
    slips = _SLIP_STUDENTS.with_only_columns(Slip.number).where(Submission.person_number.in_(students))
    conditions = [or_(_EVENTS.c.subject.in_(students), _EVENTS.c.subject.in_(slips))]
    if scope.mini_app != ALL:
        told = _EVENTS.c.details["mini_app"].as_string()
        conditions.append(or_(told.is_(None), told == scope.mini_app))
    if scope.step != ALL:
        conditions.append(_EVENTS.c.details["step"].as_string() == scope.step)
    return and_(*conditions)


def _is_about(student: str) -> ColumnElement[bool]:
    slips = _SLIP_STUDENTS.with_only_columns(Slip.number).where(Submission.person_number == student)
    return or_(_EVENTS.c.subject == student, _EVENTS.c.subject.in_(slips))


def _tell(connection: Connection, scopes: Sequence[Scope], rows: Sequence[Row[Any]]) -> list[ToldEvent]:
    subjects = {row.subject for row in rows}
    found = connection.execute(_SLIP_STUDENTS.where(Slip.number.in_(subjects)))
    slips: dict[str, str] = {row.number: row.person_number for row in found}
    names = _name_students(connection, scopes, {*subjects, *slips.values()})
    staff = read_names(connection, {row.actor for row in rows})
    told = []
    for row in rows:
        is_student = (
            row.subject in names or row.kind in ABOUT_STUDENTS or row.details.get(OF_ONE_STUDENT) is not None
        )
        student = slips.get(row.subject, row.subject if is_student else "")
        slip = row.subject if row.subject in slips else str(row.details.get("slip", ""))
        told.append(
            ToldEvent(
                row.id,
                row.happened_at,
                row.kind,
                row.actor,
                staff.get(row.actor, ""),
                row.subject,
                student,
                names.get(student, ""),
                slip,
                row.details,
            )
        )
    return told


def _name_students(
    connection: Connection, scopes: Sequence[Scope], numbers: Collection[str]
) -> dict[str, str]:
    """What rosters call the students of these numbers, as far as they are within the scopes."""
    if not numbers:
        return {}
    number = _ENTRIES.c.student_number
    query = select(number, _ENTRIES.c.name).where(
        number.in_(sorted(numbers)), or_(false(), *(_holds_student(scope, number) for scope in scopes))
    )
    return {row.student_number: row.name for row in connection.execute(query)}
