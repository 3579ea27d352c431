"""Requests 复核申请 as they are stored and read: within the scopes of whoever looks, and only authentic ones."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import ColumnElement, RowMapping, Select, Table, and_, false, or_, select, true

from app.domain.errors import (
    AlreadySubmitted,
    AlreadyWaived,
    ChangedSinceAsked,
    GrantEnded,
    NotFound,
    NothingToWaive,
    NotRequired,
    NotWaived,
    SlipRevoked,
    UnknownMiniApp,
    UnknownSlip,
    UnknownStep,
)
from app.domain.hash_chain import get_hash
from app.domain.staff import ALL, Grants, Right
from app.extensions import db
from app.models import Approval, RosterEntry, Sender, read_connection
from app.services.authenticated_rows import is_authentic
from app.services.clock import get_now
from app.services.ended_rows import list_ended, was_ended
from app.services.installation import Installation, InstalledMiniApp
from app.services.staff.approved_acts import ACTS, Kind, Subject, get_scope
from app.services.staff.grants import read_grants

CHANGES = (
    *(AlreadySubmitted, AlreadyWaived, NotRequired, NothingToWaive, NotWaived),
    *(SlipRevoked, UnknownSlip, UnknownStep, UnknownMiniApp),
)
"""Facts for which what was asked cannot be done any more."""

DECIDED = "approval_decided"
"""The event that ends a request, and with it the state in which it was open."""

ROWS, _ROSTER = cast("Table", Approval.__table__), cast("Table", RosterEntry.__table__)
_JOINED = ROWS.outerjoin(
    _ROSTER,
    and_(
        _ROSTER.c.mini_app == ROWS.c.mini_app,
        _ROSTER.c.period == ROWS.c.period,
        _ROSTER.c.student_number == ROWS.c.student_number,
    ),
)
FIND = select(
    ROWS, _ROSTER.c.key, _ROSTER.c.name.label("student_name"), _ROSTER.c.college.label("student_college")
).select_from(_JOINED)


class Verdict(StrEnum):
    """What became of a request. Only the first two are decided by a person."""

    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    """Its asker took it back."""
    CHANGED = "changed"
    """It could not be approved as it was asked any more, and gave way to a new one."""
    VOID = "void"
    """It was not authentic."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is stored, with what the roster tells of its student; `payload` is what is done when it is
    approved. Times are UTC.
    """

    id: int
    kind: Kind
    mini_app: str
    period: str
    step: str
    student_number: str
    payload: Mapping[str, Any]
    reason: str
    asked_by: str
    asked_at: datetime
    expires_at: datetime
    decided_by: str
    decided_at: datetime | None
    verdict: Verdict | None
    note: str
    key: str = ""
    student_name: str = ""
    college: str = ""

    def is_open(self, now: datetime) -> bool:
        """Whether somebody may still decide it."""
        return self.decided_at is None and now < self.expires_at


def list_open(installation: Installation, grants: Grants, now: datetime) -> list[Request]:
    """The open requests within the scopes of who may decide them, the oldest first; one's own among them."""
    query = FIND.where(ROWS.c.decided_at.is_(None), ROWS.c.expires_at > now, _limit(grants, Right.APPROVE))
    return list(_read(installation, query.order_by(ROWS.c.asked_at, ROWS.c.id)))


def find_request(installation: Installation, grants: Grants, request_id: int) -> Request:
    """The request of this id. Raises NotFound where there is none within the scopes of who may decide it."""
    query = FIND.where(ROWS.c.id == request_id, _limit(grants, Right.APPROVE))
    found = next(_read(installation, query), None)
    if found is None:
        raise NotFound
    return found


def count_waiting(installation: Installation, grants: Grants, now: datetime) -> int:
    """How many open requests of others wait for who has these grants."""
    return sum(one.asked_by != grants.staff_number for one in list_open(installation, grants, now))


