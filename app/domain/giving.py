"""Giving and ending grants 授权: nobody gives more than they have, for longer, or onwards; and no one person ends what the
school needs two for. These are rules over grants that stand; where they are read and written is for the service.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from app.domain.staff import ALL, CONFIGURED_ID, Grant, Grants, Right, Scope, StaffRole

MAX_DELEGATED_DAYS = 90
"""Days after today until which a head or a college may let somebody stand in."""
FOR_EVER = datetime.max.replace(tzinfo=UTC)
FRIDAY = 4

DELEGABLE: Mapping[StaffRole, frozenset[StaffRole]] = {
    StaffRole.HEAD: frozenset({StaffRole.DESK, StaffRole.HEAD}),
    StaffRole.COLLEGE: frozenset({StaffRole.COLLEGE}),
}
"""Which roles one may let others stand in with, by one's own."""
_NEEDED: Mapping[StaffRole, tuple[str, ...]] = {
    StaffRole.DESK: ("mini_app", "step"),
    StaffRole.HEAD: ("mini_app", "step"),
    StaffRole.COLLEGE: ("college",),
}
_POSSIBLE: Mapping[StaffRole, tuple[str, ...]] = {
    StaffRole.DESK: ("mini_app", "step", "period"),
    StaffRole.HEAD: ("mini_app", "step", "period"),
    StaffRole.COLLEGE: ("mini_app", "college", "period"),
    StaffRole.SCHOOL: ("mini_app",),
    StaffRole.AUDITOR: ("mini_app",),
    StaffRole.ADMIN: (),
}
"""Which parts of a scope a role has, and which it cannot do without."""


class Fault(StrEnum):
    """Why a grant cannot be given, extended or ended."""

    ONESELF = "oneself"
    NOT_OWN = "not_own"
    """it is more than the giver has"""
    ONWARDS = "onwards"
    """the giver has it from somebody else"""
    LATER_THAN_OWN = "later_than_own"
    TOO_LONG = "too_long"
    ENDLESS = "endless"
    """who stands in does so until a day"""
    OVER = "over"
    """the last day is past"""
    NEEDED = "needed"
    """the role needs this part of a scope"""
    NOT_POSSIBLE = "not_possible"
    """the role has no such part"""
    MALFORMED = "malformed"
    """what this part says is nothing, or too long"""
    STANDS = "stands"
    """it stands already, for at least as long"""
    NOT_ONES_TO_EXTEND = "not_ones_to_extend"
    """an administrator gave it: only one extends it"""
    CONFIGURED = "configured"
    ENDED = "ended"
    """it has ended already"""
    NOT_ONES_TO_END = "not_ones_to_end"
    LAST_OF_SCHOOL = "last_of_school"
    LAST_ADMINISTRATOR = "last_administrator"


class CannotGive(Exception):
    """A grant cannot be given, extended or ended. `part` is the part of the scope that is meant, `until` the moment (UTC)
    that bounds it or at which it ended, `by` who ended it; each empty where it says nothing.
    """

    def __init__(self, fault: Fault, *, part: str = "", until: datetime | None = None, by: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.part = part
        self.until = until
        self.by = by


@dataclass(frozen=True, slots=True)
class Offer:
    """A grant that is to be given: to whom (a folded number), what, where, and until the end of which day on the service's
    wall clock, None for no end.
    """

    staff_number: str
    role: StaffRole
    scope: Scope
    last_day: date | None
    reason: str


def end_of(day: date, zone: tzinfo) -> datetime:
    """The moment (UTC) at which a day of this wall clock is over."""
    return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)


def get_last_day(valid_until: datetime, zone: tzinfo) -> date:
    """The last day of this wall clock on which something holds that ends at this moment."""
    return (valid_until.astimezone(zone) - timedelta(microseconds=1)).date()


def find_next_friday(today: date) -> date:
    """The next Friday after today."""
    return today + timedelta(days=(FRIDAY - today.weekday()) % 7 or 7)


