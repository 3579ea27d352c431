"""Puts a deadline, a limit of calls at the same time and a breaker around a connector of any kind.

A breaker: stops calling a system that keeps failing, so that nobody waits for what will not come.

Closed, it lets every call through. After `failures` calls in a row that failed in transport, about at least
three students, it opens: calls end at once. One student's request that the system cannot bear never opens it
for all. After `pause_seconds` one trial call goes through; its success closes the breaker, its failure opens
it for another pause. A breaker only ever makes a system unavailable: no verdict comes from it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TypeVar

from app import metrics
from app.connectors.base import TRANSPORT_FAILURES, ActionOutcome, Connector, FailureCode, UnknownAction
from app.connectors.config import Limits
from app.domain.clearance import DepartmentUnavailable, Reading
from app.event_loop import PerLoop

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


log = logging.getLogger(__name__)
T = TypeVar("T")


class GuardedConnector:
    """A connector whose every call ends within its deadline, the wait for a free place included."""

    def __init__(self, inner: Connector, limits: Limits) -> None:
        self.name = inner.name
        self.actions = inner.actions
        self._inner = inner
        self._limits = limits
        self._places = PerLoop(lambda: asyncio.Semaphore(limits.max_connections))
        self._breaker = Breaker(limits.breaker_failures, limits.breaker_pause_seconds)

    @property
    def breaker_state(self) -> BreakerState:
        """For /readyz and the metrics; may be read from any thread."""
        return self._breaker.state

    async def fetch_reading(self, student_number: str) -> Reading:
        """See Connector; faults of its own: busy, breaker_open, timeout, internal."""
        try:
            with metrics.department_seconds.labels(self.name).time():
                return await self._call(lambda: self._inner.fetch_reading(student_number), student_number)
        except DepartmentUnavailable as error:
            metrics.department_failures.labels(self.name, error.fault).inc()
            log.warning("department unavailable", extra={"system": self.name, "fault": str(error.fault)})
            raise

    async def perform_action(self, action: str, student_number: str) -> ActionOutcome:
        """See Connector; UNKNOWN for whatever kept it from a proven answer."""
        if action not in self.actions:
            raise UnknownAction(action)
        try:
            return await self._call(
                lambda: self._inner.perform_action(action, student_number), student_number
            )
        except DepartmentUnavailable as error:
            log.warning(
                "action unproven", extra={"system": self.name, "action": action, "fault": str(error.fault)}
            )
            return ActionOutcome.UNKNOWN

    async def close(self) -> None:
        """See Connector."""
        await self._inner.close()

    async def _call(self, call: Callable[[], Awaitable[T]], student_number: str) -> T:
        if self._breaker.is_refusing(time.monotonic()):
            raise self._unavailable(FailureCode.BREAKER_OPEN)
        waits = True
        try:
            async with asyncio.timeout(self._limits.deadline_seconds), self._places.get():
                waits = False
                return await self._attempt(call, student_number)
        except TimeoutError:
            raise self._unavailable(FailureCode.BUSY if waits else FailureCode.TIMEOUT) from None

    async def _attempt(self, call: Callable[[], Awaitable[T]], student_number: str) -> T:
        if not self._breaker.admit(time.monotonic()):
            raise self._unavailable(FailureCode.BREAKER_OPEN)
        try:
            answer = await call()
        except BaseException as error:
            self._note(error, student_number)
            if isinstance(error, DepartmentUnavailable) or not isinstance(error, Exception):
                raise
            # The text of a foreign exception may hold the number or a secret: its kind is enough.
            log.error("connector failed", extra={"system": self.name, "error": type(error).__name__})
            raise self._unavailable(FailureCode.INTERNAL) from None
        self._breaker.note_success()
        self._publish_state()
        return answer

    def _note(self, error: BaseException, student_number: str) -> None:
        """A cancelled call is one that ran out of somebody's time: the system did not answer."""
        if isinstance(error, asyncio.CancelledError):
            failed = True
        else:
            failed = isinstance(error, DepartmentUnavailable) and error.fault in TRANSPORT_FAILURES
        if failed:
            self._breaker.note_failure(student_number, time.monotonic())
        else:
            self._breaker.note_success()
        self._publish_state()

    def _publish_state(self) -> None:
        metrics.breaker_open.labels(self.name).set(self._breaker.state is not BreakerState.CLOSED)

    def _unavailable(self, fault: FailureCode) -> DepartmentUnavailable:
        return DepartmentUnavailable(self.name, fault)
