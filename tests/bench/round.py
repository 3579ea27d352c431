"""What the round costs beside the systems it asks: five of them, each answering after 50 ms."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from statistics import median, quantiles

from app.connectors.base import Connector
from app.connectors.client import close_connectors, query_systems
from app.domain.clearance import Reading
from tests.campus.client import running_campus
from tests.integration.connectors.conftest import demo_connectors

ROUNDS = 60
CROWD = 200
WARM_UP = 5
DELAY_MS = 50
STUDENT = "TS23000002"


def run() -> list[tuple[str, str, str]]:
    """What was measured, the figure, and the figure asked for ("-" if none is)."""
    with running_campus() as campus:
        connectors = demo_connectors(campus.url)
        for system in connectors:
            campus.set_fault(system, "none", DELAY_MS)
        _time_rounds(connectors, WARM_UP)
        alone = max(
            median(_time_rounds({system: item}, ROUNDS // 3)[0]) for system, item in connectors.items()
        )
        together, cpu_seconds = _time_rounds(connectors, ROUNDS)
        crowd, crowd_cpu_seconds = _time_crowd(connectors)
        close_connectors(connectors.values())
    overhead = median(together) - DELAY_MS / 1000
    return [
        ("round of five systems of 50 ms, p50", f"{median(together) * 1000:.1f} ms", "-"),
        ("round of five systems of 50 ms, p95", f"{quantiles(together, n=20)[-1] * 1000:.1f} ms", "-"),
        ("above the systems' own 50 ms, p50", f"{overhead * 1000:.1f} ms", "-"),
        ("above the slowest asked alone, p50", f"{(median(together) - alone) * 1000:.1f} ms", "-"),
        ("CPU a call, one round at a time", _in_microseconds(cpu_seconds / (ROUNDS * len(connectors))), "-"),
        (f"round of {CROWD} students at once, p95", f"{quantiles(crowd, n=20)[-1] * 1000:.0f} ms", "-"),
        (
            f"CPU a call, {CROWD} students at once",
            _in_microseconds(crowd_cpu_seconds / (CROWD * len(connectors))),
            "86 µs for aiohttp alone",
        ),
    ]


def _time_rounds(connectors: Mapping[str, Connector], rounds: int) -> tuple[list[float], float]:
    """Seconds of each round, and the CPU seconds of this process for all of them."""
    seconds = []
    cpu_started = time.process_time()
    for _ in range(rounds):
        started = time.perf_counter()
        answers = query_systems(connectors, STUDENT, 10)
        seconds.append(time.perf_counter() - started)
        assert all(isinstance(answer, Reading) for answer in answers.values())
    return seconds, time.process_time() - cpu_started


def _time_crowd(connectors: Mapping[str, Connector]) -> tuple[list[float], float]:
    """Seconds of each round of a crowd that comes at once, and the CPU seconds for all of them."""
    with ThreadPoolExecutor(CROWD) as threads:
        list(threads.map(lambda _: _time_rounds(connectors, 1), range(CROWD)))
        cpu_started = time.process_time()
        rounds = list(threads.map(lambda _: _time_rounds(connectors, 1)[0][0], range(CROWD)))
        return rounds, time.process_time() - cpu_started


def _in_microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs"


if __name__ == "__main__":
    for line in run():
        print(*line, sep=" | ")
