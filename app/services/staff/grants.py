"""Grants 授权 as they are now: one statement at each request of staff, nothing cached. A grant, its end and its expiry hold
at the next request. One that is not authentic counts as none; one that was delegated stands while the one does that it
was given from. Administrators of the configuration need no row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import RowMapping, Table, bindparam, or_, select, union_all

from app.domain.errors import GrantEnded, NotFound
from app.domain.person import Role
from app.domain.staff import CONFIGURED_ID, EndedGrant, Grant, Grants, Right, Scope, StaffRole
from app.extensions import db
from app.models import Sender, StaffGrant, read_connection
from app.services.authenticated_rows import is_authentic
from app.services.installation import Installation

TOLD_FOR = timedelta(days=30)
"""For so long somebody is told that a grant ended."""

_GRANTS = cast("Table", StaffGrant.__table__)
_PARENTS = _GRANTS.alias("parents")
_FIND = union_all(
    select(_GRANTS).where(
        _GRANTS.c.staff_number == bindparam("staff_number"),
        or_(_GRANTS.c.revoked_at.is_(None), _GRANTS.c.revoked_at >= bindparam("since")),
    ),
    select(_PARENTS)
    .join(_GRANTS, _GRANTS.c.delegated_from == _PARENTS.c.id)
    .where(_GRANTS.c.staff_number == bindparam("staff_number"), _GRANTS.c.revoked_at.is_(None)),
)
"""Somebody's grants, and those of others that they were given from. Built once: to build it costs more than to run it."""


def load_grants(
    installation: Installation, staff_number: str, now: datetime, told: Role | None = None
) -> Grants:
    """What this person (a folded number) may do at this moment; `told` is the role that the sign-in told."""
    with read_connection(db.engine) as connection:
        return read_grants(installation, connection, staff_number, now, told)


def read_grants(
    installation: Installation, sender: Sender, staff_number: str, now: datetime, told: Role | None = None
) -> Grants:
    """The same on this connection, as within a transaction that decides."""
    parameters = {"staff_number": staff_number, "since": now - TOLD_FOR}
    rows = sender.execute(_FIND, parameters).mappings().all()
    grants = select_standing(installation, staff_number, rows, now)
    if Role.ADMINISTRATOR not in (told, installation.settings.roles.get(staff_number)):
        return grants
    configured = Grant(CONFIGURED_ID, staff_number, "", StaffRole.ADMIN, Scope())
    return Grants(staff_number, (*grants.standing, configured), grants.ended)


def select_standing(
    installation: Installation, staff_number: str, rows: Sequence[RowMapping], now: datetime
) -> Grants:
    """Which of somebody's stored grants stand at this moment, and which have ended; the rows of others among them are
    those that they were given from.
    """
    standing, ended = [], []
    authentic = {row["id"]: row for row in rows if is_authentic(installation.row_keys, StaffGrant, row)}
    for row in authentic.values():
        if row["staff_number"] != staff_number or row["valid_from"] > now:
            continue
        over = find_end(row, now)
        if over is None and row["delegated_from"] is not None:
            parent = authentic.get(row["delegated_from"])
            if parent is None:
                continue  # it was given from one that is not there, or not authentic
            over = find_end(parent, now)
        if over is None:
            standing.append(make_grant(row))
        else:
            ended.append(EndedGrant(make_grant(row), *over))
    return Grants(staff_number, tuple(standing), tuple(ended))


def find_end(row: Mapping[str, Any] | RowMapping, now: datetime) -> tuple[datetime, str] | None:
    """When a stored grant ended, and by whom, "" where its time was over; None while it stands."""
    if row["revoked_at"] is not None:
        return row["revoked_at"], row["revoked_by"]
    if row["valid_until"] is not None and row["valid_until"] <= now:
        return row["valid_until"], ""
    return None


def find_names(staff_numbers: Collection[str]) -> dict[str, str]:
    """What those of these people (folded numbers) are called who ever had a grant that names them."""
    if not staff_numbers:
        return {}
    query = select(_GRANTS.c.staff_number, _GRANTS.c.name).where(
        _GRANTS.c.staff_number.in_(staff_numbers), _GRANTS.c.name != ""
    )
    with read_connection(db.engine) as connection:
        return {row.staff_number: row.name for row in connection.execute(query.order_by(_GRANTS.c.id))}


def make_grant(row: Mapping[str, Any] | RowMapping) -> Grant:
    """The grant of a row."""
    scope = Scope(row["mini_app"], row["step"], row["college"], row["period"])
    return Grant(
        row["id"],
        row["staff_number"],
        row["name"],
        StaffRole(row["role"]),
        scope,
        row["valid_until"],
        row["delegated_from"],
    )


def require_grant(
    installation: Installation,
    sender: Sender,
    staff_number: str,
    right: Right,
    scope: Scope,
    now: datetime,
) -> Grants:
    """What this person has, where one grant brings the right for this scope: asked within a transaction that holds the
    audit's head, so that none ends before it does. Raises GrantEnded, or NotFound where there never was one.
    """
    grants = read_grants(installation, sender, staff_number, now)
    if grants.allows(right, scope):
        return grants
    fitting = [one for one in grants.ended if one.grant.allows(right) and one.grant.scope.covers(scope)]
    if not fitting:
        raise NotFound
    newest = max(fitting, key=lambda one: one.ended_at)
    raise GrantEnded(newest.ended_at, newest.ended_by, {})
