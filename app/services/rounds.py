"""Questions to departments that are under way in this process, so that a reload joins them instead of
asking twice, and an answer that comes after its page was sent is there for the next one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass

from app.connectors.base import Connector
from app.connectors.round import Answer, start_query

KEPT_SECONDS = 5.0
"""How long an answer waits for the page that asks once more. A question is kept until it is answered."""

Key = tuple[str, str, str]
"""Mini-app, student number, step."""


@dataclass(slots=True, eq=False)
class Question:
    """A question to a department; `answered_at` is monotonic seconds. Equal to itself only."""

    key: Key
    future: Future[Answer]
    answered_at: float | None = None

    def __post_init__(self) -> None:
        self.future.add_done_callback(self._note_time)

    def _note_time(self, _future: Future[Answer]) -> None:
        self.answered_at = time.monotonic()

    def is_stale(self, now: float) -> bool:
        """Whether its answer waited too long."""
        return self.answered_at is not None and now - self.answered_at > KEPT_SECONDS


class RoundBook:
    """The questions under way, and their answers until somebody takes them; oldest question first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._questions: dict[Key, Question] = {}

    def __len__(self) -> int:
        return len(self._questions)

    def ask(self, key: Key, connector: Connector, deadline: float) -> Question:
        """Ask, unless this very question is under way or its answer waits to be taken."""
        now = time.monotonic()
        with self._lock:
            self._drop_stale(now)
            question = self._questions.get(key)
            if question is None or question.is_stale(now):
                self._questions.pop(key, None)
                question = self._questions[key] = Question(key, start_query(connector, key[1], deadline))
            return question

    def take(self, questions: Mapping[str, Question], seconds: float) -> dict[str, Answer]:
        """Wait at most `seconds` for the answers to these questions; those that are there are taken. Whoever
        joined a question gets its answer, too; whoever asks afterwards asks anew.
        """
        wait([question.future for question in questions.values()], timeout=seconds)
        done = {name: question for name, question in questions.items() if question.future.done()}
        with self._lock:
            for question in done.values():
                if self._questions.get(question.key) is question:
                    del self._questions[question.key]
        return {name: question.future.result() for name, question in done.items()}

    def _drop_stale(self, now: float) -> None:
        """From the oldest on, as far as they are stale: one under way holds the rest for its deadline only."""
        while self._questions:
            key, question = next(iter(self._questions.items()))
            if not question.is_stale(now):
                return
            del self._questions[key]