def list_open_about(
    installation: Installation, installed: InstalledMiniApp, student_number: str, now: datetime
) -> list[Request]:
    """The open requests about a student of this mini-app and period, for who may see the student."""
    query = FIND.where(
        ROWS.c.mini_app == installed.mini_app.slug,
        ROWS.c.period == installed.settings.period,
        ROWS.c.student_number == student_number,
        ROWS.c.decided_at.is_(None),
        ROWS.c.expires_at > now,
    )
    return list(_read(installation, query.order_by(ROWS.c.asked_at, ROWS.c.id)))


def find_change(installation: Installation, request: Request) -> str:
    """Why an open request cannot be approved as things are now, as the name of a fact; "" where it can."""
    try:
        subject = find_subject(installation, request.mini_app, request.student_number, request.step)
        seen = ACTS[request.kind].look(installation, db.session, subject)
        if not may_ask(installation, db.session, request.asked_by, subject, get_now()):
            return GrantEnded.__name__
    except CHANGES as fact:
        return type(fact).__name__
    finally:
        db.session.rollback()
    is_same = seen == request.payload["seen"] and request.period == subject.installed.settings.period
    return "" if is_same else ChangedSinceAsked.__name__


def may_ask(
    installation: Installation, sender: Sender, asked_by: str, subject: Subject, now: datetime
) -> bool:
    """Whether somebody still has the right to ask for it."""
    grants = read_grants(installation, sender, asked_by, now)
    return grants.allows(Right.ASK, get_scope(sender, subject))


def is_valid(installation: Installation, row: Mapping[Any, Any], ended: Set[str]) -> bool:
    """Whether this service stored the request so, its payload is the one that was asked for, and it was not decided: an
    older state of it, from before, may be put back. `ended` are those of `list_decided_states`.
    """
    is_true = is_authentic(installation.row_keys, Approval, row)
    is_the_same = is_true and get_hash(row["payload"]) == row["payload_digest"]
    return is_the_same and not was_ended(Approval, row, ended)


def list_decided_states(sender: Sender, student_numbers: Collection[str]) -> Set[str]:
    """The states of requests about these students that events of deciding ended. Raises AttributeError or TypeError for an
    event of another form.
    """
    return list_ended(sender, Approval, (DECIDED,), student_numbers)


def find_subject(installation: Installation, slug: str, student_number: str, step_key: str) -> Subject:
    for installed in installation.mini_apps.values():
        if installed.mini_app.slug == slug:
            return Subject(installed, student_number, step_key)
    raise UnknownMiniApp(slug)


def _limit(grants: Grants, right: Right) -> ColumnElement[bool]:
    """The condition of a right's scopes."""
    columns = (ROWS.c.mini_app, ROWS.c.step, _ROSTER.c.college, ROWS.c.period)
    scopes = [
        and_(
            true(),
            *(column == value for column, value in zip(columns, grant.scope, strict=True) if value != ALL),
        )
        for grant in grants.list(right)
    ]
    return or_(*scopes) if scopes else false()


def _read(installation: Installation, query: Select[Any]) -> Iterator[Request]:
    """Those that are authentic."""
    with read_connection(db.engine) as connection:
        rows = connection.execute(query).mappings().all()
        ended = list_decided_states(connection, {row["student_number"] for row in rows})
    for row in rows:
        if is_valid(installation, row, ended):
            yield make_request(row)


def make_request(row: Mapping[str, Any] | RowMapping) -> Request:
    return Request(
        id=row["id"],
        kind=Kind(row["kind"]),
        mini_app=row["mini_app"],
        period=row["period"],
        step=row["step"],
        student_number=row["student_number"],
        payload=row["payload"],
        reason=row["reason"],
        asked_by=row["asked_by"],
        asked_at=row["asked_at"],
        expires_at=row["expires_at"],
        decided_by=row["decided_by"] or "",
        decided_at=row["decided_at"],
        verdict=Verdict(row["decision"]) if row["decision"] else None,
        note=row["note"] or "",
        key=row["key"] or "",
        student_name=row["student_name"] or "",
        college=row["student_college"] or "",
    )
