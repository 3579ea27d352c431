"""Clearance 离校手续: steps, statuses, and the one question "may this student submit?".

A status is proven, never assumed: only a rule that positively understood a system's answer makes
`cleared`; whatever is not understood is `unavailable`, which never counts as passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    PENDING = "pending"
    """The department has what it needs of the student, and has not decided: somebody else acts next."""
    WAITING = "waiting"
    """Steps that must pass before it do not yet; its department is not asked."""
    UNAVAILABLE = "unavailable"
    WAIVED = "waived"
    NOT_REQUIRED = "not_required"
    """The step is not for this student; its department is not asked."""


PASSING = frozenset({Status.CLEARED, Status.WAIVED, Status.NOT_REQUIRED})
NOT_PASSED = frozenset({Status.OUTSTANDING, Status.PENDING})
"""What a department's own answer makes of a step that does not pass."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one department system said of one student, proven by its connector.

    `records` is empty exactly when the system said, in the way its configuration states, that it holds
    no record of this student. `learnt_at` is UTC. `counts`: where a student was asked about by several numbers, how many
    of the records are of each. `version`: of a desk, the version of the decision that it rests on; None for every other.
    """

    system: str
    student_number: str
    records: tuple[Record, ...]
    learnt_at: datetime
    counts: tuple[int, ...] = ()
    version: int | None = None

    @property
    def parts(self) -> tuple[tuple[Record, ...], ...]:
        """The records of each number that was asked by; each is judged by itself."""
        parts, start = [], 0
        for count in self.counts or (len(self.records),):
            parts.append(self.records[start : start + count])
            start += count
        return tuple(parts)

    @property
    def lacks_record(self) -> bool:
        """Whether there is no record of the student, under one number at least."""
        return not all(self.parts)


class DepartmentUnavailable(Exception):
    """A department system gave no answer that can be trusted. `fault` is a short name for the log."""

    def __init__(self, system: str, fault: str) -> None:
        super().__init__(f"{system}: {fault}")
        self.system = system
        self.fault = fault


class KeyUnusable(DepartmentUnavailable):
    """The key that a system knows the student by cannot be had, or not be believed; `key` is its name."""

    def __init__(self, system: str, key: str, fault: str) -> None:
        super().__init__(system, fault)
        self.key = key


class KeyMissing(KeyUnusable):
    """Nothing tells the key of the student."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that keeps a step from passing: the fact's key and its value as proven; `is_pending` where the
    department is still to decide on it.
    """

    key: str
    value: FactValue = None
    is_pending: bool = False


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
    `unknown` are the fields of the person for want of which nobody can tell whether the step is for them, `told` those by
    which that was decided, and `waits_for` the steps that must pass before it is asked;
    `stale_as_of` is the time of data that was too old to be believed, `controls_agreed_at` when the canary
    students of a step that passes without a record were found right. `missing_key` is the name of the key without
    which the system cannot be asked.
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
    missing_key: str = ""
    unknown: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    waits_for: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """The step's status."""
        return self.finding.status

    @property
    def is_passed(self) -> bool:
        """Whether the step lets the student submit."""
        return self.status in PASSING


def requires_anything(states: Mapping[str, StepState]) -> bool:
    """Whether any step is for this student: without one nothing would be proven."""
    return any(state.status is not Status.NOT_REQUIRED for state in states.values())


def list_missing_steps(states: Mapping[str, StepState], required: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of required steps that do not pass, in order; a step without a state is missing too."""
    return tuple(key for key in required if key not in states or not states[key].is_passed)
