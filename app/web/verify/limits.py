"""How often verification may be asked. An address may be a whole campus, so true codes are counted one by
one and only what proves nothing is counted by address: nobody's typing keeps others from scanning. Signed-in
guards and clerks are counted by person in everything: no stranger's doing keeps them from it.

In a shared storage counts are kept under keyed hashes: neither an address nor a code stands there or in a
log. When it is down nothing is limited: a code of 80 bits holds without a limit, and verifying must go on.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import time
from functools import lru_cache

from flask import g, request
from flask_babel import gettext
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage

from app.domain.person import Person
from app.extensions import limiter
from app.web.shell import get_installation
from app.web.verify.window_counts import WindowCounts

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
