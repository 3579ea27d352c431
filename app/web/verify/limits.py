"""How often verification may be asked. An address may be a whole campus, so true codes are counted one by
one and only what proves nothing is counted by address: nobody's typing keeps others from scanning.

In a shared storage counts are kept under keyed hashes: neither an address nor a code stands there or in a
log. When it is down nothing is limited: a code of 80 bits holds without a limit, and verifying must go on.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from functools import lru_cache

from flask import request
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage

from app.extensions import limiter
from app.web.shell import get_installation
from app.web.verify.window_counts import WindowCounts

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = "60"

_own_counts = WindowCounts()


def count(limit: str, *parts: str, times: int = 1) -> bool:
    """Count one more of `parts`, which name what is counted, and tell whether it was still within the
    limit, `times` as wide.
    """
    held = [_ask("hit", item, parts) for item in _parse(limit, times)]
    return all(held)


def has_room(limit: str, *parts: str) -> bool:
    """Whether one more would be within the limit; counts nothing."""
    return all(_ask("test", item, parts) for item in _parse(limit, 1))


def get_address() -> str:
    """Where the request comes from."""
    return request.remote_addr or ""


@lru_cache(maxsize=64)
def _parse(limit: str, times: int) -> tuple[RateLimitItem, ...]:
    return tuple(type(item)(item.amount * times, item.multiples) for item in parse_many(limit))


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
