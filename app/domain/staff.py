"""Staff 工作人员: who may do what. A right is what a role brings, within a scope of mini-app, step, college and period.

Grants come from the database and hold at the next request; nothing of them stands in a session.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.texts import is_same_word

ALL = ""
"""In a scope: whatever the value."""
CONFIGURED_ID = 0
"""The id of a grant that the configuration, or the sign-in, gives: it has no row and ends only there."""


class StaffRole(StrEnum):
    """What somebody is to the students of a scope."""

    DESK = "desk"
    HEAD = "head"
    COLLEGE = "college"
    SCHOOL = "school"
    AUDITOR = "auditor"
    ADMIN = "admin"


class Right(StrEnum):
    """What a role lets somebody do."""

    STATUS = "status"
    """see a student's items: status, since when, next step"""
    FACTS = "facts"
    """see what departments hold: amounts, books, rooms"""
    DECIDE = "decide"
    """record at a desk, and undo one's own"""
    REVERSE = "reverse"
    """take back what others recorded, or long ago"""
    ASK = "ask"
    """waive, and ask for what needs a second person"""
    APPROVE = "approve"
    """decide what others asked for"""
    DELEGATE = "delegate"
    """give one's own right to a colleague, for a time"""
    GRANT = "grant"
    """give and end any right"""
    AUDIT = "audit"
    """read who did what to whom, and who looked at whom"""


RIGHTS: Mapping[StaffRole, frozenset[Right]] = {
    StaffRole.DESK: frozenset({Right.STATUS, Right.FACTS, Right.DECIDE}),
    StaffRole.HEAD: frozenset(
        {Right.STATUS, Right.FACTS, Right.DECIDE, Right.REVERSE, Right.DELEGATE},
    ),
    StaffRole.COLLEGE: frozenset({Right.STATUS, Right.DELEGATE}),
    StaffRole.SCHOOL: frozenset({Right.STATUS, Right.FACTS, Right.ASK, Right.APPROVE}),
    StaffRole.AUDITOR: frozenset({Right.STATUS, Right.FACTS, Right.AUDIT}),
    StaffRole.ADMIN: frozenset({Right.GRANT, Right.DELEGATE}),
}
"""Section 4 of the design: administrators hold no students' data; auditors read and change nothing."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a right holds; ALL is everywhere. The mini-app is named by its slug."""

    mini_app: str = ALL
    step: str = ALL
    college: str = ALL
    period: str = ALL

    def __iter__(self) -> Iterator[str]:
        return iter((self.mini_app, self.step, self.college, self.period))

    def covers(self, other: Scope) -> bool:
        """Whether everything of the other lies within this one."""
        return all(own == ALL or is_same_word(own, theirs) for own, theirs in zip(self, other, strict=True))


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that somebody has within a scope, until `valid_until` (UTC), where it ends; `delegated_from` is the id of the
    grant that it was given from.
    """

    id: int
    staff_number: str
    name: str
    role: StaffRole
    scope: Scope
    valid_until: datetime | None = None
    delegated_from: int | None = None

    def allows(self, right: Right) -> bool:
        """Whether the role brings this right."""
        return right in RIGHTS[self.role]


@dataclass(frozen=True, slots=True)
class Grants:
    """All that one person has now. `ended` are those that ended lately: who opens a page of theirs is told so."""

    staff_number: str
    standing: tuple[Grant, ...]
    ended: tuple[EndedGrant, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.standing)

    def list(self, right: Right) -> tuple[Grant, ...]:
        """Those that bring this right."""
        return tuple(grant for grant in self.standing if grant.allows(right))

    def find(self, right: Right, scope: Scope) -> Grant | None:
        """One that brings this right for everything of this scope."""
        return next((grant for grant in self.list(right) if grant.scope.covers(scope)), None)

    def allows(self, right: Right, scope: Scope = Scope()) -> bool:
        """Whether one of them brings this right for everything of this scope."""
        return self.find(right, scope) is not None


@dataclass(frozen=True, slots=True)
class EndedGrant:
    """A grant that somebody had: when it ended (UTC), and by whom, "" where its time was over."""

    grant: Grant
    ended_at: datetime
    ended_by: str
