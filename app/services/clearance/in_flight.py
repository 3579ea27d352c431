"""Questions to departments that are under way in this process, so that a reload joins them instead of
asking twice, and an answer that comes after its page was sent is there for the next one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, wait
from dataclasses import dataclass

from app.connectors.base import Connector
from app.connectors.client import Answer, start_queries

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


class InFlightQueries:
    """The questions under way, and their answers until somebody takes them; oldest question first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # two requests that look at once would both ask the department
        self._questions: dict[Key, Question] = {}

    def __len__(self) -> int:
        return len(self._questions)

    def ask(
        self, mini_app: str, student_number: str, connectors: Mapping[str, Connector], deadline: float
    ) -> dict[str, Question]:
        """Ask these steps' departments of a student, each unless this very question is under way or its
        answer waits to be taken.
        """
        now = time.monotonic()
        keys = {step: (mini_app, student_number, step) for step in connectors}
        with self._lock:
            self._drop_stale(now)
            new = {step: connectors[step] for step, key in keys.items() if not self._is_kept(key, now)}
            for step, future in start_queries(new, student_number, deadline).items():
                self._questions.pop(keys[step], None)  # what replaces a stale one is the newest
                self._questions[keys[step]] = Question(keys[step], future)
            return {step: self._questions[key] for step, key in keys.items()}

    def is_kept(self, mini_app: str, student_number: str, step_key: str) -> bool:
        """Whether this question is under way, or its answer waits to be taken: to ask it would ask nobody."""
        with self._lock:
            return self._is_kept((mini_app, student_number, step_key), time.monotonic())

    def take(
        self, questions: Mapping[str, Question], seconds: float, *, is_first_enough: bool = False
    ) -> dict[str, Answer]:
        """Wait at most `seconds` for the answers to these questions, or for one; those that are there are taken. Whoever
        joined a question gets its answer, too; whoever asks afterwards asks anew.
        """
        until = FIRST_COMPLETED if is_first_enough else ALL_COMPLETED
        wait([question.future for question in questions.values()], timeout=seconds, return_when=until)
        done = {name: question for name, question in questions.items() if question.future.done()}
        with self._lock:
            for question in done.values():
                if self._questions.get(question.key) is question:
                    del self._questions[question.key]
        return {name: question.future.result() for name, question in done.items()}

    def _is_kept(self, key: Key, now: float) -> bool:
        question = self._questions.get(key)
        return question is not None and not question.is_stale(now)

    def _drop_stale(self, now: float) -> None:
        """From the oldest on, as far as they are stale: one under way holds the rest for its deadline only."""
        while self._questions:
            key, question = next(iter(self._questions.items()))
            if not question.is_stale(now):
                return
            del self._questions[key]
