"""Approvals 复核: what one person asks and another decides, never the same one nor who stands in for them. A request says
exactly what is to be done; approving does exactly that in its own transaction, or fails because something changed. It is
open for 72 hours, and there is one at a time of a kind and subject.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import RowMapping, Table, select

from app.domain.decisions import require_other
from app.domain.errors import (
    ChangedSinceAsked,
    Conflict,
    NeedsSecondPerson,
    NotFound,
    UnknownMiniApp,
)
from app.domain.hash_chain import get_hash
from app.domain.row_ledger import RowChange
from app.domain.staff import Grants, Right
from app.extensions import DatabaseSession, db
from app.models import (
    Approval,
    StaffGrant,
    read_connection,
    retry_conflicts,
    write_transaction,
)
from app.services.audit import add_event
from app.services.authenticated_rows import make_mac, name_row
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.staff.approved_acts import ACTS, Act, Kind, Order, Subject, get_scope
from app.services.staff.grants import read_grants, require_grant
from app.services.staff.item_versions import Form, find_sent
from app.services.staff.requests import (
    CHANGES,
    DECIDED,
    FIND,
    ROWS,
    Verdict,
    find_subject,
    is_valid,
    list_decided_states,
    make_request,
    may_ask,
)

OPEN_FOR = timedelta(hours=72)
ASKED: Mapping[Kind, str] = {
    Kind.REVOKE: "approval_asked",
    Kind.WAIVE: "waiver_asked",
    Kind.WITHDRAW: "approval_asked",
}
"""The events of asking."""
_GRANTS = cast("Table", StaffGrant.__table__)


@dataclass(frozen=True, slots=True)
class Asked:
    """The id of the open request, and whether it is a new one: another may have asked the same before."""

    id: int
    is_new: bool


@retry_conflicts
def ask(
    installation: Installation,
    kind: Kind,
    subject: Subject,
    reason: str,
    by: str,
    shown: Mapping[str, str],
    form: Form | None = None,
) -> Asked:
    """Ask for it. The reason comes cleaned; `shown` is how the subject looked to who asks, JSON-ready. Of two who ask the
    same the second is told of the first one's request; one that cannot be approved any more, see `Verdict`, gives way to
    the new one. The same `form` again is the same request.

    Raises GrantEnded, NotFound, OwnDecision, Conflict where the item is another than the form was drawn on, or the fact
    for which it cannot be done: AlreadySubmitted, AlreadyWaived, NotRequired, NothingToWaive, NotWaived, SlipRevoked,
    UnknownSlip, UnknownStep.
    """
    act, now = ACTS[kind], get_now()
    require_other(by, (subject.student_number,))
    with write_transaction() as session:
        act.lock(session, subject)
        require_grant(installation, session, by, Right.ASK, get_scope(session, subject), now)
        sent = find_sent(session, subject.student_number, form, by)
        if sent is not None and "approval" in sent:
            return Asked(int(sent["approval"]), is_new=True)
        seen = act.look(installation, session, subject, form)
        standing = session.scalar(
            select(Approval).filter_by(**_name_subject(kind, subject, seen), decided_at=None)
        )
        if standing is not None:
            over = _find_end(session, installation, subject, standing, seen, now)
            if over is None:
                return Asked(standing.id, is_new=False)
            _close(session, installation, standing, over, by, "", now)
        row = _make_row(kind, subject, {"seen": seen, "shown": dict(shown), "reason": reason}, by, now)
        row.mac = make_mac(installation.row_keys, Approval, row, now)
        session.add(row)
        session.flush()
        rows = RowChange()
        rows.add(name_row(Approval, row))
        details = {"approval": row.id, "kind": kind, **_describe(row)}
        if form is not None and form.nonce:
            details["nonce"] = form.nonce
        add_event(
            session, ASKED[kind], actor=by, subject=row.student_number, details=details, now=now, rows=rows
        )
        return Asked(row.id, is_new=True)


def _find_end(
    session: DatabaseSession,
    installation: Installation,
    subject: Subject,
    row: Approval,
    seen: Mapping[str, str],
    now: datetime,
) -> Verdict | None:
    """What became of a request that nobody decided, and that nobody can approve any more; None of one that waits."""
    if not _is_true(session, installation, row):
        return Verdict.VOID
    if now >= row.expires_at:
        return Verdict.EXPIRED
    is_same = row.payload["seen"] == seen and may_ask(installation, session, row.asked_by, subject, now)
    return None if is_same else Verdict.CHANGED


@retry_conflicts
def take_back(installation: Installation, request_id: int, by: str) -> None:
    """Let the asker take an open request back: nothing is done, and it can be asked anew. The same again changes nothing.

    Raises NotFound (also for anybody else), GrantEnded, ChangedSinceAsked (it is not authentic), or Conflict with the
    Request that somebody decided.
    """
    found = _find(request_id)
    act, subject = _open_act(installation, found)
    now = get_now()
    with write_transaction() as session:
        act.lock(session, subject)
        row = session.get_one(Approval, request_id, populate_existing=True, with_for_update=True)
        if not _is_true(session, installation, row):
            raise ChangedSinceAsked
        require_grant(installation, session, by, Right.ASK, get_scope(session, subject), now)
        if row.asked_by != by:
            raise NotFound
        if row.decision == Verdict.WITHDRAWN:
            return
        if row.decided_at is not None:
            raise Conflict(0, make_request({**found, **_take(row)}))
        _close(session, installation, row, Verdict.WITHDRAWN, by, "", now)


def _find(request_id: int) -> RowMapping:
    """Raises NotFound."""
    with read_connection(db.engine) as connection:
        found = connection.execute(FIND.where(ROWS.c.id == request_id)).mappings().first()
    if found is None:
        raise NotFound
    return found


@retry_conflicts
def decide(installation: Installation, request_id: int, verdict: Verdict, note: str, by: str) -> None:
    """Approve or refuse a request; the note comes cleaned. Approved, it is done at once. The same person's same decision
    again changes nothing.

    Raises NotFound, GrantEnded, NeedsSecondPerson, OwnDecision (who decides is the student), ChangedSinceAsked (also where
    its time is over or it is not authentic), or Conflict with the Request that somebody else decided.
    """
    found = _find(request_id)
    act, subject = _open_act(installation, found)
    now = get_now()
    with write_transaction() as session:
        act.lock(session, subject)
        row = session.get_one(Approval, request_id, populate_existing=True, with_for_update=True)
        if not _is_true(session, installation, row) or (row.kind, row.student_number) != (
            found["kind"],
            found["student_number"],
        ):
            raise ChangedSinceAsked
        scope = get_scope(session, subject)
        grants = require_grant(installation, session, by, Right.APPROVE, scope, now)
        if (row.decided_by, row.decision) == (by, verdict):
            return
        if row.decided_at is not None:
            raise Conflict(0, make_request({**found, **_take(row)}))
        _require_second_person(installation, session, row.asked_by, grants, now)
        require_other(by, (row.student_number,))
        if now >= row.expires_at:
            raise ChangedSinceAsked
        if verdict is Verdict.APPROVED:
            _run(installation, session, act, subject, row, by, now)
        _close(session, installation, row, verdict, by, note, now)


def _run(
    installation: Installation,
    session: DatabaseSession,
    act: Act,
    subject: Subject,
    row: Approval,
    by: str,
    now: datetime,
) -> None:
    """Do what was asked, exactly that, on what it was asked for, by who still may ask for it."""
    told = {"persons": 2, "via": "page", "asked_by": row.asked_by, "approval": row.id}
    seen = row.payload["seen"]
    try:
        is_same = row.period == subject.installed.settings.period
        if not is_same or act.look(installation, session, subject) != seen:
            raise ChangedSinceAsked
        if not may_ask(installation, session, row.asked_by, subject, now):
            raise ChangedSinceAsked
        act.run(session, subject, seen, Order(row.payload["reason"], by, told, now))
    except CHANGES as fact:
        raise ChangedSinceAsked from fact


def _close(
    session: DatabaseSession,
    installation: Installation,
    row: Approval,
    verdict: Verdict,
    by: str,
    note: str,
    now: datetime,
) -> None:
    """Let a request be decided. What nobody decided has nobody's number."""
    is_decided, rows = verdict in (Verdict.APPROVED, Verdict.REFUSED), RowChange()
    details = {"approval": row.id, "kind": row.kind, "decision": verdict, "note": note, **_describe(row)}
    if verdict is Verdict.VOID:
        details["was_authentic"] = False
    rows.remove(name_row(Approval, row))
    row.decided_by, row.decided_at = by if is_decided else "", now
    row.decision, row.note = verdict, note
    row.mac = make_mac(installation.row_keys, Approval, row, now)
    rows.add(name_row(Approval, row))
    session.flush()
    details["asked_by"] = row.asked_by
    number = row.student_number
    add_event(session, DECIDED, actor=by, subject=number, details=details, now=now, rows=rows)


