"""Grants 授权 as they are now: one statement at each request of staff, nothing cached. A grant, its end and its expiry hold
at the next request. One that is not authentic, or whose state an event ended, counts as none; one that was delegated
stands while the one does that it was given from. Administrators of the configuration need no row.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    Connection,
    FromClause,
    RowMapping,
    Select,
    Table,
    Text,
    bindparam,
    func,
    or_,
    select,
    union_all,
)
from sqlalchemy import cast as as_type

from app.domain.errors import GrantEnded, NotFound
from app.domain.person import Role
from app.domain.staff import CONFIGURED_ID, EndedGrant, Grant, Grants, Right, Scope, StaffRole
from app.domain.texts import clean_text
from app.extensions import db
from app.models import AuditEvent, BrowserSession, Sender, StaffGrant, read_connection
from app.services.authenticated_rows import is_authentic
from app.services.ended_rows import collect_ended, list_ended, was_ended
from app.services.installation import Installation

TOLD_FOR = timedelta(days=30)
"""For so long somebody is told that a grant ended."""

log = logging.getLogger(__name__)

GIVEN, ENDED = "grant_given", "grant_ended"
CHANGES = (GIVEN, ENDED)
"""The events that end a state of a grant: one that is extended has a new one."""

MAX_NAME = 80

_SESSIONS = cast("Table", BrowserSession.__table__)
_GRANTS, _EVENTS = cast("Table", StaffGrant.__table__), cast("Table", AuditEvent.__table__)
_PARENTS = _GRANTS.alias("parents")
_OWN = _GRANTS.c.staff_number == bindparam("staff_number")
_TEXT = as_type(_EVENTS.c.details, Text)
_BETWEEN = "\n"
"""Stands in no JSON."""


def _pick(table: FromClause) -> Select[Any]:
    """Rows of grants, each with the details of the person's events that ended a state of one. Only events that ended a row
    hold the word; the kind, joined to nothing, is no index to read by: the events of one person are few, those of a kind
    many.
    """
    told = select(func.aggregate_strings(_TEXT, _BETWEEN)).where(
        _EVENTS.c.subject == table.c.staff_number,
        or_(*((_EVENTS.c.kind + "") == kind for kind in CHANGES)),  # a list would be expanded at each run
        _TEXT.like('%"removed"%'),
    )
    query: Select[Any] = select(*table.c, told.scalar_subquery().label("told"))
    return query


_FIND = union_all(
    _pick(_GRANTS).where(
        _OWN, or_(_GRANTS.c.revoked_at.is_(None), _GRANTS.c.revoked_at >= bindparam("since"))
    ),
    _pick(_PARENTS)
    .join(_GRANTS, _GRANTS.c.delegated_from == _PARENTS.c.id)
    .where(_OWN, _GRANTS.c.revoked_at.is_(None)),
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
    grants = Grants(staff_number, ())
    try:
        rows = sender.execute(_FIND, parameters).mappings().all()
        lines = {line for row in rows if row["told"] for line in row["told"].split(_BETWEEN)}
        ended = collect_ended(StaffGrant, map(json.loads, lines))
        grants = select_standing(installation, staff_number, rows, ended, now)
    except (ValueError, TypeError, AttributeError) as error:
        log.error("grants cannot be read, and do not count", extra={"error": type(error).__name__})
    if Role.ADMINISTRATOR not in (told, installation.settings.roles.get(staff_number)):
        return grants
    configured = Grant(CONFIGURED_ID, staff_number, "", StaffRole.ADMIN, Scope())
    return Grants(staff_number, (*grants.standing, configured), grants.ended)


def select_standing(
    installation: Installation,
    staff_number: str,
    rows: Sequence[RowMapping],
    ended_states: Set[str],
    now: datetime,
) -> Grants:
    """Which of somebody's stored grants stand at this moment, and which have ended; the rows of others among them are
    those that they were given from.
    """
    standing, ended = [], []
    authentic = {row["id"]: row for row in select_true(installation, rows, ended_states)}
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


def select_true(
    installation: Installation, rows: Sequence[RowMapping], ended_states: Set[str]
) -> list[RowMapping]:
    """The rows that this service stored so, and that no event ended."""
    keys = installation.row_keys
    return [
        row
        for row in rows
        if is_authentic(keys, StaffGrant, row) and not was_ended(StaffGrant, row, ended_states)
    ]


def list_ended_states(sender: Sender, staff_numbers: Collection[str]) -> Set[str]:
    """The states of grants of these people that events ended. Raises AttributeError or TypeError for an event of another
    form.
    """
    return list_ended(sender, StaffGrant, CHANGES, staff_numbers)


def find_end(row: Mapping[str, Any] | RowMapping, now: datetime) -> tuple[datetime, str] | None:
    """When a stored grant ended, and by whom, "" where its time was over; None while it stands."""
    if row["revoked_at"] is not None:
        return row["revoked_at"], row["revoked_by"]
    if row["valid_until"] is not None and row["valid_until"] <= now:
        return row["valid_until"], ""
    return None


def find_names(staff_numbers: Collection[str]) -> dict[str, str]:
    """What those of these people (folded numbers) are called who ever had a grant that names them, or are signed in: whoever
    was granted something before the first sign-in has no name in the row.
    """
    with read_connection(db.engine) as connection:
        return read_names(connection, staff_numbers)


def read_names(connection: Connection, staff_numbers: Collection[str]) -> dict[str, str]:
    """The same on this connection."""
    if not staff_numbers:
        return {}
    query = select(_GRANTS.c.staff_number, _GRANTS.c.name).where(
        _GRANTS.c.staff_number.in_(staff_numbers), _GRANTS.c.name != ""
    )
    found = {row.staff_number: row.name for row in connection.execute(query.order_by(_GRANTS.c.id))}
    return find_session_names(connection, set(staff_numbers) - set(found)) | found


def find_session_names(connection: Connection, staff_numbers: Collection[str]) -> dict[str, str]:
    """What the newest sign-in that is kept told of each of these people."""
    if not staff_numbers:
        return {}
    query = select(_SESSIONS.c.person_number, _SESSIONS.c.data)
    newest_last = query.where(_SESSIONS.c.person_number.in_(staff_numbers)).order_by(_SESSIONS.c.created_at)
    names: dict[str, str] = {}
    for number, data in connection.execute(newest_last):
        try:
            names[number] = clean_text(json.loads(data)["person"]["name"])[:MAX_NAME] or names[number]
        except (KeyError, TypeError, ValueError):
            continue
    return names


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
