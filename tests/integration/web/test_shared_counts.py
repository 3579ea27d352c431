"""Counts in a storage that is shared, while it answers and while it does not."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from limits import parse
from limits.errors import ConfigurationError

from app.web import limits
from app.web.limits import LimitCounts, connect_storage, get_prefix

LIMIT = parse("3 per minute")


@pytest.fixture
def silent_redis() -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def test_beside_a_silent_storage_the_process_counts_for_itself_and_soon(silent_redis: str) -> None:
    counts = LimitCounts(connect_storage(silent_redis))
    began = time.monotonic()

    assert [counts.ask("hit", LIMIT, "a") for _ in range(5)] == [True, True, True, False, False]
    assert counts.ask("get_window_stats", LIMIT, "a").reset_time > time.time() + 50
    assert time.monotonic() - began < 2 * limits.REDIS_TIMEOUT_SECONDS


def test_without_the_pause_every_question_waits_for_a_silent_storage(
    silent_redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PAUSE_SECONDS", 0.0)
    counts = LimitCounts(connect_storage(silent_redis))
    began = time.monotonic()

    assert [counts.ask("hit", LIMIT, "a") for _ in range(5)] == [True, True, True, False, False]
    assert time.monotonic() - began >= 5 * limits.REDIS_TIMEOUT_SECONDS


def test_a_storage_that_answers_again_is_asked_again(
    silent_redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PAUSE_SECONDS", 0.0)
    counts = LimitCounts(connect_storage(silent_redis))
    assert [counts.ask("hit", LIMIT, "a") for _ in range(4)][-1] is False

    monkeypatch.setattr(counts, "_shared", limits.WindowCounts())

    assert counts.ask("hit", LIMIT, "a")


def test_a_storage_of_no_kind_is_refused_and_memory_is_none() -> None:
    assert connect_storage("memory://") is None
    with pytest.raises(ConfigurationError):
        connect_storage("nothing://host")


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_an_ipv6_network_is_one_address(address: str, prefix: str) -> None:
    assert get_prefix(address) == prefix
