"""Grants as they are listed: a head sees those of the own step, a college those of its own, administrators and auditors
all, and everybody one's own. What somebody may see is a condition of the statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, and_, false, func, or_, select, true

from app.domain.giving import DELEGABLE
from app.domain.staff import ALL, RIGHTS, Grant, Grants, Right, Scope, StaffRole
from app.extensions import db
from app.models import BrowserSession, StaffGrant, read_connection
from app.services.installation import Installation
from app.services.staff.grants import TOLD_FOR, find_end, list_ended_states, make_grant, select_true

MOST_ENDED = 100
"""So many of those that ended lately are shown."""

_GRANTS = cast("Table", StaffGrant.__table__)
_SESSIONS = cast("Table", BrowserSession.__table__)


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant with how it came and went: moments in UTC; `last_seen_at` is when its holder last used this service, as
    far as a session tells.
    """

    grant: Grant
    granted_by: str
    granted_at: datetime
    reason: str
    ended_at: datetime | None = None
    ended_by: str = ""
    end_reason: str = ""
    last_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GrantList:
    """What stands, by role, scope and number, and what ended lately, the newest first."""

    standing: tuple[Granted, ...]
    ended: tuple[Granted, ...]


def list_granted(installation: Installation, viewer: Grants, now: datetime) -> GrantList:
    """The grants that this person may see. Those that are not authentic are left out."""
    since = now - TOLD_FOR
    is_recent = or_(_GRANTS.c.revoked_at.is_(None), _GRANTS.c.revoked_at >= since)
    with read_connection(db.engine) as connection:
        found = _read(installation, connection, and_(is_recent, _is_in_sight(viewer)), now)
    standing = sorted((one for one in found if one.ended_at is None), key=_get_place)
    ended = [one for one in found if one.ended_at is not None and one.ended_at >= since]
    ended.sort(key=lambda one: (one.ended_at, one.grant.id), reverse=True)
    return GrantList(tuple(standing), tuple(ended[:MOST_ENDED]))


def find_grant(grant_id: int) -> Grant | None:
    """The grant of this id, whatever became of it, or None. Whether its scope is the reader's is for the caller to ask."""
    with read_connection(db.engine) as connection:
        row = connection.execute(select(_GRANTS).where(_GRANTS.c.id == grant_id)).mappings().first()
    return make_grant(row) if row is not None else None


def list_all_standing(installation: Installation, now: datetime, staff_number: str = "") -> list[Grant]:
    """All that stand, of everybody or of one person, for the command line."""
    wanted = _GRANTS.c.staff_number == staff_number if staff_number else true()
    with read_connection(db.engine) as connection:
        found = _read(installation, connection, and_(_GRANTS.c.revoked_at.is_(None), wanted), now)
    return [one.grant for one in sorted(found, key=_get_place) if one.ended_at is None]


def list_holders(installation: Installation, right: Right, scope: Scope, now: datetime) -> list[str]:
    """The numbers of all whose grants bring a right here, each once, by number."""
    roles = [role for role, rights in RIGHTS.items() if right in rights]
    wanted = and_(_GRANTS.c.revoked_at.is_(None), _GRANTS.c.role.in_(sorted(roles)))
    with read_connection(db.engine) as connection:
        found = _read(installation, connection, wanted, now)
    holding = (one.grant for one in found if one.ended_at is None and one.grant.scope.covers(scope))
    return sorted({grant.staff_number for grant in holding})


def _is_in_sight(viewer: Grants) -> ColumnElement[bool]:
    own = _GRANTS.c.staff_number == viewer.staff_number
    return or_(own, *(_is_under(grant) for grant in viewer.standing))


def _is_under(grant: Grant) -> ColumnElement[bool]:
    """What a grant lets its holder see of the grants of others."""
    columns = (_GRANTS.c.mini_app, _GRANTS.c.step, _GRANTS.c.college, _GRANTS.c.period)
    limits = [column == value for column, value in zip(columns, grant.scope, strict=True) if value != ALL]
    if grant.allows(Right.GRANT) or grant.allows(Right.AUDIT):
        return and_(true(), *limits)
    if grant.allows(Right.DELEGATE):
        return and_(_GRANTS.c.role.in_(sorted(DELEGABLE[grant.role])), *limits)
    return false()


def _read(
    installation: Installation, connection: Connection, wanted: ColumnElement[bool], now: datetime
) -> list[Granted]:
    rows = connection.execute(select(_GRANTS).where(wanted)).mappings().all()
    own = _select_true(installation, connection, rows)
    parents = _read_parents(installation, connection, own)
    seen = _read_last_seen(connection, {row["staff_number"] for row in own})
    return [
        _make(row, parents, seen.get(row["staff_number"]), now)
        for row in own
        if row["delegated_from"] is None or row["delegated_from"] in parents
    ]


def _read_parents(
    installation: Installation, connection: Connection, rows: Sequence[RowMapping]
) -> dict[int, RowMapping]:
    ids = {row["delegated_from"] for row in rows} - {None}
    if not ids:
        return {}
    found = connection.execute(select(_GRANTS).where(_GRANTS.c.id.in_(sorted(ids)))).mappings().all()
    return {row["id"]: row for row in _select_true(installation, connection, found)}


def _select_true(
    installation: Installation, connection: Connection, rows: Sequence[RowMapping]
) -> list[RowMapping]:
    ended = list_ended_states(connection, {row["staff_number"] for row in rows})
    return select_true(installation, rows, ended)


def _read_last_seen(connection: Connection, numbers: Iterable[str]) -> dict[str, datetime]:
    seen = select(_SESSIONS.c.person_number, func.max(_SESSIONS.c.seen_at))
    seen = seen.where(_SESSIONS.c.person_number.in_(sorted(numbers))).group_by(_SESSIONS.c.person_number)
    return {row[0]: row[1] for row in connection.execute(seen)}


def _make(
    row: RowMapping, parents: dict[int, RowMapping], last_seen_at: datetime | None, now: datetime
) -> Granted:
    over = find_end(row, now)
    if over is None and row["delegated_from"] is not None:
        over = find_end(parents[row["delegated_from"]], now)
    ended_at, ended_by = over or (None, "")
    told = row["granted_by"], row["granted_at"], row["reason"]
    end_reason = row["revocation_reason"] or ""
    return Granted(make_grant(row), *told, ended_at, ended_by, end_reason, last_seen_at)


def _get_place(granted: Granted) -> tuple[int, str, str, str, str]:
    grant, scope = granted.grant, granted.grant.scope
    return list(StaffRole).index(grant.role), scope.mini_app, scope.step, scope.college, grant.staff_number
