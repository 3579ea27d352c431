"""A value fetched over the network when first needed, and kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from app.identity.base import SignInFault, SignInUnavailable

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """Kept for `lifetime` seconds, and longer while it cannot be fetched again. After a failure nobody asks
    again for `pause` seconds. One thread fetches; the others wait for it.
    """

    def __init__(self, lifetime: float, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lifetime = lifetime
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._value: Value | None = None
        self._failure: SignInFault | None = None
        self._fetched_at = self._tried_at = float("-inf")

    def get(self, fetch: Callable[[], Value]) -> Value:
        """Return the value. Raises what `fetch` raises if there is none."""
        with self._lock:
            if self._value is not None and self._clock() < self._fetched_at + self._lifetime:
                return self._value
            return self._try(fetch)

    def get_newer(self, fetch: Callable[[], Value], at_most_every: float) -> Value:
        """Return the value, fetched again unless that was done in the last `at_most_every` seconds."""
        with self._lock:
            if self._value is not None and self._clock() < self._tried_at + at_most_every:
                return self._value
            return self._try(fetch)

    def _try(self, fetch: Callable[[], Value]) -> Value:
        if self._failure is None or self._clock() >= self._tried_at + self._pause:
            self._fetch(fetch)
        if self._value is not None:
            return self._value
        raise self._repeat_failure()

    def _repeat_failure(self) -> SignInFault:
        """A fresh exception for each caller: an exception shared by threads would gather their tracebacks."""
        failure = self._failure or SignInUnavailable("unreachable")
        return type(failure)(failure.reason)

    def _fetch(self, fetch: Callable[[], Value]) -> None:
        try:
            self._value, self._failure = fetch(), None
            self._fetched_at = self._clock()
        except SignInFault as failure:
            self._failure = failure
        self._tried_at = self._clock()
