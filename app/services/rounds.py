"""Questions to departments that are under way in this process, so that a reload joins them instead of
asking twice, and an answer that comes after its page was sent is there for the next one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass

from app.connectors.base import Connector
from app.connectors.round import Answer, start_query

KEPT_SECONDS = 5.0
"""From the question on: longer than any deadline, short enough for the page that asks once more."""

Key = tuple[str, str, str]
"""Mini-app, student number, step."""


@dataclass(frozen=True, slots=True)
class _Question:
    future: Future[Answer]
    started_at: float


class RoundBook:
    """The questions under way, and their answers until somebody takes them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._questions: dict[Key, _Question] = {}

    def ask(self, key: Key, connector: Connector, deadline: float) -> None:
        """Ask, unless this very question is under way or its answer waits to be taken."""
        now = time.monotonic()
        with self._lock:
            self._drop_old(now)
            if key not in self._questions:
                future = start_query(connector, key[1], deadline)
                self._questions[key] = _Question(future, now)

    def take(self, keys: Iterable[Key], seconds: float) -> dict[Key, Answer]:
        """Wait at most `seconds` for the answers to these questions; those that are there are taken."""
        with self._lock:
            wanted = {key: self._questions[key].future for key in keys if key in self._questions}
        wait(wanted.values(), timeout=seconds)
        done = {key: future.result() for key, future in wanted.items() if future.done()}
        with self._lock:
            for key in done:
                self._questions.pop(key, None)
        return done

    def _drop_old(self, now: float) -> None:
        old = [key for key, item in self._questions.items() if now - item.started_at > KEPT_SECONDS]
        for key in old:
            del self._questions[key]
