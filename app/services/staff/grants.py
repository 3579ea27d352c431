"""Grants 授权 as they are now: one statement at each request of staff, nothing cached. A grant, its end and its expiry hold
at the next request. One that is not authentic counts as none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, Table, bindparam, or_, select

from app.domain.staff import EndedGrant, Grant, Grants, Scope, StaffRole
from app.extensions import db
from app.models import StaffGrant, read_connection
from app.services.authenticated_rows import is_authentic
from app.services.installation import Installation

TOLD_FOR = timedelta(days=30)
"""For so long somebody is told that a grant ended."""

_GRANTS = cast("Table", StaffGrant.__table__)
_FIND = select(_GRANTS).where(
    _GRANTS.c.staff_number == bindparam("staff_number"),
    or_(_GRANTS.c.revoked_at.is_(None), _GRANTS.c.revoked_at >= bindparam("since")),
)
"""Built once: to build it costs more than to run it."""


def load_grants(installation: Installation, staff_number: str, now: datetime) -> Grants:
    """What this person (a folded number) may do at this moment."""
    with read_connection(db.engine) as connection:
        return read_grants(installation, connection, staff_number, now)


def read_grants(
    installation: Installation, connection: Connection, staff_number: str, now: datetime
) -> Grants:
    """The same on this connection, as within a transaction that decides."""
    parameters = {"staff_number": staff_number, "since": now - TOLD_FOR}
    rows = connection.execute(_FIND, parameters).mappings().all()
    return select_standing(installation, staff_number, rows, now)


def select_standing(
    installation: Installation, staff_number: str, rows: Sequence[RowMapping], now: datetime
) -> Grants:
    """Which of somebody's stored grants stand at this moment, and which have ended."""
    standing, ended = [], []
    for row in rows:
        if not is_authentic(installation.row_keys, StaffGrant, row):
            continue
        if row["revoked_at"] is not None:
            ended.append(EndedGrant(make_grant(row), row["revoked_at"], row["revoked_by"]))
        elif row["valid_until"] is not None and row["valid_until"] <= now:
            ended.append(EndedGrant(make_grant(row), row["valid_until"], ""))
        elif row["valid_from"] <= now:
            standing.append(make_grant(row))
    return Grants(staff_number, tuple(standing), tuple(ended))


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
