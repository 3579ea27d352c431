"""Clearance 离校手续: steps, statuses, and the one question "may this student submit?".

A status is proven, never assumed: only a rule that positively understood a system's answer makes
`cleared`; whatever is not understood is `unavailable`, which never counts as passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

FactValue = str | int | Decimal | date | bool | None
"""A fact as a connector proved it: text, count, money in yuan, day, yes/no, or None for empty."""

Record = Mapping[str, FactValue]


class Status(StrEnum):
    """Where a step stands for one student."""

    CLEARED = "cleared"
    OUTSTANDING = "outstanding"
    UNAVAILABLE = "unavailable"
    WAIVED = "waived"


PASSING = frozenset({Status.CLEARED, Status.WAIVED})


@dataclass(frozen=True, slots=True)
class Reading:
    """What one department system said of one student, proven by its connector.

    `records` is empty exactly when the system said, in the way its configuration states, that it holds
    no record of this student. `learnt_at` is UTC.
    """

    system: str
    student_number: str
    records: tuple[Record, ...]
    learnt_at: datetime


class DepartmentUnavailable(Exception):
    """A department system gave no answer that can be trusted. `fault` is a short name for the log."""

    def __init__(self, system: str, fault: str) -> None:
        super().__init__(f"{system}: {fault}")
        self.system = system
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that keeps a step from passing: the fact's key and its value as proven."""

    key: str
    value: FactValue = None


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What a rule made of a reading."""

    status: Status
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Waived:
    """Why a step need not be passed, and who decided it (a staff number)."""

    reason: str
    granted_by: str


@dataclass(frozen=True, slots=True)
class CachedResult:
    """An earlier answer of a system that does not answer now: shown with its age, never counted."""

    finding: RuleResult
    reading: Reading


@dataclass(frozen=True, slots=True)
class StepState:
    """One step of one student at one moment. `reading` is None when the system is unavailable, and then
    `fault` is why and `failing_since` since when; `is_asking` while its answer is still awaited;
    `is_kept`: an earlier answer, since the person had departments asked too often to ask again now;
    `stale_as_of` is the time of data that was too old to be believed, `controls_agreed_at` when the canary
    students of a step that passes without a record were found right.
    """

    step_key: str
    finding: RuleResult
    reading: Reading | None
    learnt_at: datetime
    fault: str = ""
    failing_since: datetime | None = None
    is_asking: bool = False
    is_kept: bool = False
    stale_as_of: datetime | None = None
    controls_agreed_at: datetime | None = None
    last_known: CachedResult | None = None
    waived: Waived | None = None

    @property
    def status(self) -> Status:
        """The step's status."""
        return self.finding.status

    @property
    def is_passed(self) -> bool:
        """Whether the step lets the student submit."""
        return self.status in PASSING


def list_missing_steps(states: Mapping[str, StepState], required: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of required steps that do not pass, in order; a step without a state is missing too."""
    return tuple(key for key in required if key not in states or not states[key].is_passed)
