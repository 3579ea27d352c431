"""Values that are fetched once and kept."""

from __future__ import annotations

import threading

import pytest

from app.identity.base import SignInUnavailable
from app.identity.oidc import Remembered


class Source:
    """Something to fetch that counts its visitors and can be down."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.visits = 0
        self.is_down = False
        self.kept: Remembered[int] = Remembered(60, 2, clock=lambda: self.now)

    def fetch(self) -> int:
        self.visits += 1
        if self.is_down:
            raise SignInUnavailable("unreachable")
        return self.visits


def test_a_value_is_fetched_once_in_its_lifetime() -> None:
    source = Source()
    assert [source.kept.get(source.fetch) for _ in range(3)] == [1, 1, 1]
    source.now += 61
    assert source.kept.get(source.fetch) == 2


def test_an_old_value_serves_while_the_source_is_down() -> None:
    source = Source()
    source.kept.get(source.fetch)
    source.now += 61
    source.is_down = True
    assert source.kept.get(source.fetch) == 1
    source.is_down = False
    source.now += 3
    assert source.kept.get(source.fetch) == 3


def test_after_a_failure_nobody_asks_again_for_a_while() -> None:
    source = Source()
    source.is_down = True
    for _ in range(5):
        with pytest.raises(SignInUnavailable, match="unreachable"):
            source.kept.get(source.fetch)
    assert source.visits == 1
    source.is_down = False
    source.now += 2
    assert source.kept.get(source.fetch) == 2


def test_asking_for_something_newer_is_rate_limited() -> None:
    source = Source()
    source.kept.get(source.fetch)
    source.now += 31
    assert [source.kept.get_newer(source.fetch, 30) for _ in range(50)] == [2] * 50


def test_many_threads_at_once_fetch_once() -> None:
    source = Source()
    threads = [threading.Thread(target=source.kept.get, args=(source.fetch,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert source.visits == 1
