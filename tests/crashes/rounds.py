"""Rounds of crashes: students press their buttons, the service is killed, and everybody presses again.

An answer is *ok* (acknowledged), *failed* (the service said so) or *unknown* (none came).
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import cycle
from pathlib import Path

import requests

from tests.campus.client import CampusClient
from tests.campus.run import Process, make_environment, stop
from tests.conftest import get_free_port
from tests.crashes.points import POINTS, REISSUE
from tests.fixtures.signed_in import SignedIn, sign_in_all
from tests.fixtures.templates import prepare
from tests.programs import Program
from tests.visitor import APP, Visitor

ROSTER = "graduate_departure/2026-06"
"""The one that the demo's graduates stand on."""
CANCEL = f"{APP}/clearance/library_loans/cancel-card"
SUBMITTERS = 3
TRIES = 30
START_SECONDS = 60
DEADLINE = "1.0"
MOST_DELAY = 0.25


@dataclass
class Crashing:
    """A running service, and what was told to whom."""

    url: str
    environment: Mapping[str, str]
    campus: CampusClient
    process: Process
    crash_file: Path
    chance: random.Random = field(default_factory=lambda: random.Random(20260620))
    told: dict[str, str] = field(default_factory=dict)
    reissued: Counter[str] = field(default_factory=Counter)
    maybe_reissued: Counter[str] = field(default_factory=Counter)
    cancelled: dict[str, int] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    changed: list[str] = field(default_factory=list)


@contextmanager
def running_crashing(campus: CampusClient, folder: Path, changes: Mapping[str, str]) -> Iterator[Crashing]:
    """Start a service that can be killed, with its own database."""
    campus.reset()
    port = get_free_port()
    environment = make_environment(folder, port, campus.url) | dict(changes)
    environment |= {"CRASH_FILE": str(folder / "crash"), "LIXIAO_ROUND__DEADLINE_SECONDS": DEADLINE}
    environment.pop("PROMETHEUS_MULTIPROC_DIR")
    prepare(environment)
    with (folder / "crashing.log").open("wb") as log:
        process = Program(["tests.crashes", str(port)], environment, log.fileno())
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(process, url)
        yield Crashing(url, environment, campus, process, folder / "crash")
    finally:
        stop(process)


def _wait_until_ready(process: Process, url: str) -> None:
    for _ in range(START_SECONDS * 10):
        assert process.poll() is None, "the service ended before it was ready"
        with suppress(requests.RequestException):
            requests.get(f"{url}/healthz", timeout=5)
            return
        time.sleep(0.1)
    raise AssertionError("the service did not become ready")


def run_rounds(service: Crashing, rounds: int, points: list[str] = POINTS) -> None:
    """Kill the service this often: at each point in turn, and every fourth time at random."""
    crowd, in_turn = iter(_make_crowd(service, rounds)), cycle(points)
    for number in range(1, rounds + 1):
        point = next(in_turn) if number % 4 else ""
        _run_round(service, [next(crowd) for _ in range(SUBMITTERS)], next(crowd), next(crowd), point)


def _make_crowd(service: Crashing, rounds: int) -> list[SignedIn]:
    count = rounds * (SUBMITTERS + 2)
    return sign_in_all(service.environment, (f"TS9{place:07d}" for place in range(count)), [ROSTER])


def _run_round(
    service: Crashing, submitters: list[SignedIn], with_card: SignedIn, arriving: SignedIn, point: str
) -> None:
    service.campus.set_facts(with_card.number, "library_loans", card="active")
    pending, callback = _begin_sign_in(service, arriving.number)
    slip = service.chance.choice(sorted(service.told.values()) or [""]).rpartition("/")[2]
    uses: list[Callable[[], None]] = [
        *(lambda student=student: _submit(service, student) for student in submitters),
        lambda: _count(service, "cancel", lambda: with_card.post(service.url, CANCEL).status),
        lambda: _count(service, "callback", lambda: _get_status(pending, callback)),
        *([lambda: _reissue(service, slip)] if slip else []),
    ]
    if point:
        service.crash_file.write_text(point)
    with ThreadPoolExecutor(len(uses)) as threads:
        pressed = [threads.submit(use) for use in uses]
        if not point:
            time.sleep(service.chance.random() * MOST_DELAY)
            _kill_server(service)
        for one in pressed:
            one.result()
    service.reached[point or "at random"] += not service.crash_file.exists()
    service.crash_file.unlink(missing_ok=True)
    for student in submitters:
        _settle(lambda student=student: _submit(service, student))
    _settle(lambda: _cancel_again(service, with_card))
    service.cancelled[with_card.number] = _count_cancel_calls(service, with_card.number)
    _begin_sign_in(service, arriving.number, is_finished=True)


def _begin_sign_in(service: Crashing, number: str, *, is_finished: bool = False) -> tuple[Visitor, str]:
    """A browser at the campus's sign-in page, and the address to which it would come back."""
    visitor = Visitor(service.url)
    if is_finished:
        assert visitor.sign_in(number, "/completed").status_code == 200
        return visitor, ""
    pages = []

    def is_led_to_campus() -> bool:
        pages.append(visitor.get("/completed").url)
        return pages[-1].startswith(service.campus.url)

    _settle(is_led_to_campus)
    return visitor, service.campus.sign_in(pages[-1], number)


def _get_status(visitor: Visitor, address: str) -> int:
    return visitor.http.get(address, timeout=60, allow_redirects=False).status_code


def _kill_server(service: Crashing) -> None:
    main = service.process.pid
    for child in Path(f"/proc/{main}/task/{main}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)


def _count(service: Crashing, use: str, ask: Callable[[], int]) -> bool | None:
    """Ask, count what came of it, and tell whether it was acknowledged (None: unknown)."""
    try:
        is_ok = ask() in (302, 303)
    except (OSError, HTTPException):
        service.answers[f"{use} unknown"] += 1
        return None
    service.answers[f"{use} {'ok' if is_ok else 'failed'}"] += 1
    return is_ok


def _submit(service: Crashing, student: SignedIn) -> bool:
    """Press submit; a slip that was told before must be told again."""
    found: list[str] = []

    def ask() -> int:
        status, location = student.submit(service.url)
        found.append(location)
        return status

    if not _count(service, "submit", ask):
        return False
    if service.told.setdefault(student.number, found[0]) != found[0]:
        service.changed.append(student.number)
    return True


def _cancel_again(service: Crashing, student: SignedIn) -> bool:
    _count(service, "cancel", lambda: student.post(service.url, CANCEL).status)
    return service.campus.get_facts(student.number, "library_loans")["card"] == "cancelled"


def _count_cancel_calls(service: Crashing, number: str) -> int:
    """How often the library was told to cancel; looked at at once, for the campus forgets old calls."""
    calls = service.campus.calls("library_loans", number)
    return sum(call["address"].startswith("POST") for call in calls)


def _reissue(service: Crashing, slip: str) -> None:
    def ask() -> int:
        return requests.post(f"{service.url}{REISSUE}{slip}", timeout=60, allow_redirects=False).status_code

    outcome = _count(service, "reissue", ask)
    service.reissued[slip] += outcome is True
    service.maybe_reissued[slip] += outcome is None


def _settle(use: Callable[[], bool]) -> None:
    for _ in range(TRIES):
        if use():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come right after the crash")
