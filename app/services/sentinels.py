"""Sentinels: control students of each step, some known to pass and some known not to, for each fact that may block.

An emptied or shifted view of a department answers everybody in good form, and would clear everybody. So a pass
that rests on "no record" counts at submission only if the step's control students were asked after the student
and all got right answers (see `clearances`), and all are asked every minute besides. One wrong answer makes the
step unavailable for all until they get right answers again. A system that does not answer proves nothing either
way: what its records say still counts, and "no record" does not.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import datetime

from app import metrics
from app.connectors.round import Answer, start_survey
from app.domain.clearance import Finding, Reading, Status
from app.domain.miniapp import Step
from app.domain.rules import FactMissing, judge_reading
from app.services.clock import get_now
from app.services.control_looks import Look, Outcome
from app.services.installation import InstalledMiniApp
from app.settings import ANY_FACT, Sentinels

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
EVERY_SECONDS_WHEN_WRONG = 5.0
PASSES = "passes"


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
        for installed in self._mini_apps.values():
            installed.looks.forget()
        threading.Thread(target=self._run, name="sentinels", daemon=True).start()

    def check_all(self, now: Callable[[], datetime] = get_now) -> None:
        """Ask every step's control students once, side by side, and note the outcome in `distrusted`."""
        looks = [
            begin_look(installed, step_key, self._deadline, now)
            for installed in self._mini_apps.values()
            for step_key in installed.settings.sentinels
        ]
        for look in looks:
            if look is not None:
                look.result()

    def _run(self) -> None:
        while True:
            try:
                self.check_all()
            except Exception:
                log.exception("sentinels could not be asked")
            is_wrong = any(installed.distrusted for installed in self._mini_apps.values())
            if self._stop.wait(EVERY_SECONDS_WHEN_WRONG if is_wrong else EVERY_SECONDS):
                return


def begin_look(
    installed: InstalledMiniApp, step_key: str, deadline: float, now: Callable[[], datetime] = get_now
) -> Future[Look] | None:
    """A look at a step's control students that begins now or later, shared with whoever asks meanwhile; what it
    finds is noted in `distrusted`. None: the step has none.
    """
    controls = installed.settings.sentinels.get(step_key)
    if controls is None:
        return None
    step, connector = installed.get_step(step_key), installed.connectors[step_key]

    def ask(hand_over: Callable[[Look], None]) -> None:
        began = time.monotonic()

        def conclude(answers: Future[dict[str, Answer]]) -> None:
            look = _make_look(step, controls, answers.result(), began, now())
            _note(installed, step_key, look)
            hand_over(look)

        start_survey(connector, controls.numbers, deadline).add_done_callback(conclude)

    return installed.looks.begin(step_key, ask)


def _make_look(
    step: Step, controls: Sentinels, answers: Mapping[str, Answer], began: float, ended_at: datetime
) -> Look:
    try:
        outcome, wrong = judge_controls(step, controls, answers)
    except Exception:
        log.exception("control students could not be judged", extra={"step": step.key})
        outcome, wrong = Outcome.UNPROVEN, ()
    return Look(outcome, began, ended_at, wrong)


def judge_controls(
    step: Step, controls: Sentinels, answers: Mapping[str, Answer]
) -> tuple[Outcome, tuple[str, ...]]:
    """Whether the step's rule lets the ones pass, and keeps each of the others from passing for its own fact; and
    what was wrong. An answer that is missing excuses no wrong one.
    """
    findings = {
        number: _judge(step, answer) for number, answer in answers.items() if isinstance(answer, Reading)
    }
    wrong = [PASSES for number in controls.passes if number in findings and not _is_pass(findings[number])]
    wrong += [
        fact
        for fact, numbers in controls.fails.items()
        for number in numbers
        if number in findings and not _fails_for(findings[number], fact)
    ]
    if wrong:
        return Outcome.WRONG, tuple(dict.fromkeys(wrong))
    return (Outcome.AGREED if findings.keys() >= set(controls.numbers) else Outcome.UNPROVEN), ()


def _judge(step: Step, reading: Reading) -> Finding:
    try:
        return judge_reading(step.rule, step.no_record, reading)
    except FactMissing:
        return Finding(Status.UNAVAILABLE)


def _is_pass(finding: Finding) -> bool:
    return finding.status is Status.CLEARED


def _fails_for(finding: Finding, fact: str) -> bool:
    is_for_it = fact == ANY_FACT or fact in {reason.key for reason in finding.reasons}
    return finding.status is Status.OUTSTANDING and is_for_it


def list_unwatched_facts(step: Step, controls: Sentinels | None) -> tuple[str, ...]:
    """The facts that may keep a student from passing this step, and that no failing control student shows."""
    keys = step.rule.reason_keys
    shown = controls.fails.keys() if controls else ()
    if ANY_FACT in shown and len(keys) == 1:
        return ()
    return tuple(key for key in keys if key not in shown)


def _note(installed: InstalledMiniApp, step_key: str, look: Look) -> None:
    """Distrust the step after wrong answers, and trust it again after right ones; what is out of date tells nothing."""
    latest = installed.looks.get_latest(step_key)
    if look.outcome is Outcome.UNPROVEN or (latest is not None and look.began < latest.began):
        return
    is_right = look.outcome is Outcome.AGREED
    metrics.step_distrusted.labels(installed.mini_app.slug, step_key).set(not is_right)
    facts = {"mini_app": installed.mini_app.slug, "step": step_key}
    if is_right and installed.distrusted.pop(step_key, None) is not None:
        log.warning("control students get right answers again", extra=facts)
    elif not is_right and step_key not in installed.distrusted:
        installed.distrusted[step_key] = look.ended_at
        log.error(
            "control students get wrong answers: the step is unavailable for all",
            extra=facts | {"wrong": ", ".join(look.wrong) or "fails"},
        )
