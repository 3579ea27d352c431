"""Sentinels: control students of each step, one known to pass and one known not to.

An emptied or shifted view of a department answers everybody in good form, and would clear everybody. So
each step's control students are asked every minute by the step's own rule; one wrong answer makes the
step unavailable for all until they get right answers again. A system that does not answer changes
nothing: its own answers are unavailable anyway.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import datetime

from app import metrics
from app.connectors.base import Connector
from app.connectors.round import Answer, start_query
from app.domain.clearance import DepartmentUnavailable, Reading, Status
from app.domain.miniapp import Step
from app.domain.rules import FactMissing, judge_reading
from app.services.clock import get_now
from app.services.installation import InstalledMiniApp
from app.settings import Sentinels

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
EVERY_SECONDS_WHEN_WRONG = 5.0


class SentinelWatch:
    """Asks the control students in a thread of its own, in every process that serves."""

    def __init__(self, mini_apps: Mapping[str, InstalledMiniApp], deadline: float) -> None:
        self._mini_apps = mini_apps
        self._deadline = deadline
        self._stop = threading.Event()
        self._process_id = 0

    def start(self) -> None:
        """Begin to watch, if any step has control students; once in a process, and again after a fork."""
        if self._process_id == os.getpid() or not any(i.settings.sentinels for i in self._mini_apps.values()):
            return
        self._process_id = os.getpid()
        threading.Thread(target=self._run, name="sentinels", daemon=True).start()

    def check_all(self, now: Callable[[], datetime] = get_now) -> None:
        """Ask every step's control students once, side by side, and note the outcome in `distrusted`."""
        asked = [
            (installed, installed.get_step(step_key), self._ask(installed.connectors[step_key], sentinels))
            for installed in self._mini_apps.values()
            for step_key, sentinels in installed.settings.sentinels.items()
        ]
        for installed, step, (passing, failing) in asked:
            is_right = are_right(step, passing.result(), failing.result())
            if is_right is not None:
                _note(installed, step.key, is_right, now())

    def _ask(self, connector: Connector, sentinels: Sentinels) -> tuple[Future[Answer], Future[Answer]]:
        passing = start_query(connector, sentinels.passes, self._deadline)
        return passing, start_query(connector, sentinels.fails, self._deadline)

    def _run(self) -> None:
        while True:
            try:
                self.check_all()
            except Exception:
                log.exception("sentinels could not be asked")
            is_wrong = any(installed.distrusted for installed in self._mini_apps.values())
            if self._stop.wait(EVERY_SECONDS_WHEN_WRONG if is_wrong else EVERY_SECONDS):
                return


def are_right(step: Step, passing: Answer, failing: Answer) -> bool | None:
    """Whether the step's rule lets the one control student pass and not the other; None when the system
    did not answer about both.
    """
    if isinstance(passing, DepartmentUnavailable) or isinstance(failing, DepartmentUnavailable):
        return None
    return _judge(step, passing) is Status.CLEARED and _judge(step, failing) is Status.OUTSTANDING


def _judge(step: Step, reading: Reading) -> Status:
    try:
        return judge_reading(step.rule, step.no_record, reading).status
    except FactMissing:
        return Status.UNAVAILABLE


def _note(installed: InstalledMiniApp, step_key: str, is_right: bool, now: datetime) -> None:
    metrics.step_distrusted.labels(installed.mini_app.slug, step_key).set(not is_right)
    facts = {"mini_app": installed.mini_app.slug, "step": step_key}
    if is_right and installed.distrusted.pop(step_key, None) is not None:
        log.warning("control students get right answers again", extra=facts)
    elif not is_right and step_key not in installed.distrusted:
        installed.distrusted[step_key] = now
        log.error("control students get wrong answers: the step is unavailable for all", extra=facts)
