"""Threads that look for rows at the same time share one statement.

While one asks the database, those who come meanwhile gather; one of them then asks for all. Each statement that is
left out spares the interpreter's lock a few hand-overs, which under a crowd cost more than the statement. Nobody gets
what was read before he asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key")
Row = TypeVar("Row")

LOCK_TIMEOUT_SECONDS = 0.5
"""How long a gathering waits for the one before it: a silent database must not hold them up one after another."""


class _Gathering(Generic[Key, Row]):
    """Keys that are asked for together, and what came of it."""

    __slots__ = ("_done", "error", "keys", "rows")

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.rows: Mapping[Key, Row] = {}
        self.error: BaseException | None = None
        self._done = threading.Lock()
        self._done.acquire()

    def end(self) -> None:
        """Let those who wait go on."""
        self._done.release()

    def wait(self) -> None:
        """Wait for the end; each who has waited lets the next one go."""
        self._done.acquire()
        self._done.release()


class SharedReads(Generic[Key, Row]):
    """The line of those who look for rows of one kind in one database."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._turn = threading.Lock()
        self._gathering: _Gathering[Key, Row] = _Gathering()

    def find(self, key: Key, read: Callable[[Sequence[Key]], Mapping[Key, Row]]) -> Row | None:
        """The row of this key, read after this call began. `read` gives the rows of some keys, leaving out keys
        without one, and may be asked for others' keys too. Raises what it raised, to all who shared it.
        """
        with self._guard:
            gathering = self._gathering
            gathering.keys.append(key)
            is_first = len(gathering.keys) == 1
        if is_first:
            self._read_for_all(gathering, read)
        else:
            gathering.wait()
        if gathering.error is not None:
            raise gathering.error
        return gathering.rows.get(key)

    def _read_for_all(
        self, gathering: _Gathering[Key, Row], read: Callable[[Sequence[Key]], Mapping[Key, Row]]
    ) -> None:
        has_turn = self._turn.acquire(timeout=LOCK_TIMEOUT_SECONDS)
        try:
            with self._guard:
                self._gathering = _Gathering()
            gathering.rows = read(gathering.keys)
        except BaseException as error:  # noqa: BLE001 - nobody may take a failure for a missing row
            gathering.error = error
        finally:
            if has_turn:
                self._turn.release()
            gathering.end()
