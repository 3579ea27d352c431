"""Counts in a storage that is shared, while it answers and while it does not."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from limits import parse
from limits.errors import ConfigurationError

from app import limit_counts
from app.limit_counts import (
    STORAGE_FAULTS,
    LimitCounts,
    connect_storage,
    find_storage_fault,
    warn_of_storage_fault,
)
from app.web.limits import get_prefix
from tests.fixtures.metrics_text import read_own
from tests.fixtures.odd_storages import (
    BEHAVIOURS,
    Behave,
    OddStorage,
    be_silent,
    drip,
    full,
    hang_up,
    odd_storage,
    real_redis,
    refusing,
    unresolved,
    welcome_then_be_silent,
)

LIMIT = parse("3 per minute")
THREE_OF_FIVE = [True, True, True, False, False]
LINE = "limits are counted by this process alone"

MakeStorage = Callable[[Path], AbstractContextManager[OddStorage]]
USELESS: dict[str, MakeStorage] = {
    **{name: lambda _, behave=behave: odd_storage(behave) for name, behave in BEHAVIOURS.items()},
    "refuses": lambda _: refusing(),
    "takes no connection": lambda _: full(),
    "a name of no host": lambda _: unresolved(),
    "TLS: accepts and never answers": lambda _: odd_storage(be_silent, "rediss"),
    "TLS: drips": lambda _: odd_storage(drip, "rediss"),
    "TLS: refuses": lambda _: refusing("rediss"),
    "TLS: a certificate that nobody vouches for": lambda folder: real_redis(folder, tls=True),
    "wants a password": lambda folder: real_redis(folder, "--requirepass", "secret"),
    "is read-only": lambda folder: real_redis(folder, "--replicaof", "127.0.0.1", "9"),
    "has no memory left": lambda folder: real_redis(folder, "--maxmemory", "1"),
}


@pytest.fixture(params=USELESS)
def useless(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OddStorage]:
    """A storage in which nothing can be counted."""
    with USELESS[request.param](tmp_path) as storage:
        yield storage


def connect(storage: OddStorage, now: list[float] | None = None) -> LimitCounts:
    """Counts in this storage, by a clock that stands unless a test moves it."""
    clock = now or [1000.0]
    return LimitCounts(connect_storage(storage.url), lambda: clock[0])


def hit(counts: LimitCounts, times: int = 5, key: str = "a") -> list[bool]:
    return [counts.ask("hit", LIMIT, key) for _ in range(times)]


def count_lines(caplog: pytest.LogCaptureFixture) -> int:
    assert all(record.exc_info is None for record in caplog.records), "a stack trace"
    return sum(record.getMessage() == LINE for record in caplog.records)


def test_beside_a_useless_storage_the_process_counts_for_itself_and_asks_once(
    useless: OddStorage, caplog: pytest.LogCaptureFixture
) -> None:
    counts = connect(useless)
    assert hit(counts) == THREE_OF_FIVE
    assert not counts.ask("test", LIMIT, "a")
    assert counts.ask("get_window_stats", LIMIT, "a").remaining == 0
    assert useless.connections <= 1
    assert useless.asked <= 1
    assert count_lines(caplog) == 1


def test_a_useless_storage_is_told_at_the_start_without_a_secret(
    useless: OddStorage, caplog: pytest.LogCaptureFixture
) -> None:
    url = useless.url.replace("//", "//:pass-word@")
    warn_of_storage_fault(url)
    (record,) = caplog.records
    assert record.getMessage() == "rate_limit.storage_url cannot be used"
    assert record.exc_info is None
    assert "pass-word" not in str(vars(record))


@pytest.mark.parametrize("tls", [False, True])
def test_a_storage_that_works_counts_and_nothing_is_told(
    tls: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The control."""
    with real_redis(tmp_path, tls=tls) as storage:
        query = f"?ssl_ca_certs={tmp_path}/fullchain.pem" if tls else ""
        url = storage.url + query
        one, other = LimitCounts(connect_storage(url)), LimitCounts(connect_storage(url))
        assert hit(one, 2) + hit(other, 2) == [True, True, True, False]
        assert not other.ask("test", LIMIT, "a")
        assert find_storage_fault(url) is None
    assert not caplog.records


def test_a_storage_whose_certificate_nobody_vouches_for_is_not_used(tmp_path: Path) -> None:
    with real_redis(tmp_path, tls=True) as storage:
        assert "certificate" in (find_storage_fault(storage.url) or "")


