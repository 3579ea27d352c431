"""Hits are counted by key, in windows that end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from limits import parse

from app import limit_counts
from app.limit_counts import WindowCounts

LIMIT = parse("3 per minute")


def test_so_many_hits_are_within_the_limit_and_other_keys_are_not_touched() -> None:
    counts = WindowCounts()

    assert [counts.hit(LIMIT, "a") for _ in range(5)] == [True, True, True, False, False]
    assert not counts.test(LIMIT, "a")
    assert counts.test(LIMIT, "b")
    assert counts.hit(LIMIT, "b")


def test_asking_counts_nothing() -> None:
    counts = WindowCounts()

    assert all(counts.test(LIMIT, "a") for _ in range(9))


def test_a_window_ends_and_what_ended_is_forgotten() -> None:
    now = [1000.0]
    counts = WindowCounts(lambda: now[0])
    for _ in range(4):
        counts.hit(LIMIT, "a")
    now[0] += 59
    assert not counts.test(LIMIT, "a")
    now[0] += 2
    assert counts.test(LIMIT, "a")
    assert counts.hit(LIMIT, "b")
    assert list(counts._windows) == [(60, "b")]


def test_of_more_windows_than_there_is_room_for_those_near_their_limit_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limit_counts, "MOST_WINDOWS", 100)
    counts = WindowCounts()
    assert [counts.hit(LIMIT, "a") for _ in range(4)][-1] is False
    for number in range(10_000):
        counts.hit(LIMIT, f"stranger {number}")
        assert len(counts._windows) <= 100
    assert not counts.hit(LIMIT, "a")


def test_hits_of_many_threads_are_all_counted() -> None:
    counts = WindowCounts()
    with ThreadPoolExecutor(8) as pool:
        held = list(pool.map(lambda _: counts.hit(parse("100 per hour"), "a"), range(400)))

    assert held.count(True) == 100
