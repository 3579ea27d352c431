"""What the service adds to the slowest department: one student's clearance page, opened again and again."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

from tests.campus.client import running_campus
from tests.running import running_service
from tests.visitor import APP, Visitor

SLOW_SYSTEM = "finance"
SLOW_MS = 200
MOST_ADDED_MS = 60
PAGES = 25


def run() -> list[tuple[str, str, str]]:
    """What was measured, the figure, and the figure asked for ("-" if none is)."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_campus() as campus,
        running_service(campus, Path(folder)) as service,
    ):
        visitor = service.visit()
        visitor.sign_in("TS23000002")
        quick = _open_pages(visitor)
        campus.set_fault(SLOW_SYSTEM, delay_ms=SLOW_MS)
        slow = _open_pages(visitor)
    added = slow - SLOW_MS
    return [
        ("clearance page p50, departments at once", f"{quick:.0f} ms", "-"),
        (f"... slowest department {SLOW_MS} ms", f"{slow:.0f} ms", f"{SLOW_MS + MOST_ADDED_MS} ms"),
        ("... added by the service", f"{added:.0f} ms", f"{MOST_ADDED_MS} ms"),
    ]


def _open_pages(visitor: Visitor) -> float:
    """The median in milliseconds."""
    times = []
    for _ in range(PAGES):
        begun = time.perf_counter()
        assert visitor.get(f"{APP}/clearance?wait=1").status_code == 200
        times.append((time.perf_counter() - begun) * 1000)
    return median(times)
