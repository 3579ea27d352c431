"""What is counted for operators, in Prometheus' form; no label holds anything about a person.

With several workers the numbers of all are added up by files in the folder that `PROMETHEUS_MULTIPROC_DIR`
names, which must be empty when the service starts (prometheus.github.io/client_python/multiprocess).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from app.domain.slip_code import Verdict

__all__ = ["CONTENT_TYPE", "MetricsRefused", "export_metrics", "reserve_files"]

FOLDER = "PROMETHEUS_MULTIPROC_DIR"

submissions = Counter(
    "lixiao_submissions", "Presses of the submit button, by outcome.", ["mini_app", "outcome"]
)
characters_missing = Counter(
    "lixiao_characters_missing",
    "Pages and submissions that met a character that no font holds.",
    ["mini_app"],
)
verifications = Counter("lixiao_verifications", "Checks of slips, by verdict.", ["verdict"])
department_seconds = Histogram(
    "lixiao_department_seconds",
    "How long a department system took to answer a question, or to fail.",
    ["system"],
    buckets=(0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0),
)
department_failures = Counter(
    "lixiao_department_failures", "Questions that a department did not answer, by fault.", ["system", "fault"]
)
breaker_open = Gauge(
    "lixiao_breaker_open", "1 while a system is not called.", ["system"], multiprocess_mode="livemax"
)
step_suspended = Gauge(
    "lixiao_step_suspended",
    "1 while a step is suspended, since its canary students got wrong answers.",
    ["mini_app", "step"],
    multiprocess_mode="livemax",
)


class MetricsRefused(Exception):
    """This process cannot keep its numbers; the message says why."""


def reserve_files(systems: Iterable[str]) -> None:
    """Make this process's files whole at its start: on a disk that is full later, a page would fail over a number
    that has no file, and the process end by SIGBUS where its file has no room. Raises MetricsRefused.
    """
    folder = os.environ.get(FOLDER)
    try:
        for verdict in Verdict:
            verifications.labels(verdict)
        for system in systems:
            department_seconds.labels(system)
            breaker_open.labels(system)
        for path in Path(folder).glob(f"*_{os.getpid()}.db") if folder else ():
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        raise MetricsRefused(f"{FOLDER}: {error.strerror}") from error


def export_metrics() -> bytes:
    """All numbers of all workers as Prometheus' text."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return generate_latest()
    _forget_the_dead(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _forget_the_dead(folder: Path) -> None:
    """Drop the gauges of workers that are no more; what they counted stays."""
    for file in folder.glob("gauge_live*_*.db"):
        process_id = int(file.stem.rsplit("_", 1)[1])
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            mark_process_dead(process_id)  # type: ignore[no-untyped-call]
