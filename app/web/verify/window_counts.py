"""Hits in windows of time, counted in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

from limits import RateLimitItem

SWEEP_SECONDS = 60.0


class WindowCounts:
    """Fixed windows, each beginning with its first hit. The memory storage of `limits` counts alike, but
    starts a thread every hundredth of a second to look through all that it holds.
    """

    def __init__(self, get_seconds: Callable[[], float] = time.monotonic) -> None:
        """`get_seconds` is a monotonic clock."""
        self._get_seconds = get_seconds
        self._lock = threading.Lock()
        self._windows: dict[Hashable, tuple[float, int]] = {}
        self._sweep_at = 0.0

    def hit(self, item: RateLimitItem, key: Hashable) -> bool:
        """Count one more, and tell whether it was still within the limit."""
        now = self._get_seconds()
        with self._lock:
            if now >= self._sweep_at:
                self._sweep(now)
            ends_at, hits = self._windows.get(key, (0.0, 0))
            if ends_at <= now:
                ends_at, hits = now + item.get_expiry(), 0
            self._windows[key] = (ends_at, hits + 1)
        return hits < item.amount

    def test(self, item: RateLimitItem, key: Hashable) -> bool:
        """Whether one more would be within the limit."""
        ends_at, hits = self._windows.get(key, (0.0, 0))
        return hits < item.amount or ends_at <= self._get_seconds()

    def get_wait(self, key: Hashable) -> float:
        """In how many seconds the window ends."""
        ends_at, _ = self._windows.get(key, (0.0, 0))
        return max(0.0, ends_at - self._get_seconds())

    def _sweep(self, now: float) -> None:
        self._windows = {key: window for key, window in self._windows.items() if window[0] > now}
        self._sweep_at = now + SWEEP_SECONDS
