"""Personal data past its time (中华人民共和国个人信息保护法, article 19: no longer than its purpose needs).

Submissions, slips, the digests of their files and the issued log stay: a slip must verify for as long as it is valid,
and they are the university's record of a departure. Beside them nothing outlives `[retention]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from app.connectors.desk import LONGEST_DECLARATION_DAYS
from app.domain.row_ledger import RowChange
from app.extensions import Base, DatabaseSession, db
from app.models import (
    Action,
    Approval,
    AuditEvent,
    BrowserSession,
    Consent,
    DeskCompletion,
    DeskDecision,
    DeskEntry,
    DeskRefusal,
    RosterEntry,
    Scan,
    ScanCount,
    SlipView,
    StaffGrant,
    StaffView,
    StoredAnswer,
    Submission,
    Waiver,
    write_transaction,
)
from app.services.audit import PURGED, add_event, find_broken_event, lock_audit, move_start
from app.services.authenticated_rows import TRACKED, name_row
from app.services.clock import get_now
from app.settings import RetentionSettings

AT_ONCE = 500
PURGE = "retention"


class AuditBroken(Exception):
    """The audit events do not hold together: nothing of them may be deleted before that is looked into."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """Rows of one kind that are past their time: the condition that they meet."""

    name: str
    model: type[Base]
    condition: ColumnElement[bool]

    @property
    def table(self) -> Table:
        """The rows' table."""
        return cast("Table", self.model.__table__)

    def count(self) -> int:
        """How many there are."""
        with db.engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(self.table).where(self.condition)) or 0

    def purge(self, on_rows: Callable[[int], None]) -> int:
        """Delete them, some hundred in each transaction so that the service goes on; returns how many. An event tells of
        rows that decide, else they would be missed.
        """
        keys = list(self.table.primary_key)
        some = select(*keys).where(self.condition).limit(AT_ONCE)
        total, rows = 0, AT_ONCE
        while rows == AT_ONCE:
            with write_transaction() as session:
                if self.model in TRACKED:
                    _note_rows(session, self.model, session.execute(some).all())
                statement = delete(self.table).where(tuple_(*keys).in_(some))
                rows = int(session.connection().execute(statement).rowcount)
            on_rows(rows)
            total += rows
        return total


def _note_rows(session: DatabaseSession, model: type[Base], keys: Iterable[Any]) -> None:
    changes = RowChange()
    for key in keys:
        changes.remove(name_row(model, session.get_one(model, tuple(key))))
    if changes.removed:
        add_event(session, "rows_purged", actor=PURGE, subject=PURGE, details={}, now=get_now(), rows=changes)


def list_overdue(retention: RetentionSettings, now: datetime) -> list[Overdue]:
    """Every kind of row that has a time, the audit's events apart (see `purge_audit`)."""

    def before(days: int) -> datetime:
        return now - timedelta(days=days)

    def overdue(name: str, model: type[Base], condition: ColumnElement[bool]) -> Overdue:
        return Overdue(name, model, condition)

    answered = func.coalesce(StoredAnswer.learnt_at, StoredAnswer.failing_since)
    closed = before(retention.closed_cases_days)
    declared = max(retention.closed_cases_days, LONGEST_DECLARATION_DAYS)
    return [
        overdue("sessions", BrowserSession, BrowserSession.expires_at < before(retention.sessions_days)),
        overdue("known answers", StoredAnswer, answered < before(retention.known_answers_days)),
        overdue("checks of slips", Scan, Scan.checked_at < before(retention.slip_checks_days)),
        overdue("views of slips", SlipView, SlipView.viewed_at < before(retention.slip_views_days)),
        overdue("looks of staff", StaffView, StaffView.day < before(retention.views_days).date()),
        # Before their entries: one without decisions is as from before there were any.
        overdue(
            "desk decisions",
            DeskDecision,
            _is_closed(DeskDecision.student_number, DeskDecision.decided_at, closed),
        ),
        overdue(
            "desk entries", DeskEntry, _is_closed(DeskEntry.student_number, DeskEntry.recorded_at, closed)
        ),
        overdue(
            "refused rows",
            DeskRefusal,
            _is_closed(DeskRefusal.student_number, DeskRefusal.refused_at, closed),
        ),
        overdue(
            "roster entries",
            RosterEntry,
            _is_closed(RosterEntry.student_number, RosterEntry.listed_at, closed),
        ),
        overdue("actions", Action, _is_closed(Action.student_number, Action.intended_at, closed)),
        overdue("waivers", Waiver, _is_closed(Waiver.student_number, Waiver.granted_at, closed)),
        overdue("declarations", DeskCompletion, DeskCompletion.declared_at < before(declared)),
        # As long as the events that tell of them.
        overdue("consents", Consent, Consent.given_at < before(retention.audit_days)),
        overdue("grants that ended", StaffGrant, StaffGrant.revoked_at < before(retention.audit_days)),
        overdue(  # one that nobody decided is over by its time
            "requests",
            Approval,
            func.coalesce(Approval.decided_at, Approval.expires_at) < before(retention.audit_days),
        ),
        overdue(
            "days of checks without a slip",
            ScanCount,
            ScanCount.day < before(retention.slip_checks_days).date(),
        ),
    ]


def count_overdue_events(retention: RetentionSettings, now: datetime) -> int:
    """How many audit events `purge_audit` would delete."""
    with db.engine.connect() as connection:
        first_kept = _find_first_kept(connection, retention, now)
        return connection.scalar(select(func.count(AuditEvent.id)).where(AuditEvent.id < first_kept)) or 0


def purge_audit(retention: RetentionSettings, actor: str, now: datetime) -> int:
    """Delete the oldest audit events, and let the chain begin where they ended, which an event of its own
    confirms; returns how many. Raises AuditBroken.
    """
    if find_broken_event() is not None:
        raise AuditBroken
    with write_transaction() as session:
        lock_audit(session)
        gone = AuditEvent.id < _find_first_kept(session.connection(), retention, now)
        last = session.execute(
            select(AuditEvent.id, AuditEvent.chain_hash).where(gone).order_by(AuditEvent.id.desc()).limit(1)
        ).first()
        if last is None:
            return 0
        count = int(session.connection().execute(delete(AuditEvent).where(gone)).rowcount)
        move_start(session, last.chain_hash)
        details = {"count": count, "through": last.id, "chain_hash": last.chain_hash}
        add_event(session, PURGED, actor=actor, subject="audit", details=details, now=now)
        return count


def note_purge(counts: dict[str, int], actor: str, now: datetime) -> None:
    """Write into the audit what was deleted, by kind."""
    with write_transaction() as session:
        add_event(session, "personal_data_purged", actor=actor, subject=PURGE, details=counts, now=now)


def _is_closed(
    number: InstrumentedAttribute[str], moment: InstrumentedAttribute[datetime], before: datetime
) -> ColumnElement[bool]:
    """Rows of students who submitted, and for the last time before that moment. A desk's entry of anybody else may
    still keep its student from passing.
    """
    newest = (
        select(Submission.person_number)
        .group_by(Submission.person_number)
        .having(func.max(Submission.submitted_at) < before)
    )
    return (moment < before) & number.in_(newest)


def _find_first_kept(connection: Connection, retention: RetentionSettings, now: datetime) -> int:
    """The first event that is young enough: what follows it stays, whatever its time. The newest always stays, since the
    newest checkpoint tells of it.
    """
    young = AuditEvent.happened_at >= now - timedelta(days=retention.audit_days)
    first = connection.scalar(select(func.min(AuditEvent.id)).where(young))
    return first if first is not None else connection.scalar(select(func.max(AuditEvent.id))) or 0
