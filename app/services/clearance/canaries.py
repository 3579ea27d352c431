"""Canaries: canary students of each step, some known to pass and some known not to, for each fact that may block.

An emptied or shifted view of a department answers everybody in good form, and would clear everybody; so would one
whose facts are emptied. So a pass counts at submission only with right answers about the step's canary students
(see `proofs`), and all are asked every minute besides. One wrong answer suspends the step for all until its looks
have been right for `canaries_suspend_seconds`. A system that does not answer proves nothing either way: what its
records say still counts, and "no record" does not.
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
from app.connectors.client import Answer, start_survey
from app.domain.clearance import NOT_PASSED, Reading, RuleResult, Status
from app.domain.rules import FactMissing, judge_reading
from app.domain.step import Step
from app.services.clearance.canary_looks import Ask, Change, Look, Outcome
from app.services.clock import get_now
from app.services.installation import InstalledMiniApp
from app.settings import ANY_FACT, Canaries

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
EVERY_SECONDS_WHEN_WRONG = 5.0
PASSES = "passes"
ANSWERS_DIFFER = "two answers about one student differ"


class CanaryWatch:
    """Asks the canary students in a thread of its own, in every process that serves: no request may be there to do it,
    and a look waits for departments.
    """

    def __init__(self, mini_apps: Mapping[str, InstalledMiniApp], deadline: float) -> None:
        self._mini_apps = mini_apps
        self._deadline = deadline
        self._stop = threading.Event()
        self._woken = threading.Event()
        self._process_id = 0

    def start(self) -> None:
        """Begin to watch, if any step has canary students; once in a process, and again after a fork."""
        if self._process_id == os.getpid() or not any(i.settings.canaries for i in self._mini_apps.values()):
            return
        self._process_id = os.getpid()
        self._woken = threading.Event()
        for installed in self._mini_apps.values():
            installed.looks.forget()
            installed.looks.when_suspended = self._woken.set
        threading.Thread(target=self._run, name="canaries", daemon=True).start()

    def check_all(self, now: Callable[[], datetime] = get_now) -> None:
        """Ask every step's canary students once, side by side, and note the outcome in `suspended`."""
        looks = [
            begin_look(installed, step_key, self._deadline, now)
            for installed in self._mini_apps.values()
            for step_key in installed.settings.canaries
        ]
        for look in looks:
            if look is not None:
                look.result()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.check_all()
            except Exception:
                log.exception("canaries could not be asked")
            self._pause()

    def _pause(self) -> None:
        """Wait for the next look. A step that is suspended meanwhile, by whomever, brings the short rhythm at once."""
        self._woken.clear()
        if self._is_wrong() or self._woken.wait(EVERY_SECONDS):
            self._stop.wait(EVERY_SECONDS_WHEN_WRONG)

    def _is_wrong(self) -> bool:
        return any(installed.suspended for installed in self._mini_apps.values())


def begin_look(
    installed: InstalledMiniApp, step_key: str, deadline: float, now: Callable[[], datetime] = get_now
) -> Future[Look] | None:
    """A look at a step's canary students that begins now or later, shared with whoever asks meanwhile; what it
    finds is noted in `suspended`. None: the step has none.
    """
    ask = _make_ask(installed, step_key, deadline, now)
    return installed.looks.begin(step_key, ask) if ask else None


def rest_on_look(
    installed: InstalledMiniApp, step_key: str, deadline: float, seconds: float
) -> Future[Look] | None:
    """A look at a step's canary students that began within these seconds, or begins now. None: the step has none."""
    ask = _make_ask(installed, step_key, deadline, get_now)
    return installed.looks.rest_on(step_key, ask, seconds) if ask else None


def note_contradiction(installed: InstalledMiniApp, step_key: str) -> None:
    """Suspend a step whose department said two things of one student at one time: its view is not the same for all."""
    _note(installed, step_key, Look(Outcome.WRONG, time.monotonic(), get_now(), (ANSWERS_DIFFER,)))


def _make_ask(
    installed: InstalledMiniApp, step_key: str, deadline: float, now: Callable[[], datetime]
) -> Ask | None:
    controls = installed.settings.canaries.get(step_key)
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

    return ask


def _make_look(
    step: Step, controls: Canaries, answers: Mapping[str, Answer], began: float, ended_at: datetime
) -> Look:
    try:
        outcome, wrong = judge_canaries(step, controls, answers)
    except Exception:
        log.exception("canary students could not be judged", extra={"step": step.key})
        outcome, wrong = Outcome.UNPROVEN, ()
    return Look(outcome, began, ended_at, wrong)


def judge_canaries(
    step: Step, controls: Canaries, answers: Mapping[str, Answer]
) -> tuple[Outcome, tuple[str, ...]]:
    """Whether the step's rule lets the ones pass, and keeps each of the others from passing for its own fact; and
    what was wrong. An answer that is missing excuses no wrong one.
    """
    findings = {
        number: judge_proven(step, answer)
        for number, answer in answers.items()
        if isinstance(answer, Reading)
    }
    wrong = [PASSES for number in controls.passes if number in findings and not is_pass(findings[number])]
    wrong += [
        fact
        for fact, numbers in controls.fails.items()
        for number in numbers
        if number in findings and not _fails_for(findings[number], fact)
    ]
    if wrong:
        return Outcome.WRONG, tuple(dict.fromkeys(wrong))
    return (Outcome.AGREED if findings.keys() >= set(controls.numbers) else Outcome.UNPROVEN), ()


def judge_proven(step: Step, reading: Reading) -> RuleResult:
    """What the step's rule makes of a reading; unavailable where it cannot judge."""
    try:
        return judge_reading(step.rule, step.no_record, reading)
    except FactMissing:
        return RuleResult(Status.UNAVAILABLE)


def is_pass(finding: RuleResult) -> bool:
    """Whether a rule let somebody pass."""
    return finding.status is Status.CLEARED


def _fails_for(finding: RuleResult, fact: str) -> bool:
    is_for_it = fact == ANY_FACT or fact in {reason.key for reason in finding.reasons}
    return finding.status in NOT_PASSED and is_for_it


def list_unwatched_facts(step: Step, controls: Canaries | None) -> tuple[str, ...]:
    """The facts that may keep a student from passing this step, and that no failing canary student shows."""
    keys = step.rule.reason_keys
    shown = controls.fails.keys() if controls else ()
    if ANY_FACT in shown and len(keys) == 1:
        return ()
    return tuple(key for key in keys if key not in shown)


def _note(installed: InstalledMiniApp, step_key: str, look: Look) -> None:
    """Suspend the step for a wrong look, or trust it again after right ones for long enough, and tell it."""
    change = installed.looks.weigh(step_key, look)
    slug = installed.mini_app.slug
    metrics.step_suspended.labels(slug, step_key).set(step_key in installed.suspended)
    facts = {"mini_app": slug, "step": step_key}
    if change is Change.LIFTED:
        log.warning("canary students get right answers again", extra=facts)
    elif change is Change.SUSPENDED:
        log.error(
            "canary students get wrong answers: the step is unavailable for all",
            extra=facts | {"wrong": ", ".join(look.wrong) or "fails"},
        )
        installed.looks.when_suspended()
