"""How often verification may be asked. An address may be a whole campus, so true codes are counted one by
one and only what proves nothing is counted by address: nobody's typing keeps others from scanning. Signed-in
guards and clerks are counted by person in everything: no stranger's doing keeps them from it.

In a shared storage counts are kept under keyed hashes: neither an address nor a code stands there or in a
log. When it is down nothing is limited: a code of 80 bits holds without a limit, and verifying must go on.

Hits in windows of time, counted in this process.

How often one person may have departments asked. An address may be a whole dormitory, so it is the person who is
counted, on every page that asks: beyond the limit a page shows what was kept, and a form says when to come again.

Looking, acting and submitting are counted apart: nobody who looked a lot is kept from submitting.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import threading
import time
from collections.abc import Callable, Hashable
from enum import StrEnum
from functools import lru_cache

from flask import g, request
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage

from app.domain.errors import AskedTooOften
from app.domain.person import Person
from app.extensions import limiter
from app.web.language import gettext
from app.web.page_context import get_installation

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


log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 60

_own_counts = WindowCounts()


def count(limit: str, *parts: str, times: int = 1) -> bool:
    """Count one more of `parts`, which name what is counted, and tell whether it was still within the
    limit, `times` as wide. If not, `get_retry_after` tells when it will be.
    """
    return _is_within("hit", _parse(limit, times), parts)


def has_room(limit: str, *parts: str) -> bool:
    """Whether one more would be within the limit; counts nothing. If not, `get_retry_after` tells when it will be."""
    return _is_within("test", _parse(limit, 1), parts)


def get_retry_after() -> int:
    """In how many seconds it is possible again, what a limit of this request refused."""
    return max(1, math.ceil(float(g.get("retry_after", RETRY_AFTER_SECONDS))))


def describe_wait(seconds: int) -> str:
    """A time to wait, in words."""
    if seconds < 2 * 60:
        return str(gettext("%(count)s 秒", count=seconds))
    return str(gettext("%(count)s 分钟", count=math.ceil(seconds / 60)))


def get_counted(staff: Person | None) -> str:
    """Who is counted: a signed-in guard or clerk as the person, everybody else by address."""
    return f"person {staff.number}" if staff else get_address()


def get_address() -> str:
    """Where the request comes from."""
    return request.remote_addr or ""


@lru_cache(maxsize=64)
def _parse(limit: str, times: int) -> tuple[RateLimitItem, ...]:
    return tuple(type(item)(item.amount * times, item.multiples) for item in parse_many(limit))


def _is_within(question: str, items: tuple[RateLimitItem, ...], parts: tuple[str, ...]) -> bool:
    refused = [item for item in items if not _ask(question, item, parts)]
    if refused:
        g.retry_after = max(g.get("retry_after", 0), *(_get_wait(item, parts) for item in refused))
    return not refused


def _get_wait(item: RateLimitItem, parts: tuple[str, ...]) -> float:
    strategy = limiter.limiter
    if isinstance(strategy.storage, MemoryStorage):
        return _own_counts.get_wait((item.get_expiry(), *parts))
    try:
        return float(strategy.get_window_stats(item, _hash(parts)).reset_time) - time.time()
    except strategy.storage.base_exceptions:
        return item.get_expiry()


def _ask(question: str, item: RateLimitItem, parts: tuple[str, ...]) -> bool:
    strategy = limiter.limiter
    if isinstance(strategy.storage, MemoryStorage):
        return bool(getattr(_own_counts, question)(item, (item.get_expiry(), *parts)))
    try:
        return bool(getattr(strategy, question)(item, _hash(parts)))
    except strategy.storage.base_exceptions:
        log.warning("limits cannot be counted", exc_info=True)
        return True


def _hash(parts: tuple[str, ...]) -> str:
    key = get_installation().settings.service.secret_key.encode()
    return hmac.new(key, "\0".join(parts).encode(), hashlib.sha256).hexdigest()[:32]


class Kind(StrEnum):
    """What departments are asked for."""

    LOOK = "look"
    ACT = "act"
    SUBMIT = "submit"


class LiveQueries:
    """The questions of one request."""

    def __init__(self, person: Person, kind: Kind = Kind.LOOK) -> None:
        self._person = person
        self._kind = kind
        self._is_refused = False

    def may_ask(self) -> bool:
        """Count one more, and tell whether it is within the limit."""
        limit = get_installation().settings.rate_limit.refresh
        self._is_refused = not count(limit, "live", self._kind, f"person {self._person.number}")
        return not self._is_refused

    def require(self) -> None:
        """Count one more. Raises AskedTooOften beyond the limit."""
        if not self.may_ask():
            raise AskedTooOften(get_retry_after())

    @property
    def wait(self) -> str:
        """After a refusal: in how long departments may be asked again, in words; else nothing."""
        return describe_wait(get_retry_after()) if self._is_refused else ""
