"""Grants given, extended and ended: each in one transaction that takes the audit's head first, so that of two at once the
second sees what the first did. Whoever gives or ends is looked up within it: by then the own grant may have ended.

The same grant again extends the one that stands, in its row: those that were given from it go on. One whose time is over
is closed, and a new row stands in its place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, Table, insert, or_, select, update

from app import metrics
from app.domain.errors import NotFound
from app.domain.giving import CannotGive, Fault, Offer, check_end, end_of, find_authority, may_end
from app.domain.person import Role
from app.domain.row_ledger import RowChange
from app.domain.staff import CONFIGURED_ID, Grant, Grants, Scope, StaffRole
from app.domain.texts import ControlCharacter, clean_text
from app.extensions import db
from app.models import StaffGrant, retry_conflicts, write_connection
from app.services.audit import add_event, lock_audit
from app.services.authenticated_rows import is_proven, make_mac, name_row, sign_row
from app.services.clock import get_now
from app.services.ended_rows import was_ended
from app.services.installation import Installation
from app.services.staff.doubts import Doubt, Doubtful, list_doubts, spell_college
from app.services.staff.grants import (
    ENDED,
    GIVEN,
    find_end,
    find_session_names,
    list_ended_states,
    make_grant,
    read_grants,
)

TIME_WAS_OVER = "its time was over, and it was given anew"
WITH_ITS_GIVER = "ended with the grant that it was given from"
MAX_COLLEGE, MAX_PERIOD = 80, 20

_GRANTS = cast("Table", StaffGrant.__table__)
_STAND = _GRANTS.c.revoked_at.is_(None)

Row = Mapping[str, Any] | RowMapping


@dataclass(frozen=True, slots=True)
class Decider:
    """Who gives or ends a grant (a folded number). `told` is the role that the sign-in told; an operator, who sits at the
    command line, needs no grant: the first ones come from there, and the event names the system's user.
    """

    number: str
    told: Role | None = None
    is_operator: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """What became of an offer: the grant as it stands now, whether it stood before and was extended, and what looked
    mistyped.
    """

    grant: Grant
    is_extended: bool
    doubts: tuple[Doubt, ...]


def read_scope(
    installation: Installation, mini_app: str = "", step: str = "", college: str = "", period: str = ""
) -> Scope:
    """A scope as it is kept, of what somebody typed: the mini-app by its slug, with `-` or `_`; an empty part is all.

    Raises UnknownMiniApp, UnknownStep, or CannotGive.
    """
    if step and not mini_app:
        raise CannotGive(Fault.NEEDED, part="mini_app")
    installed = installation.get_mini_app(mini_app.strip().replace("_", "-")) if mini_app else None
    return Scope(
        installed.mini_app.slug if installed else "",
        installed.get_step(step.strip()).key if installed and step else "",
        spell_college(_read_text(installation, "college", college, MAX_COLLEGE)),
        _read_text(installation, "period", period, MAX_PERIOD),
    )


def _read_text(installation: Installation, part: str, text: str, longest: int) -> str:
    try:
        clean = clean_text(text)
    except ControlCharacter:
        raise CannotGive(Fault.MALFORMED, part=part) from None
    if len(clean) > longest or (clean and installation.settings.conventions.says_nothing(clean)):
        raise CannotGive(Fault.MALFORMED, part=part)
    return clean


@retry_conflicts
def give_grant(
    installation: Installation, offer: Offer, decider: Decider, *, accepts: Collection[Doubt] = ()
) -> Given:
    """Give a grant, or extend the same one that stands.

    Raises CannotGive; and Doubtful where something looks mistyped, unless that is accepted.
    """
    doubts = list_doubts(installation, offer)
    now, rows = get_now(), RowChange()
    with write_connection(db.engine) as connection:
        lock_audit(connection)
        authority = _find_authority(installation, connection, offer, decider, now)
        if not set(doubts) <= set(accepts):
            raise Doubtful(doubts)
        row = _make_row(installation, connection, offer, decider, authority, now)
        existing = _find_same(connection, row)
        details: dict[str, Any] = _describe(row)
        is_extended = existing is not None and _stands(installation, connection, existing, now)
        if existing is not None and is_extended:
            _require_longer(existing, row)
            details |= {
                "until_before": _say(existing["valid_until"]),
                "granted_before_by": existing["granted_by"],
            }
            row |= {"valid_from": existing["valid_from"], "name": row["name"] or existing["name"]}
            grant = make_grant(_change(installation, connection, existing, row, rows, now))
        else:
            if existing is not None:
                _close(installation, connection, existing, decider.number, TIME_WAS_OVER, rows, now)
            signed = sign_row(installation.row_keys, StaffGrant, row, now)
            # Of two at once, whatever wrote the other, the second is tried again and finds the first.
            grant_id = connection.scalar(insert(_GRANTS).values(signed).returning(_GRANTS.c.id))
            rows.add(name_row(StaffGrant, signed))
            grant = make_grant({**signed, "id": grant_id})
        details |= {"grant": grant.id} | ({"unknown_number": True} if Doubt.NUMBER in doubts else {})
        subject = offer.staff_number
        add_event(
            connection, GIVEN, actor=decider.number, subject=subject, details=details, now=now, rows=rows
        )
    metrics.grants_changed.labels("extended" if is_extended else "given").inc()
    return Given(grant, is_extended, doubts)


@retry_conflicts
def end_grants(
    installation: Installation, grant_ids: Sequence[int], decider: Decider, reason: str
) -> list[Grant]:
    """End these grants, and with each those that were given from it; all that ended. Raises NotFound or CannotGive."""
    now = get_now()
    with write_connection(db.engine) as connection:
        lock_audit(connection)
        own = _read_own(installation, connection, decider, now)
        ended: list[Grant] = []
        for grant_id in grant_ids:
            if grant_id in {grant.id for grant in ended}:
                continue
            row = _find(connection, grant_id)
            if row is None:
                raise NotFound
            _require_endable(installation, connection, own, row, now)
            ended += _end(installation, connection, row, decider.number, reason, now)
    metrics.grants_changed.labels("ended").inc(len(ended))
    return ended


def _read_own(installation: Installation, connection: Connection, decider: Decider, now: datetime) -> Grants:
    if decider.is_operator:
        operator = Grant(CONFIGURED_ID, decider.number, "", StaffRole.ADMIN, Scope())
        return Grants(decider.number, (operator,))
    return read_grants(installation, connection, decider.number, now, decider.told)


def _find_authority(
    installation: Installation, connection: Connection, offer: Offer, decider: Decider, now: datetime
) -> Grant:
    own = _read_own(installation, connection, decider, now)
    zone = installation.settings.service.time_zone
    return find_authority(own, offer, now.astimezone(zone).date(), zone)


def _make_row(
    installation: Installation,
    connection: Connection,
    offer: Offer,
    decider: Decider,
    authority: Grant,
    now: datetime,
) -> dict[str, Any]:
    """The row of an offer, without its code."""
    zone = installation.settings.service.time_zone
    return {
        "staff_number": offer.staff_number,
        "name": find_session_names(connection, [offer.staff_number]).get(offer.staff_number, ""),
        "role": offer.role.value,
        **dict(zip(("mini_app", "step", "college", "period"), offer.scope, strict=True)),
        "valid_from": now,
        "valid_until": None if offer.last_day is None else end_of(offer.last_day, zone),
        "granted_by": decider.number,
        "granted_at": now,
        "reason": offer.reason,
        "delegated_from": None if authority.role is StaffRole.ADMIN else authority.id,
        "revoked_at": None,
        "revoked_by": None,
        "revocation_reason": None,
    }


def _find(connection: Connection, grant_id: int | None) -> RowMapping | None:
    return connection.execute(select(_GRANTS).where(_GRANTS.c.id == grant_id)).mappings().first()


def _find_same(connection: Connection, row: Row) -> RowMapping | None:
    """The row of the same person, role and scope that was not revoked: the database has one at most."""
    keys = ("staff_number", "role", "mini_app", "step", "college", "period")
    query = select(_GRANTS).where(_STAND, *(_GRANTS.c[key] == row[key] for key in keys))
    return connection.execute(query).mappings().first()


def _stands(installation: Installation, connection: Connection, row: Row, now: datetime) -> bool:
    """Whether a stored grant counts now, with the one that it was given from."""
    parent = row if row["delegated_from"] is None else _find(connection, row["delegated_from"])
    return parent is not None and all(
        _is_true(installation, connection, one) and find_end(one, now) is None for one in (row, parent)
    )


def _is_true(installation: Installation, connection: Connection, row: Row) -> bool:
    """Whether this service stored the row so, and no event ended it."""
    if not is_proven(installation.row_keys.current(), StaffGrant, row):
        return False
    return not was_ended(StaffGrant, row, list_ended_states(connection, {row["staff_number"]}))


def _require_longer(existing: Row, row: Row) -> None:
    until, wanted = existing["valid_until"], row["valid_until"]
    if until is None or (wanted is not None and wanted <= until):
        raise CannotGive(Fault.STANDS, until=until)
    if row["delegated_from"] is not None and existing["delegated_from"] is None:
        raise CannotGive(Fault.NOT_ONES_TO_EXTEND, until=until)


def _require_endable(
    installation: Installation, connection: Connection, own: Grants, row: RowMapping, now: datetime
) -> None:
    grant = make_grant(row)
    if not may_end(own, grant):
        raise CannotGive(Fault.NOT_ONES_TO_END)
    over = find_end(row, now)
    if over is not None:
        raise CannotGive(Fault.ENDED, until=over[0], by=over[1])
    rows = connection.execute(select(_GRANTS).where(_STAND, _GRANTS.c.role == row["role"])).mappings()
    standing = [make_grant(one) for one in rows if _stands(installation, connection, one, now)]
    configured = Role.ADMINISTRATOR in installation.settings.roles.values()
    last = _find_last_ended_by(connection, row["role"])
    check_end(grant, own.staff_number, standing, last, has_configured=configured)


def _find_last_ended_by(connection: Connection, role: str) -> str:
    """Who ended the newest grant of this role that somebody ended before its time."""
    is_ended = or_(_GRANTS.c.valid_until.is_(None), _GRANTS.c.valid_until > _GRANTS.c.revoked_at)
    query = select(_GRANTS.c.revoked_by).where(
        _GRANTS.c.role == role, _GRANTS.c.revoked_at.is_not(None), is_ended
    )
    newest = query.order_by(_GRANTS.c.revoked_at.desc(), _GRANTS.c.id.desc()).limit(1)
    return connection.scalar(newest) or ""


def _end(
    installation: Installation, connection: Connection, row: RowMapping, by: str, reason: str, now: datetime
) -> list[Grant]:
    """End it and those that were given from it, an event each."""
    given_from_it = select(_GRANTS).where(_STAND, _GRANTS.c.delegated_from == row["id"])
    others = connection.execute(given_from_it.order_by(_GRANTS.c.id)).mappings().all()
    for one in (row, *others):
        rows = RowChange()
        said = reason if one is row else WITH_ITS_GIVER
        details = {"grant": one["id"], **_describe(one), "reason": said}
        details |= {} if one is row else {"with": row["id"]}
        if not _is_true(installation, connection, one):
            details["was_authentic"] = False
        _close(installation, connection, one, by, said, rows, now)
        subject = one["staff_number"]
        add_event(connection, ENDED, actor=by, subject=subject, details=details, now=now, rows=rows)
    return [make_grant(one) for one in (row, *others)]


def _close(
    installation: Installation,
    connection: Connection,
    row: Row,
    by: str,
    reason: str,
    rows: RowChange,
    now: datetime,
) -> None:
    change = {"revoked_at": now, "revoked_by": by, "revocation_reason": reason}
    _change(installation, connection, row, change, rows, now)


def _change(
    installation: Installation,
    connection: Connection,
    row: Row,
    change: Mapping[str, Any],
    rows: RowChange,
    now: datetime,
) -> dict[str, Any]:
    """Write a row's new state, signed; returns it."""
    changed = {**row, **change}
    changed["mac"] = make_mac(installation.row_keys, StaffGrant, changed, now)
    rows.remove(name_row(StaffGrant, row))
    rows.add(name_row(StaffGrant, changed))
    connection.execute(
        update(_GRANTS).where(_GRANTS.c.id == row["id"]).values({**change, "mac": changed["mac"]})
    )
    return changed


def _describe(row: Row) -> dict[str, Any]:
    """What an event tells of a grant."""
    names = ("role", "mini_app", "step", "college", "period", "reason", "delegated_from")
    told = {name: row[name] for name in names if row[name] not in ("", None)}
    return {**told, "until": _say(row["valid_until"])}


def _say(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
