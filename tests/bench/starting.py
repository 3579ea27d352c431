"""How long a cold start takes until `/readyz` says ready, and SIGTERM until the process has ended."""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from subprocess import Popen

import requests

from tests.campus.client import CampusClient, running_campus
from tests.campus.run import make_environment, prepare, start_service, stop
from tests.conftest import get_free_port
from tests.visitor import APP, Visitor

TIMES = 3
SLOW = "slow_2s"
IN_FLIGHT_SECONDS = 0.5


def run() -> list[tuple[str, str, str]]:
    """What was measured, the figure, and the figure asked for ("-" if none is)."""
    with tempfile.TemporaryDirectory() as folder, running_campus() as campus:
        port = get_free_port()
        environment = make_environment(Path(folder), port, campus.url)
        prepare(environment)
        starts, idle, busy = [], [], []
        with (Path(folder) / "log").open("wb") as log:
            for ends, is_busy in ((idle, False), (busy, True)):
                for _ in range(TIMES):
                    begun = time.monotonic()
                    process = start_service(environment, port, log=log.fileno())
                    starts.append(time.monotonic() - begun)
                    ends.append(_measure_end(campus, f"http://127.0.0.1:{port}", process, is_busy=is_busy))
    return [
        ("cold start to ready, 1 worker", f"{median(starts):.2f} s", "-"),
        ("SIGTERM to exit, idle", f"{median(idle):.2f} s", "-"),
        ("SIGTERM to exit, a page waiting 2 s for a department", f"{median(busy):.2f} s", "-"),
    ]


def _measure_end(campus: CampusClient, url: str, process: Popen[bytes], *, is_busy: bool) -> float:
    """Seconds from the signal on; the page in flight was begun half a second before it, and must come."""
    try:
        page = _begin_slow_page(campus, url) if is_busy else None
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        seconds = time.monotonic() - begun
    finally:
        stop(process)
    if page is not None and page.get_status() != requests.codes.ok:
        raise RuntimeError("the page in flight was not answered")
    return seconds


class _Page:
    """A page that is fetched in a thread."""

    def __init__(self, visitor: Visitor) -> None:
        self._status = 0
        self._visitor = visitor
        self._thread = threading.Thread(target=self._fetch)
        self._thread.start()

    def _fetch(self) -> None:
        self._status = self._visitor.get(f"{APP}/clearance?wait=1").status_code

    def get_status(self) -> int:
        """Its status when it has come."""
        self._thread.join()
        return self._status


def _begin_slow_page(campus: CampusClient, url: str) -> _Page:
    campus.reset()
    visitor = Visitor(url)
    visitor.sign_in("TS93400001", "/completed")
    campus.set_fault("archive", SLOW)
    page = _Page(visitor)
    time.sleep(IN_FLIGHT_SECONDS)
    return page
