"""Looks at canary students, shared, and the steps that are suspended for what they found.

Everybody whose question came before a look began may rest on it. A wrong look suspends its step until looks have
been right for a stated time without a wrong one: a view that is right now and then would be trusted now and then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial

SUSPEND_SECONDS = 60.0
OUT_OF_DATE_SECONDS = 10.0
"""A wrong look that began so long before the newest one tells nothing; a right one does not as soon as it is older."""
MOST_AT_ONCE = 2
"""Looks of one step under way at a time: a crowd of submissions asks a department little more than one does."""


class Outcome(StrEnum):
    """What a look came to. One wrong answer suffices for WRONG; UNPROVEN: an answer is missing, and none is wrong."""

    AGREED = "agreed"
    WRONG = "wrong"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a step's canary students. `began` is monotonic seconds, `ended_at` UTC; `wrong` says what was
    wrong: "passes", the facts that kept nobody from passing, or that two answers about a student differ.
    """

    outcome: Outcome
    began: float
    ended_at: datetime
    wrong: tuple[str, ...] = ()


Ask = Callable[[Callable[[Look], None]], None]
"""Asks the canary students of a step, and hands over the look, from any thread, when it has ended."""


@dataclass(slots=True, eq=False)
class _Line:
    """One step's looks."""

    under_way: int = 0
    waiting: Future[Look] | None = None
    newest: Future[Look] | None = None
    newest_began: float = 0.0
    latest: Look | None = None
    right_since: float | None = None

    def start(self, future: Future[Look]) -> None:
        """Note that this look begins now."""
        self.newest, self.newest_began = future, time.monotonic()


class Change(StrEnum):
    """What a look changed for its step."""

    NONE = "none"
    SUSPENDED = "suspended"
    LIFTED = "lifted"


class LookBook:
    """The looks of a mini-app's steps. `suspended` holds the steps that are, and since when; `when_suspended` is
    called for each that becomes so.
    """

    def __init__(self, suspend_seconds: float = SUSPEND_SECONDS) -> None:
        self.suspend_seconds = suspend_seconds
        self.when_suspended: Callable[[], object] = bool
        self.suspended: dict[str, datetime] = {}
        self.forget()

    def forget(self) -> None:
        """Know nothing: a forked child has its parent's looks, and none of its threads."""
        self._lock = threading.Lock()  # a look ends in the loop's thread while requests begin others
        self._lines: dict[str, _Line] = {}
        self.suspended.clear()

    def get_latest(self, step_key: str) -> Look | None:
        """The newest look that has ended."""
        line = self._lines.get(step_key)
        return line.latest if line else None

    def weigh(self, step_key: str, look: Look) -> Change:
        """Suspend the step for a wrong look; lift that after right ones for long enough. What is out of date or
        unproven changes nothing.
        """
        with self._lock:
            line = self._lines.setdefault(step_key, _Line())
            age = line.latest.began - look.began if line.latest else 0.0
            if age <= 0:
                line.latest = look
            if look.outcome is Outcome.WRONG and age <= OUT_OF_DATE_SECONDS:
                return self._suspend(step_key, line, look)
            if look.outcome is Outcome.AGREED and age <= 0 and step_key in self.suspended:
                return self._weigh_right(step_key, line, look)
        return Change.NONE

    def _suspend(self, step_key: str, line: _Line, look: Look) -> Change:
        line.right_since = None
        if step_key in self.suspended:
            return Change.NONE
        self.suspended[step_key] = look.ended_at
        return Change.SUSPENDED

    def _weigh_right(self, step_key: str, line: _Line, look: Look) -> Change:
        if line.right_since is None:
            line.right_since = look.began
        if look.began - line.right_since < self.suspend_seconds:
            return Change.NONE
        line.right_since = None
        del self.suspended[step_key]
        return Change.LIFTED

    def rest_on(self, step_key: str, ask: Ask, seconds: float) -> Future[Look]:
        """The latest look if it was right, or one under way, that began within these seconds; otherwise a new one."""
        earliest = time.monotonic() - seconds
        with self._lock:
            line = self._lines.setdefault(step_key, _Line())
            latest, newest = line.latest, line.newest
            if latest is not None and latest.outcome is Outcome.AGREED and latest.began > earliest:
                known: Future[Look] = Future()
                known.set_result(latest)
                return known
            if newest is not None and not newest.done() and line.newest_began > earliest:
                return newest
        return self.begin(step_key, ask)

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
            line.start(future)
        ask(partial(self._end, line, future, ask))
        return future

    def _end(self, line: _Line, future: Future[Look], ask: Ask, look: Look) -> None:
        with self._lock:
            following, line.waiting = line.waiting, None
            if following is None:
                line.under_way -= 1
            else:
                line.start(following)
        future.set_result(look)
        if following is not None:
            ask(partial(self._end, line, following, ask))