def test_without_the_pause_every_question_reaches_a_useless_storage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control."""
    monkeypatch.setattr(limit_counts, "PAUSE_SECONDS", 0.0)
    with odd_storage(be_silent) as storage:
        assert hit(connect(storage)) == THREE_OF_FIVE
        assert storage.connections == 5


def ask_together(counts: LimitCounts, threads: int = 32) -> list[bool]:
    """Hits of so many threads that begin at one moment."""
    begin = threading.Barrier(threads)

    def ask(_: int) -> bool:
        begin.wait()
        answer: bool = counts.ask("hit", LIMIT, "a")
        return answer

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(ask, range(threads)))


def test_of_many_requests_at_the_end_of_a_pause_one_asks() -> None:
    now = [1000.0]
    with odd_storage(be_silent) as storage:
        counts = connect(storage, now)
        hit(counts)
        for pause in range(3):
            now[0] += limit_counts.PAUSE_SECONDS
            assert not any(ask_together(counts))
            assert storage.connections == 2 + pause


def test_without_that_rule_they_would_all_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    monkeypatch.setattr(LimitCounts, "_may_ask_shared", lambda _: True)
    with odd_storage(be_silent) as storage:
        counts = connect(storage)
        hit(counts, 1)
        ask_together(counts)
        assert storage.connections > 2


def test_a_storage_that_stays_away_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = [1000.0]
    with refusing() as storage:
        counts = connect(storage, now)
        for _ in range(10 * 60):
            counts.ask("hit", LIMIT, "a")
            now[0] += 1.0
    assert count_lines(caplog) == 10


def test_a_storage_that_comes_and_goes_is_logged_once_a_minute_too(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    with refusing() as away, odd_storage(lambda connection, _: connection.sendall(b":1\r\n")) as there:
        storages = [LimitCounts(connect_storage(one.url))._shared for one in (there, away)]
        counts = connect(away, now)
        for second in range(5 * 60):
            monkeypatch.setattr(counts, "_shared", storages[second // 7 % 2])
            counts.ask("hit", LIMIT, "a")
            now[0] += 1.0
    assert there.asked > 50
    assert count_lines(caplog) == 5


def test_a_storage_that_goes_away_and_comes_back_is_asked_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = [1000.0]
    with real_redis(tmp_path) as storage:
        counts = connect(storage, now)
        assert hit(counts, 2) == [True, True]
    assert hit(counts) == THREE_OF_FIVE
    with real_redis(tmp_path, port=urlsplit(storage.url).port or 0):
        now[0] += limit_counts.PAUSE_SECONDS
        assert hit(counts) == THREE_OF_FIVE
        assert hit(connect(storage), 1) == [False], "another process counts with it again"
    assert count_lines(caplog) == 1


def test_a_storage_that_dripped_for_ever_is_left_and_holds_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit_counts, "THREADS", 2)
    now = [1000.0]
    with odd_storage(drip) as storage:
        counts = connect(storage, now)
        for pauses in range(limit_counts.THREADS + 2):
            counts.ask("hit", LIMIT, "a")
            now[0] += limit_counts.PAUSE_SECONDS
            assert storage.connections == pauses + 1
    with real_redis(tmp_path, port=urlsplit(storage.url).port or 0):
        assert hit(counts, key="b") == THREE_OF_FIVE
        assert hit(connect(storage), 1, key="b") == [False]


@pytest.mark.parametrize(
    ("behave", "kind"), [(be_silent, "silent"), (welcome_then_be_silent, "silent"), (hang_up, "failed")]
)
def test_a_storage_that_does_not_answer_in_time_is_counted_as_silent(behave: Behave, kind: str) -> None:
    """Its client's socket runs out of time before we do, as beside a Redis that was stopped."""
    before = {one: read_own("lixiao_limit_storage_failures_total", kind=one) for one in STORAGE_FAULTS}
    with odd_storage(behave) as storage:
        hit(connect(storage), 1)
    after = {one: read_own("lixiao_limit_storage_failures_total", kind=one) for one in STORAGE_FAULTS}
    assert after == {**before, kind: before[kind] + 1}


def test_a_name_that_takes_for_ever_to_resolve_holds_up_nobody_and_no_exit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A resolver that hangs cannot be had on a host that has a good one."""
    resolved, found = threading.Event(), socket.getaddrinfo
    looks: list[str] = []
    monkeypatch.setattr(limit_counts, "THREADS", 2)

    def resolve(host: str, *rest: object, **named: object) -> object:
        looks.append(host)
        resolved.wait()
        return found("127.0.0.1", *rest, **named)  # type: ignore[arg-type]

    now = [1000.0]
    with odd_storage(lambda connection, _: connection.sendall(b":1\r\n")) as storage:
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        counts = connect(OddStorage(storage.url.replace("127.0.0.1", "redis.campus")), now)
        for _ in range(limit_counts.THREADS + 2):
            assert hit(counts, 1, key=str(now[0])) == [True]
            now[0] += limit_counts.PAUSE_SECONDS
        assert looks == ["redis.campus"] * limit_counts.THREADS
        assert all(thread.daemon for thread in threading.enumerate() if thread.name == "limits")
        resolved.set()
        for _ in range(100):  # the threads that hung come back
            now[0] += limit_counts.PAUSE_SECONDS
            hit(counts, 1)
            if storage.asked:
                break
            time.sleep(0.05)
        assert storage.asked
    assert count_lines(caplog) >= 1


def test_a_forked_child_asks_with_threads_of_its_own(redis_url: str) -> None:
    counts = LimitCounts(connect_storage(redis_url))
    assert hit(counts, 1, key="fork") == [True]
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if hit(counts, 3, key="fork") == [True, True, False] and not counts._is_failing else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert hit(counts, 1, key="fork") == [False]


@pytest.mark.parametrize("url", ["nothing://host", "async+redis://127.0.0.1", "redis://h:port"])
def test_a_storage_of_no_kind_is_refused(url: str) -> None:
    with pytest.raises((ConfigurationError, ValueError)):
        connect_storage(url)


def test_memory_is_no_storage() -> None:
    assert connect_storage("memory://") is None
    assert find_storage_fault("memory://") is None


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
