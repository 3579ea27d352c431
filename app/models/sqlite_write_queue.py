"""Writers of one SQLite file wait in line, instead of asking it again and again as SQLite's own busy handler does.

Threads wait for a lock of their process; the foremost of each process then looks for a lock on a file beside the
database. The kernel frees that one when its holder dies.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError

from app import metrics

QUEUE = "database_writers"
LOOK_AGAIN_SECONDS = 0.0005
SUFFIX = "-line"


class FairLock:
    """A lock that threads get in the order in which they came: a plain one goes to whoever is awake, and leaves
    some of a crowd waiting for seconds.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Lock] = deque()

    def acquire(self, ends_at: float) -> bool:
        """Wait for the turn until then; False when it did not come."""
        turn = threading.Lock()
        turn.acquire()
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return True
            self._waiting.append(turn)
        if turn.acquire(timeout=max(0.0, ends_at - time.monotonic())):
            return True
        with self._guard:
            if turn not in self._waiting:
                return True  # it came just now
            self._waiting.remove(turn)
            return False

    def release(self) -> None:
        """Let the next one have it."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


class SqliteWriteQueue:
    """The line of this process at the database file of this path."""

    def __init__(self, database: str) -> None:
        self._path = database + SUFFIX
        self._foremost = FairLock()

    @contextmanager
    def wait(self, ends_at: float) -> Iterator[None]:
        """Have the turn inside the block. `ends_at` is of the monotonic clock.

        Raises OperationalError when it has passed, or when there can be no file beside the database.
        """
        file = self._come_to_the_front(ends_at)
        try:
            yield
        finally:
            _leave(file)
            self._foremost.release()

    def _come_to_the_front(self, ends_at: float) -> int:
        with metrics.queue_length.labels(QUEUE).track_inprogress():
            if not self._foremost.acquire(ends_at):
                raise _make_error(TimeoutError("the line of writers is too long"))
            try:
                return _lock(self._path, ends_at)
            except OSError as error:
                self._foremost.release()
                raise _make_error(error) from error


def _lock(path: str, ends_at: float) -> int:
    # Opened each time: two processes that share an open file by a fork would lock it as if they were one.
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if not isinstance(error, BlockingIOError) or time.monotonic() >= ends_at:
                os.close(file)
                raise
            time.sleep(LOOK_AGAIN_SECONDS)
        else:
            return file


def _leave(file: int) -> None:
    fcntl.flock(file, fcntl.LOCK_UN)  # for a forked child too, which may still have the file open
    os.close(file)


def _make_error(reason: OSError) -> OperationalError:
    metrics.database_errors.labels(
        "locked" if isinstance(reason, TimeoutError | BlockingIOError) else "other"
    ).inc()
    return OperationalError("BEGIN IMMEDIATE", None, sqlite3.OperationalError(str(reason)))


_lines: dict[str, SqliteWriteQueue] = {}
# A child's threads are not in line, whatever its parent's were.
os.register_at_fork(after_in_child=_lines.clear)


def get_line(database: str) -> SqliteWriteQueue:
    """This process's line at the database file of this path."""
    return _lines.setdefault(database, SqliteWriteQueue(database))