def _require_second_person(
    installation: Installation, session: DatabaseSession, asked_by: str, grants: Grants, now: datetime
) -> None:
    """Raise NeedsSecondPerson for who asked, and where one of both has a right of the other's to stand in for them."""
    theirs = read_grants(installation, session, asked_by, now)
    given_from = {grant.delegated_from for grant in (*grants.standing, *theirs.standing)} - {None}
    owners = session.scalars(select(_GRANTS.c.staff_number).where(_GRANTS.c.id.in_(given_from))).all()
    if asked_by == grants.staff_number or {asked_by, grants.staff_number} & set(owners):
        raise NeedsSecondPerson


def _name_subject(kind: Kind, subject: Subject, seen: Mapping[str, str]) -> dict[str, str]:
    """What there is one open request of."""
    about = subject.about
    slip = seen.get("slip", "")
    return {"kind": kind, "subject": slip or "/".join(about.values())}


def _make_row(kind: Kind, subject: Subject, content: Mapping[str, Any], by: str, now: datetime) -> Approval:
    named = _name_subject(kind, subject, content["seen"])
    payload = {**content, **named, **subject.about}
    return Approval(
        **named,
        **subject.about,
        payload=payload,
        payload_digest=get_hash(payload),
        reason=content["reason"],
        asked_by=by,
        asked_at=now,
        expires_at=now + OPEN_FOR,
    )


def _describe(row: Approval) -> dict[str, str]:
    """What events say of a request."""
    told = {"step": row.step, "reason": row.reason, "slip": _get_slip(row.payload)}
    about = {"mini_app": row.mini_app, "period": row.period}
    return about | {name: value for name, value in told.items() if value}


def _get_slip(payload: Mapping[str, Any]) -> str:
    return str(payload.get("seen", {}).get("slip", ""))


def _open_act(installation: Installation, row: RowMapping) -> tuple[Act, Subject]:
    """Raises ChangedSinceAsked for a kind or mini-app that there is not."""
    try:
        subject = find_subject(installation, row["mini_app"], row["student_number"], row["step"])
        return ACTS[Kind(row["kind"])], subject
    except (ValueError, UnknownMiniApp) as error:
        raise ChangedSinceAsked from error


def _is_true(session: DatabaseSession, installation: Installation, row: Approval) -> bool:
    """Whether the request is as it was asked, and nobody decided it before: asked behind the audit's lock."""
    return is_valid(installation, _take(row), list_decided_states(session, {row.student_number}))


def _take(row: Approval) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in ROWS.c}
