"""Threads that look for rows at the same time share one statement, and none gets an old answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from app.models import shared_reads
from app.models.shared_reads import SharedReads

WAIT = 20


class Database:
    """Rows of even numbers, each with the count of changes until then; a statement lasts until it is let go."""

    def __init__(self) -> None:
        self.changes = 0
        self.asked: list[list[int]] = []
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)

    def read(self, keys: Sequence[int]) -> Mapping[int, str]:
        """The statement."""
        self.asked.append(sorted(keys))
        found = {key: f"row {key} after {self.changes}" for key in keys if key % 2 == 0}
        self.begun.release()
        assert self.may_end.acquire(timeout=WAIT)
        return found

    def fail(self, keys: Sequence[int]) -> Mapping[int, str]:
        """A statement that comes to nothing."""
        self.read(keys)
        raise ConnectionError("gone")


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(16)


def begin_first(
    reads: SharedReads[int, str], database: Database, threads: ThreadPoolExecutor
) -> Future[str | None]:
    """Let one ask, and come back when its statement runs."""
    first = threads.submit(reads.find, 0, database.read)
    assert database.begun.acquire(timeout=WAIT)
    return first


def wait_until_gathered(reads: SharedReads[int, str], count: int) -> None:
    """Wait until so many have come meanwhile."""
    for _ in range(WAIT * 100):
        if len(reads._gathering.keys) == count:
            return
        threading.Event().wait(0.01)
    raise AssertionError("they did not gather")


def test_those_who_come_while_a_statement_runs_share_the_next_one(
    database: Database, threads: ThreadPoolExecutor
) -> None:
    reads: SharedReads[int, str] = SharedReads()
    first = begin_first(reads, database, threads)
    others = {key: threads.submit(reads.find, key, database.read) for key in (2, 3, 4, 5)}
    wait_until_gathered(reads, 4)
    database.may_end.release(2)
    assert first.result(WAIT) == "row 0 after 0"
    found = {key: other.result(WAIT) for key, other in others.items()}
    assert found == {2: "row 2 after 0", 3: None, 4: "row 4 after 0", 5: None}
    assert database.asked == [[0], [2, 3, 4, 5]]


def test_nobody_gets_what_was_read_before_he_asked(database: Database, threads: ThreadPoolExecutor) -> None:
    assert ask_after_a_change(SharedReads(), database, threads) == "row 0 after 1"


def test_a_line_that_lets_people_join_a_running_statement_gives_old_rows(
    database: Database, threads: ThreadPoolExecutor
) -> None:
    class Careless(SharedReads[int, str]):
        """Whoever asks gets what is being read."""

        running: Future[str | None] | None = None

        def find(self, key: int, read: Callable[[Sequence[int]], Mapping[int, str]]) -> str | None:
            if self.running is None:
                self.running = Future()
                self.running.set_result(super().find(key, read))
            return self.running.result(WAIT)

    assert ask_after_a_change(Careless(), database, threads) == "row 0 after 0"


def ask_after_a_change(
    reads: SharedReads[int, str], database: Database, threads: ThreadPoolExecutor
) -> str | None:
    """What one learns who asks after a row was changed, while a statement from before still runs."""
    first = begin_first(reads, database, threads)
    database.changes += 1
    second = threads.submit(reads.find, 0, database.read)
    database.may_end.release(2)
    assert first.result(WAIT) == "row 0 after 0"
    return second.result(WAIT)


def test_a_failure_is_told_to_everybody_who_shared_it_and_to_nobody_else(
    database: Database, threads: ThreadPoolExecutor
) -> None:
    reads: SharedReads[int, str] = SharedReads()
    first = begin_first(reads, database, threads)
    others = [threads.submit(reads.find, key, database.fail) for key in (2, 4)]
    wait_until_gathered(reads, 2)
    database.may_end.release(3)
    assert first.result(WAIT) == "row 0 after 0"
    for other in others:
        with pytest.raises(ConnectionError):
            other.result(WAIT)
    assert reads.find(6, database.read) == "row 6 after 0"


def test_a_statement_that_does_not_come_back_holds_others_up_for_a_moment_only(
    database: Database, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_reads, "LOCK_TIMEOUT_SECONDS", 0.05)
    reads: SharedReads[int, str] = SharedReads()
    silent = begin_first(reads, database, threads)
    other = Database()
    other.may_end.release()
    assert threads.submit(reads.find, 2, other.read).result(WAIT) == "row 2 after 0"
    assert not silent.done()
    database.may_end.release()
    assert silent.result(WAIT) == "row 0 after 0"
