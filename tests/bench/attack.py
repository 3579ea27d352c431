"""Scans and submissions while strangers upload the worst files: their times against those in calm.

Two workers of the production server; 50 clients, each with an address of its own, send files as often as one may, and some
hang up (`tests/fixtures/uploaders.py`). `ATTACK_SECONDS` is 60. Clients and service share the machine's processors.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.bench.submission import NOBODY, WORKERS
from tests.campus.run import make_environment, prepare, start_service, stop
from tests.conftest import get_free_port
from tests.fixtures.signed_in import SignedIn, sign_in_all
from tests.fixtures.uploaders import CLIENTS, uploading

SECONDS = float(os.environ.get("ATTACK_SECONDS", "60"))
CALM_SECONDS = SECONDS / 2
TIMEOUT = 20
EVERY = {"scan": 0.1, "submission": 0.4, "/healthz": 0.1}
"""Seconds from one to the next."""
ASKED = {"scan": "at most 2 x", "submission": "at most 2 x"}
JSON = {"Accept": "application/json"}


@dataclass
class Probe:
    """Something that is asked again and again: how long it took (seconds), and how often it failed."""

    ask: Callable[[], bool]
    every: float
    taken: list[float] = field(default_factory=list)
    failed: int = 0

    def run(self, ends_at: float) -> None:
        """Ask until then."""
        while (begun := time.perf_counter()) < ends_at:
            try:
                self.failed += not self.ask()
            except (OSError, requests.RequestException):
                self.failed += 1
            self.taken.append(time.perf_counter() - begun)
            time.sleep(max(0.0, begun + self.every - time.perf_counter()))

    def get_quantile(self, percent: int) -> float:
        """Milliseconds."""
        return statistics.quantiles(self.taken, n=100, method="inclusive")[percent - 1] * 1000


def run() -> list[tuple[str, str, str]]:
    """What was measured, the figure, and the figure asked for."""
    with _running_service() as (url, students):
        slip = _issue(url, students)
        _probe(url, slip, students, 2)  # to warm up
        calm = _probe(url, slip, students, CALM_SECONDS)
        with uploading(url, SECONDS) as answers:
            attacked = _probe(url, slip, students, SECONDS - 1)
    return [*_compare(calm, attacked), _describe(answers)]


def _compare(calm: dict[str, Probe], attacked: dict[str, Probe]) -> list[tuple[str, str, str]]:
    rows = []
    for name, probe in attacked.items():
        for percent in (50, 95, 99):
            before, now = calm[name].get_quantile(percent), probe.get_quantile(percent)
            asked = ASKED.get(name, "-") if percent < 99 else "-"
            rows.append(
                (f"{name}, p{percent}", f"{before:.0f} ms, {now:.0f} ms = {now / before:.1f} x", asked)
            )
        rows.append((f"{name}, failed", f"{probe.failed} of {len(probe.taken)}", "0"))
    return rows


def _describe(answers: Counter[str]) -> tuple[str, str, str]:
    told = ", ".join(f"{status}: {count}" for status, count in sorted(answers.items()))
    return f"what {CLIENTS} clients were answered in {SECONDS:.0f} s", told, "-"


def _probe(url: str, slip: str, students: Iterator[SignedIn], seconds: float) -> dict[str, Probe]:
    """Ask all side by side for so long."""
    asked: dict[str, Callable[[], bool]] = {
        "scan": lambda: requests.get(slip, headers=JSON, timeout=TIMEOUT).json()["verdict"] == "valid",
        "submission": lambda: next(students).submit(url)[0] == 303,
        "/healthz": lambda: requests.get(f"{url}/healthz", timeout=TIMEOUT).ok,
    }
    probes = {name: Probe(ask, EVERY[name]) for name, ask in asked.items()}
    ends_at = time.perf_counter() + seconds
    threads = [threading.Thread(target=probe.run, args=(ends_at,)) for probe in probes.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return probes


def _issue(url: str, students: Iterator[SignedIn]) -> str:
    """A slip's own address."""
    student = next(students)
    _, number = student.submit(url)
    page = requests.get(url + number, headers={"Cookie": student.cookie}, timeout=TIMEOUT).text
    begun = page.index(f"{url}/v/")
    end = begun + len(f"{url}/v/")
    while page[end].isdigit():
        end += 1
    return page[begun:end]


@contextmanager
def _running_service() -> Iterator[tuple[str, Iterator[SignedIn]]]:
    with tempfile.TemporaryDirectory() as folder:
        port = get_free_port()
        environment = make_environment(Path(folder), port, NOBODY)
        environment |= {
            "LIXIAO_SERVICE__PROXY_COUNT": "1",
            "LIXIAO_RATE_LIMIT__VERIFICATION": "100000 per minute",
        }
        prepare(environment)
        count = int(2 * (SECONDS + CALM_SECONDS + 10) / EVERY["submission"])
        students = sign_in_all(environment, (f"TS9{place:07d}" for place in range(count)))
        with (Path(folder) / "log").open("wb") as log:
            process = start_service(
                environment, port, WORKERS, log.fileno(), target="tests.bench._submitting:app"
            )
            try:
                yield f"http://127.0.0.1:{port}", iter(students)
            finally:
                stop(process)
