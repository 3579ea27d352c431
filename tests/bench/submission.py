"""Submissions over HTTP, with a live re-check of five systems of 50 ms each time, on both databases."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.campus.run import make_environment, prepare, start_service, stop
from tests.conftest import get_free_port
from tests.fixtures.signed_in import SignedIn, sign_in_all
from tests.postgres import running_postgres

NOBODY = "http://127.0.0.1:9"
WORKERS = 2
"""One a core, as config/granian.md says."""
AT_ONCE = 64
CROWD = 1_500
BURST = 200
BURSTS = 3
WARM_UP = 200


def run() -> list[tuple[str, str, str]]:
    """What was measured, the figure, and the figure asked for ("-" if none is)."""
    rows = _measure("SQLite, FULL", {})
    with running_postgres() as postgres:
        database = {"LIXIAO_DATABASE__URL": postgres.get_url(postgres.create_database())}
        return rows + _measure("PostgreSQL", database)


def _measure(name: str, changes: Mapping[str, str]) -> list[tuple[str, str, str]]:
    with _running_service(changes) as (url, environment):
        count = WARM_UP + CROWD + BURST * BURSTS
        crowd = iter(sign_in_all(environment, (f"TS9{place:07d}" for place in range(count))))
        _submit_all(url, [next(crowd) for _ in range(WARM_UP)], AT_ONCE)
        begun = time.perf_counter()
        _submit_all(url, [next(crowd) for _ in range(CROWD)], AT_ONCE)
        rate = CROWD / (time.perf_counter() - begun)
        bursts = [
            max(_submit_all(url, [next(crowd) for _ in range(BURST)], BURST)) * 1000 for _ in range(BURSTS)
        ]
    asked = "under 450 ms" if "SQLite" in name else "-"
    return [
        (f"submissions, {name}, {WORKERS} workers, {AT_ONCE} at once", f"{rate:.0f}/s", "at least 200/s"),
        (f"the slowest of {BURST} at once, {name}", f"{min(bursts):.0f} to {max(bursts):.0f} ms", asked),
    ]


@contextmanager
def _running_service(changes: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    with tempfile.TemporaryDirectory() as folder:
        port = get_free_port()
        environment = make_environment(Path(folder), port, NOBODY) | dict(changes)
        prepare(environment)
        with (Path(folder) / "log").open("wb") as log:
            process = start_service(
                environment, port, WORKERS, log.fileno(), target="tests.bench._submitting:app"
            )
            try:
                yield f"http://127.0.0.1:{port}", environment
            finally:
                stop(process)


def _submit_all(url: str, students: list[SignedIn], at_once: int) -> list[float]:
    """Let them submit; the seconds that each waited. Fails unless everybody gets a slip."""
    start = threading.Barrier(at_once)

    def submit(place: int) -> float:
        if place < at_once:
            start.wait()
        begun = time.perf_counter()
        status, _ = students[place].submit(url)
        assert status == 303, status
        return time.perf_counter() - begun

    with ThreadPoolExecutor(at_once) as threads:
        return list(threads.map(submit, range(len(students))))
