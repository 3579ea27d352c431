"""What is counted for operators, in Prometheus' form; no label holds anything about a person.

With several workers the numbers of all are added up by files in the folder that `PROMETHEUS_MULTIPROC_DIR`
names, which must be empty when the service starts (prometheus.github.io/client_python/multiprocess).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

__all__ = ["CONTENT_TYPE", "MetricsRefused", "export_metrics", "reserve_files"]

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
KIB = 1024
RESERVED_BYTES = {
    "counter": 64 * KIB,
    "gauge_livemax": 64 * KIB,
    "gauge_livesum": 64 * KIB,
    "histogram": 512 * KIB,
}
"""What all series of a process together have room in: a route has some ten of a hundred to two hundred bytes for each
method and class of status that it answers with. Measured by a test that asks everything.
"""

# Each has a label: one without would open its file when it is imported.
request_seconds = Histogram(
    "lixiao_request_seconds",
    "How long requests took.",
    ["route", "method", "status"],
    buckets=(0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
requests_in_flight = Gauge(
    "lixiao_requests_in_flight",
    "Requests that are being answered.",
    ["route"],
    multiprocess_mode="livesum",
)
sign_ins = Counter("lixiao_sign_ins", "What came of sign-ins.", ["provider", "outcome"])
database_errors = Counter("lixiao_database_errors", "What the database failed with, by kind.", ["kind"])
database_connections = Gauge(
    "lixiao_database_connections",
    "Connections of the workers together: in use, and the most that there can be.",
    ["pool", "state"],
    multiprocess_mode="livesum",
)
queue_length = Gauge(
    "lixiao_queue_length", "How many wait for their turn.", ["queue"], multiprocess_mode="livesum"
)
rows_lost = Counter("lixiao_rows_lost", "What a queue was to write and could not.", ["queue"])
submissions = Counter(
    "lixiao_submissions", "Presses of the submit button, by outcome.", ["mini_app", "outcome"]
)
desk_decisions = Counter(
    "lixiao_desk_decisions",
    "Decisions at the counters of desks, by step and outcome.",
    ["mini_app", "step", "outcome"],
)
desk_conflicts = Counter(
    "lixiao_desk_conflicts",
    "Decisions at desks that were refused, since another came in between, by step.",
    ["mini_app", "step"],
)
characters_missing = Counter(
    "lixiao_characters_missing",
    "Pages and submissions that met a character that no font holds.",
    ["mini_app"],
)
verifications = Counter("lixiao_verifications", "Checks of slips, by verdict.", ["verdict"])
limit_storage_failures = Counter(
    "lixiao_limit_storage_failures", "Questions that the shared storage of limits did not answer.", ["kind"]
)
department_seconds = Histogram(
    "lixiao_department_seconds",
    "How long a department system took to answer a question, or to fail.",
    ["system"],
    buckets=(0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0),
)
department_failures = Counter(
    "lixiao_department_failures", "Questions that a department did not answer, by fault.", ["system", "fault"]
)
grants_changed = Counter(
    "lixiao_grants_changed", "Rights of staff that were given, extended or ended.", ["change"]
)
GRANT_CHANGES = ("given", "extended", "ended")
rows_refused = Counter(
    "lixiao_rows_refused",
    "Stored rows that would decide and are not authentic: they do not count.",
    ["table"],
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
checkpoint_behind = Gauge(
    "lixiao_checkpoint_behind_seconds",
    "For how long a place has lacked checkpoints that could not be brought there; 0 while it has all.",
    ["place"],
    multiprocess_mode="livemax",
)


class UploadRefusal(StrEnum):
    """Why an uploaded file is not read: the line is full, or too slow; reading takes too long by the clock; or no process
    starts.
    """

    FULL = "full"
    WAITED = "waited"
    LATE = "late"
    BROKEN = "broken"


uploads = Gauge(
    "lixiao_uploads",
    "Uploaded files, by state: waiting to be read, or running.",
    ["state"],
    multiprocess_mode="livesum",
)
UPLOAD_STATES = ("waiting", "running")
upload_refusals = Counter(
    "lixiao_upload_refusals", "Uploaded files that were not read, by reason.", ["reason"]
)
upload_seconds = Histogram(
    "lixiao_upload_seconds",
    "How long the reading of an uploaded file took, by end: whole, or cut by a bound of time or memory.",
    ["end"],
    buckets=(0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 10.0),
)
UPLOAD_ENDS = ("whole", "cut")


class MetricsRefused(Exception):
    """This process cannot keep its numbers; the message says why."""


def reserve_files(known: Mapping[MetricWrapperBase, Iterable[tuple[str, ...]]]) -> None:
    """Make this process's files whole at its start: on a disk that is full later, a page would fail over a number
    that has no file, and the process end by SIGBUS where its file has no room. `known` are labels whose numbers are told
    from the start, as 0, so that the first fault of a kind is seen as one. Raises MetricsRefused.
    """
    folder = os.environ.get(FOLDER)
    try:
        for name, size in RESERVED_BYTES.items() if folder else ():
            _reserve(Path(folder or "") / f"{name}_{os.getpid()}.db", size)
        for metric, rows in known.items():
            for labels in rows:
                metric.labels(*labels)
    except OSError as error:
        raise MetricsRefused(f"{FOLDER}: {error.strerror}") from error


def _reserve(path: Path, size: int) -> None:
    """The library takes a file as it finds it, and doubles it when it is full."""
    with path.open("ab") as file:
        os.posix_fallocate(file.fileno(), 0, max(size, path.stat().st_size))


def export_metrics(state: Iterable[Metric]) -> bytes:
    """All numbers of all workers, and the `state` of the whole installation, as Prometheus' text."""
    folder = os.environ.get(FOLDER)
    registry: CollectorRegistry = REGISTRY
    if folder is not None:
        _forget_the_dead(Path(folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry) + generate_latest(_State(state))


class _State(CollectorRegistry):
    """Numbers that are looked up when they are asked for."""

    def __init__(self, state: Iterable[Metric]) -> None:
        super().__init__()
        self._state = state

    def collect(self) -> Iterable[Metric]:
        """See CollectorRegistry."""
        return self._state


def _forget_the_dead(folder: Path) -> None:
    """Drop the gauges of workers that are no more; what they counted stays."""
    for file in folder.glob("gauge_live*_*.db"):
        process_id = int(file.stem.rsplit("_", 1)[1])
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            mark_process_dead(process_id)  # type: ignore[no-untyped-call]
