"""Asks department systems: several about one student side by side, each under a deadline, a limit of calls at the same
time and a breaker, for callers in ordinary threads.

A breaker stops calling a system that keeps failing, so that nobody waits for what will not come. Closed, it lets every
call through. After `failures` calls in a row that failed in transport, about at least three students, it opens: calls
end at once. One student's request that the system cannot bear never opens it for all. After `pause_seconds` one trial
call goes through; its success closes the breaker, its failure opens it for another pause. A breaker only ever makes a
system unavailable: no verdict comes from it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, wait
from contextlib import asynccontextmanager
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

from app import event_loop, metrics
from app.connectors.base import TRANSPORT_FAILURES, ActionOutcome, Connector, FailureCode, UnknownAction
from app.connectors.config import Limits
from app.domain.clearance import DepartmentUnavailable, Reading
from app.event_loop import PerLoop, start_task

log = logging.getLogger(__name__)

GRACE_SECONDS = 0.5
"""How long a caller waits past the deadline for the loop to hand over what it has."""

Answer = Reading | DepartmentUnavailable
LEAST_STUDENTS = 3
T = TypeVar("T")


def query_systems(
    connectors: Mapping[str, Connector], student_number: str, deadline: float
) -> dict[str, Answer]:
    """What each system says of a student, by step key, within `deadline` seconds in all.

    Two steps with the same connector share one call. An answer that comes later is dropped with its
    connection. Raises nothing: whatever goes wrong is that step's DepartmentUnavailable.
    """
    futures = start_queries(connectors, student_number, deadline)
    wait(futures.values(), timeout=deadline + GRACE_SECONDS)
    return {
        step: future.result() if future.done() else _unavailable(connectors[step], FailureCode.TIMEOUT)
        for step, future in futures.items()
    }


def start_queries(
    connectors: Mapping[str, Connector], student_number: str, deadline: float
) -> dict[str, Future[Answer]]:
    """Start asking several systems about a student, by step key, and return at once.

    Each future ends as soon as its system answers, or within `deadline` seconds, with a reading or a
    DepartmentUnavailable; it never raises. Two steps with the same connector share one call and its future.
    """
    questions: dict[Connector, Future[Answer]] = {system: Future() for system in connectors.values()}
    if questions:
        ends_at = time.monotonic() + deadline
        # To wake the loop costs more than to start a call, so that all start by one wake.
        event_loop.start(_ask_all(questions, student_number, ends_at))
    return {step: questions[system] for step, system in connectors.items()}


def start_query(connector: Connector, student_number: str, deadline: float) -> Future[Answer]:
    """Start asking one system about a student; see `start_queries`."""
    return start_queries({"": connector}, student_number, deadline)[""]


def start_survey(
    connector: Connector, student_numbers: Collection[str], deadline: float
) -> Future[dict[str, Answer]]:
    """Start asking one system about several students, and return at once. The future ends when all are answered,
    or within `deadline` seconds, with a reading or a DepartmentUnavailable for each; it never raises.
    """
    answers: Future[dict[str, Answer]] = Future()
    event_loop.start(_ask_about(connector, student_numbers, time.monotonic() + deadline, answers))
    return answers


def perform_action(connector: Connector, action: str, student_number: str, deadline: float) -> ActionOutcome:
    """Ask a system, once, to do something; UNKNOWN if that is not proven within `deadline` seconds.

    Raises UnknownAction for an action that the system's configuration does not name.
    """
    if action not in connector.actions:
        raise UnknownAction(action)
    call = _run_action(connector, action, student_number, time.monotonic() + deadline)
    try:
        return event_loop.run(call, deadline + GRACE_SECONDS)
    except TimeoutError:
        return ActionOutcome.UNKNOWN


def close_connectors(connectors: Iterable[Connector]) -> None:
    """Close the connections of every connector."""
    for connector in connectors:
        event_loop.run(connector.close(), GRACE_SECONDS)


async def _ask_all(
    questions: Mapping[Connector, Future[Answer]], student_number: str, ends_at: float
) -> None:
    tasks = {system: start_task(system.fetch_reading(student_number)) for system in questions}
    for system, task in tasks.items():
        task.add_done_callback(partial(_deliver, questions[system], system))
    await _wait_until(ends_at, tasks.values())
    for system, task in tasks.items():
        _deliver(questions[system], system, task)


async def _ask_about(
    system: Connector, student_numbers: Collection[str], ends_at: float, answers: Future[dict[str, Answer]]
) -> None:
    tasks = {number: start_task(system.fetch_reading(number)) for number in student_numbers}
    await _wait_until(ends_at, tasks.values())
    answers.set_result({number: _take(task, system) for number, task in tasks.items()})


def _deliver(future: Future[Answer], system: Connector, task: asyncio.Task[Reading]) -> None:
    """Hand over what the task says now, unless that was done before."""
    if not future.done():
        future.set_result(_take(task, system))


async def _run_action(
    connector: Connector, action: str, student_number: str, ends_at: float
) -> ActionOutcome:
    task = start_task(connector.perform_action(action, student_number))
    await _wait_until(ends_at, [task])
    if not task.done() or task.cancelled() or task.exception():
        return ActionOutcome.UNKNOWN
    return task.result()


async def _wait_until(ends_at: float, tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Wait for the tasks and cancel those that are late; does not wait for them to end."""
    _, late = await asyncio.wait(tasks, timeout=max(0, ends_at - time.monotonic()))
    for task in late:
        task.cancel()


def _take(task: asyncio.Task[Reading], system: Connector) -> Answer:
    if not task.done() or task.cancelled():
        return _unavailable(system, FailureCode.TIMEOUT)
    error = task.exception()
    if error is None:
        return task.result()
    if isinstance(error, DepartmentUnavailable):
        return error
    log.error("connector failed", extra={"system": system.name, "error": type(error).__name__})
    return _unavailable(system, FailureCode.INTERNAL)


def _unavailable(system: Connector, fault: FailureCode) -> DepartmentUnavailable:
    return DepartmentUnavailable(system.name, fault)


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
        self._has_answered = False

    def describe(self, now: float) -> str:
        """How the system does, in words for an operator; may be read from any thread."""
        if self.state is BreakerState.OPEN:
            left = math.ceil(self._opened_at + self._pause_seconds - now)
            return (
                f"not asked for {left} s after failures" if left > 0 else "asked again next, after failures"
            )
        if self.state is BreakerState.HALF_OPEN:
            return "being asked again after failures"
        if self._failed_in_a_row:
            return f"did not answer {self._failed_in_a_row} time(s) in a row"
        return "answers" if self._has_answered else "not asked yet"

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
        self._has_answered = True
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


def name_queue(system: str) -> str:
    """What the numbers call those who wait for a free place at a system."""
    return f"department_{system}"


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
    def breaker_words(self) -> str:
        """How the system does, in words for an operator; may be read from any thread."""
        return self._breaker.describe(time.monotonic())

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
            async with asyncio.timeout(self._limits.deadline_seconds), self._take_place():
                waits = False
                return await self._attempt(call, student_number)
        except TimeoutError:
            raise self._unavailable(FailureCode.BUSY if waits else FailureCode.TIMEOUT) from None

    @asynccontextmanager
    async def _take_place(self) -> AsyncIterator[None]:
        places = self._places.get()
        if places.locked():
            with metrics.queue_length.labels(name_queue(self.name)).track_inprogress():
                await places.acquire()
        else:
            await places.acquire()
        try:
            yield
        finally:
            places.release()

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