def list_parts(role: StaffRole) -> tuple[str, ...]:
    """The parts of a scope that a role may be limited by."""
    return _POSSIBLE[role]


def check_scope(role: StaffRole, scope: Scope) -> None:
    """Raise CannotGive where a part of the scope is missing that the role needs, or one is there that it has not; a step
    is one of a mini-app.
    """
    parts = dict(zip(("mini_app", "step", "college", "period"), scope, strict=True))
    for part, value in parts.items():
        if value == ALL and part in _NEEDED.get(role, ()):
            raise CannotGive(Fault.NEEDED, part=part)
        if value != ALL and part not in _POSSIBLE[role]:
            raise CannotGive(Fault.NOT_POSSIBLE, part=part)


def find_authority(giver: Grants, offer: Offer, today: date, zone: tzinfo) -> Grant:
    """By which of the giver's grants this may be given: an administrator's gives anything, another's lets somebody stand
    in. Raises CannotGive.
    """
    if offer.staff_number == giver.staff_number:
        raise CannotGive(Fault.ONESELF)
    if offer.last_day is not None and offer.last_day < today:
        raise CannotGive(Fault.OVER)
    administrator = giver.find(Right.GRANT, Scope())
    if administrator is not None:
        check_scope(offer.role, offer.scope)
        return administrator
    able = [one for one in giver.list(Right.DELEGATE) if can_delegate(one, offer.role, offer.scope)]
    if not able:
        raise CannotGive(Fault.NOT_OWN)
    check_scope(offer.role, offer.scope)
    own = [one for one in able if one.delegated_from is None]
    if not own:
        raise CannotGive(Fault.ONWARDS)
    longest = max(own, key=lambda one: one.valid_until or FOR_EVER)
    _check_time(longest, offer.last_day, today, zone)
    return longest


def can_delegate(own: Grant, role: StaffRole, scope: Scope) -> bool:
    """Whether a grant is enough to let somebody stand in with this role here."""
    return role in DELEGABLE.get(own.role, ()) and own.scope.covers(scope)


def _check_time(own: Grant, last_day: date | None, today: date, zone: tzinfo) -> None:
    if last_day is None:
        raise CannotGive(Fault.ENDLESS)
    longest = end_of(today + timedelta(days=MAX_DELEGATED_DAYS), zone)
    if end_of(last_day, zone) > longest:
        raise CannotGive(Fault.TOO_LONG, until=longest)
    if own.valid_until is not None and end_of(last_day, zone) > own.valid_until:
        raise CannotGive(Fault.LATER_THAN_OWN, until=own.valid_until)


def may_end(person: Grants, grant: Grant) -> bool:
    """Whether this person may end it: an administrator any; a head whoever works at the step's desk, and each stand-in of
    the step; a college each stand-in of its own.
    """
    if grant.id == CONFIGURED_ID:
        return False
    if person.allows(Right.GRANT):
        return True
    is_below = grant.delegated_from is not None or grant.role is StaffRole.DESK
    return is_below and any(
        can_delegate(own, grant.role, grant.scope) and own.delegated_from is None and own.id != grant.id
        for own in person.list(Right.DELEGATE)
    )


def check_end(
    grant: Grant,
    ended_by: str,
    standing: Collection[Grant],
    last_ended_by: str,
    *,
    has_configured: bool,
) -> None:
    """Raise CannotGive where this grant must stay. `standing` are all that stand; `last_ended_by` ended the newest of the
    school's that has ended ("" for nobody): one person does not end the last two. `has_configured` tells whether the
    configuration names administrators.
    """
    others = [one for one in standing if one.role is grant.role and one.staff_number != grant.staff_number]
    if grant.role is StaffRole.SCHOOL:
        is_last = not any(one.scope.covers(grant.scope) for one in others)
        if is_last and last_ended_by == ended_by:
            raise CannotGive(Fault.LAST_OF_SCHOOL)
    is_own_last = grant.role is StaffRole.ADMIN and grant.staff_number == ended_by and not others
    if is_own_last and not has_configured:
        raise CannotGive(Fault.LAST_ADMINISTRATOR)
