"""How often something may be asked: by a person, by an address prefix, or by everybody together.

An address may be a whole campus, so in verification true codes are counted one by one and only what proves nothing is
counted by address: nobody's typing keeps others from scanning. Signed-in guards and clerks are counted by person in
everything: no stranger's doing keeps them from it.

Departments are asked for one person at a time, and it is the person who is counted, on every page that asks: beyond
the limit a page shows what was kept, and a form says when to come again. Looking, acting and submitting are counted
apart: nobody who looked a lot is kept from submitting.

Counts are kept under keyed hashes: neither an address nor a code stands in a shared storage or in a log.
"""

from __future__ import annotations

import hmac
import logging
import math
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv6Network, ip_address
from typing import Any, Literal, cast

from flask import Flask, current_app, g, request
from limits import RateLimitItem, WindowStats, parse_many
from limits.errors import StorageError
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from app.domain.errors import AskedTooOften
from app.domain.person import Person
from app.services.installation import Installation
from app.web.language import gettext
from app.web.page_context import get_installation

RETRY_AFTER_SECONDS = 60
SWEEP_SECONDS = 60.0
REDIS_TIMEOUT_SECONDS = 0.2
PAUSE_SECONDS = 5.0
"""For so long a storage that failed is not asked again: one that is silent must not hold up every request."""
IPV6_PREFIX = 64
"""Bits of an IPv6 address that one network shares; who has one has all addresses behind it (RFC 4291, 2.5.1)."""

log = logging.getLogger(__name__)

Question = Literal["hit", "test", "get_window_stats"]
"""What the strategies of `limits` are asked: to count one more, whether there is room for one, and when a window ends."""


class WindowCounts:
    """The counts of this process, in fixed windows that each begin with their first hit.

    The memory storage of `limits` counts alike, but starts a thread every hundredth of a second to look through all
    that it holds: with 10,000 keys that is 230 µs of CPU a hit, where this takes 4.
    """

    def __init__(self, get_seconds: Callable[[], float] = time.monotonic) -> None:
        """`get_seconds` is a monotonic clock."""
        self._get_seconds = get_seconds
        self._lock = threading.Lock()
        self._windows: dict[tuple[int, str], tuple[float, int]] = {}
        self._sweep_at = 0.0

    def hit(self, item: RateLimitItem, key: str) -> bool:
        """Count one more, and tell whether it was still within the limit."""
        now, window = self._get_seconds(), (item.get_expiry(), key)
        with self._lock:
            if now >= self._sweep_at:
                self._sweep(now)
            ends_at, hits = self._windows.get(window, (0.0, 0))
            if ends_at <= now:
                ends_at, hits = now + item.get_expiry(), 0
            self._windows[window] = (ends_at, hits + 1)
        return hits < item.amount

    def test(self, item: RateLimitItem, key: str) -> bool:
        """Whether one more would be within the limit."""
        return self.get_window_stats(item, key).remaining > 0

    def get_window_stats(self, item: RateLimitItem, key: str) -> WindowStats:
        """When the window ends (Unix time), and how many hits it has left."""
        ends_at, hits = self._windows.get((item.get_expiry(), key), (0.0, 0))
        seconds = max(0.0, ends_at - self._get_seconds())
        return WindowStats(time.time() + seconds, max(0, item.amount - hits) if seconds else item.amount)

    def _sweep(self, now: float) -> None:
        self._windows = {key: window for key, window in self._windows.items() if window[0] > now}
        self._sweep_at = now + SWEEP_SECONDS


def connect_storage(url: str) -> Storage | None:
    """The storage that several processes share, or None for `memory://`; nothing is sent yet. Raises
    ConfigurationError or ValueError for an address that names none.
    """
    if url.partition(":")[0] in ("", "memory"):
        return None
    options: dict[str, Any] = {}
    if url.startswith(("redis://", "rediss://")):
        # Its client would else try again three times, with seconds between.
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        options = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), REDIS_TIMEOUT_SECONDS)
        options["retry"] = Retry(NoBackoff(), 0)
    return cast("Storage", storage_from_string(url, wrap_exceptions=True, **options))


class LimitCounts:
    """The counts that limits go by: those of the shared storage, and while it fails, or where there is none, those of
    this process.
    """

    def __init__(self, storage: Storage | None) -> None:
        self._own = WindowCounts()
        self._shared = FixedWindowRateLimiter(storage) if storage else None
        self._paused_until = 0.0

    def ask(self, question: Question, item: RateLimitItem, key: str) -> Any:
        """The answer of the shared counts, or of this process's own."""
        if self._shared is not None and time.monotonic() >= self._paused_until:
            try:
                return getattr(self._shared, question)(item, key)
            except StorageError as error:
                self._paused_until = time.monotonic() + PAUSE_SECONDS
                reason = type(error.storage_error).__name__
                log.warning("limits are counted by this process alone", extra={"error": reason})
        return getattr(self._own, question)(item, key)


def register_limits(app: Flask) -> None:
    """Give the application its counts."""
    installation: Installation = app.extensions["installation"]
    storage = connect_storage(installation.settings.rate_limit.storage_url)
    app.extensions["limits"] = LimitCounts(storage)


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
    """Who is counted: a signed-in guard or clerk as the person, everybody else by the prefix of the address."""
    return f"person {staff.number}" if staff else get_prefix(get_address())


def get_address() -> str:
    """Where the request comes from."""
    return request.remote_addr or ""


@lru_cache(maxsize=1024)
def get_prefix(address: str) -> str:
    """An IPv4 address as it is, of an IPv6 address its network: who has one of those has billions."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if ip.version == 4 or ip.ipv4_mapped:
        return str(ip if ip.version == 4 else ip.ipv4_mapped)
    return str(IPv6Network((int(ip), IPV6_PREFIX), strict=False))


@lru_cache(maxsize=64)
def _parse(limit: str, times: int) -> tuple[RateLimitItem, ...]:
    return tuple(type(item)(item.amount * times, item.multiples) for item in parse_many(limit))


def _is_within(question: Question, items: tuple[RateLimitItem, ...], parts: tuple[str, ...]) -> bool:
    counts = cast("LimitCounts", current_app.extensions["limits"])
    key = _hash(parts)
    refused = [item for item in items if not counts.ask(question, item, key)]
    for item in refused:
        wait = counts.ask("get_window_stats", item, key).reset_time - time.time()
        g.retry_after = max(g.get("retry_after", 0), wait)
    return not refused


def _hash(parts: tuple[str, ...]) -> str:
    key = get_installation().settings.service.secret_key.encode()
    return hmac.digest(key, "\0".join(parts).encode(), "sha256")[:16].hex()


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
