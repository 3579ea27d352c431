"""Asks several systems about one student, side by side, under one deadline: for callers in ordinary threads."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future, wait
from functools import partial
from typing import Any

from app import event_loop
from app.connectors.base import ActionOutcome, Connector, FailureCode, UnknownAction
from app.domain.clearance import DepartmentUnavailable, Reading
from app.event_loop import start_task

log = logging.getLogger(__name__)

GRACE_SECONDS = 0.5
"""How long a caller waits past the deadline for the loop to hand over what it has."""

Answer = Reading | DepartmentUnavailable


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
