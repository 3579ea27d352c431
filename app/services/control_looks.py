"""Looks at control students, shared: everybody whose question came before a look began may rest on it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial

MOST_AT_ONCE = 2
"""Looks of one step under way at a time: a crowd of submissions asks a department little more than one does."""


class Outcome(StrEnum):
    """What a look came to. One wrong answer suffices for WRONG; UNPROVEN: an answer is missing, and none is wrong."""

    AGREED = "agreed"
    WRONG = "wrong"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a step's control students. `began` is monotonic seconds, `ended_at` UTC; `wrong` says what was
    wrong: "passes", or the facts that kept nobody from passing.
    """

    outcome: Outcome
    began: float
    ended_at: datetime
    wrong: tuple[str, ...] = ()


Ask = Callable[[Callable[[Look], None]], None]
"""Asks the control students of a step, and hands over the look, from any thread, when it has ended."""


@dataclass(slots=True, eq=False)
class _Line:
    """One step's looks."""

    under_way: int = 0
    waiting: Future[Look] | None = None
    latest: Look | None = None


class LookBook:
    """The looks of a mini-app's steps."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Know nothing: a forked child has its parent's looks, and none of its threads."""
        self._lock = threading.Lock()
        self._lines: dict[str, _Line] = {}

    def get_latest(self, step_key: str) -> Look | None:
        """The newest look that has ended."""
        line = self._lines.get(step_key)
        return line.latest if line else None

    def begin(self, step_key: str, ask: Ask) -> Future[Look]:
        """A look that begins now, or as soon as one of those under way ends: never one that has begun already,
        which would prove nothing of an answer that came meanwhile.
        """
        with self._lock:
            line = self._lines.setdefault(step_key, _Line())
            if line.waiting is not None:
                return line.waiting
            future: Future[Look] = Future()
            if line.under_way >= MOST_AT_ONCE:
                line.waiting = future
                return future
            line.under_way += 1
        ask(partial(self._end, line, future, ask))
        return future

    def _end(self, line: _Line, future: Future[Look], ask: Ask, look: Look) -> None:
        with self._lock:
            if line.latest is None or look.began >= line.latest.began:
                line.latest = look
            following, line.waiting = line.waiting, None
            if following is None:
                line.under_way -= 1
        future.set_result(look)
        if following is not None:
            ask(partial(self._end, line, following, ask))
