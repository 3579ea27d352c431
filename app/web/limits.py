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
import math
import time
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv6Network, ip_address
from typing import Any, cast

from flask import Flask, current_app, g, request
from limits import RateLimitItem, parse_many

from app.domain.errors import AskedTooOften
from app.domain.person import Person
from app.limit_counts import STORAGE_SECONDS, LimitCounts, Question, connect_storage
from app.services.installation import Installation
from app.web.language import gettext
from app.web.page_context import get_installation

RETRY_AFTER_SECONDS = 60
MOST_ADDRESS = 64
IPV6_PREFIX = 64
"""Bits of an IPv6 address that one network shares; who has one has all addresses behind it (RFC 4291, 2.5.1)."""


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
    """Where the request comes from; no address is longer (RFC 4291, 2.2, with its zone)."""
    return (request.remote_addr or "")[:MOST_ADDRESS]


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
    key = _hash(parts)
    refused = [item for item in items if not _ask(question, item, key)]
    for item in refused:
        wait = _ask("get_window_stats", item, key).reset_time - time.time()
        g.retry_after = max(g.get("retry_after", 0), wait)
    return not refused


def _ask(question: Question, item: RateLimitItem, key: str) -> Any:
    """Ask the counts, within what the request may still wait for them."""
    counts = cast("LimitCounts", current_app.extensions["limits"])
    began, waited = time.monotonic(), g.get("storage_seconds", 0.0)
    answer = counts.ask(question, item, key, STORAGE_SECONDS - waited)
    g.storage_seconds = waited + time.monotonic() - began
    return answer


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
