"""A breaker: stops calling a system that keeps failing, so that nobody waits for what will not come.

Closed, it lets every call through. After `failures` calls in a row that failed in transport, about at least
three students, it opens: calls end at once. One student's request that the system cannot bear never opens it
for all. After `pause_seconds` one trial call goes through; its success closes the breaker, its failure opens
it for another pause. A breaker only ever makes a system unavailable: no verdict comes from it.
"""

from __future__ import annotations

from enum import StrEnum

LEAST_STUDENTS = 3


class BreakerState(StrEnum):
    """What the breaker does with the next call: lets it through, ends it, or lets one through as a trial."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """One system's breaker. Times are monotonic seconds; it is changed in the background loop only."""

    def __init__(self, failures: int, pause_seconds: float) -> None:
        self.state = BreakerState.CLOSED
        self._limit = failures
        self._pause_seconds = pause_seconds
        self._failed_in_a_row = 0
        self._failed_students: set[str] = set()
        self._opened_at = 0.0

    def is_refusing(self, now: float) -> bool:
        """Whether a call would end at once; changes nothing."""
        if self.state is BreakerState.OPEN:
            return now - self._opened_at < self._pause_seconds
        return self.state is BreakerState.HALF_OPEN

    def admit(self, now: float) -> bool:
        """Whether a call may go out. After a pause the first one admitted is the trial."""
        if self.is_refusing(now):
            return False
        if self.state is BreakerState.OPEN:
            self.state = BreakerState.HALF_OPEN
        return True

    def note_success(self) -> None:
        """The system answered, whatever it said."""
        self.state = BreakerState.CLOSED
        self._failed_in_a_row = 0
        self._failed_students.clear()

    def note_failure(self, student_number: str, now: float) -> None:
        """The system could not be reached, or did not answer, for this student."""
        self._failed_in_a_row += 1
        if len(self._failed_students) < LEAST_STUDENTS:
            self._failed_students.add(student_number)
        is_general = self._failed_in_a_row >= self._limit and len(self._failed_students) >= LEAST_STUDENTS
        if self.state is BreakerState.HALF_OPEN or is_general:
            self.state = BreakerState.OPEN
            self._opened_at = now
