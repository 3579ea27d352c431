"""Clearance 离校手续: asks the departments and says where each step stands."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from app.connectors.base import Fault, StaleView
from app.connectors.round import Answer, query_systems
from app.domain.clearance import (
    DepartmentUnavailable,
    Finding,
    LastKnown,
    Status,
    StepState,
    Waived,
    list_missing_steps,
)
from app.domain.miniapp import Step
from app.domain.rules import FactMissing, judge_reading
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp
from app.services.known_answers import LastAnswer, load_known_answers, restore_reading, store_answers
from app.services.waivers import list_waivers

log = logging.getLogger(__name__)

GRACE_SECONDS = 1.0
"""How long a patient page waits past the deadline, so that a busy process does not lose an answer."""
RECALLED = "failed_before"
UNAVAILABLE = Finding(Status.UNAVAILABLE)
WAIVED = Finding(Status.WAIVED)


def look_up_clearance(
    installation: Installation, installed: InstalledMiniApp, student_number: str, *, is_patient: bool
) -> dict[str, StepState]:
    """Where each step stands, for a page. Patient: everything is asked afresh and waited for. Otherwise
    what is fresh enough is taken as it is, and what does not come in time is still being asked.
    """
    slug, fresh_seconds = installed.mini_app.slug, installation.settings.round.fresh
    known = load_known_answers(slug, student_number)
    waivers = list_waivers(installed, student_number)
    now = get_now()
    asked = [
        step.key
        for step in installed.mini_app.steps
        if is_patient or not _is_fresh(known.get(step.key), now, fresh_seconds)
    ]
    answers = _join_round(installation, installed, asked, student_number, is_patient=is_patient)
    now = get_now()
    store_answers(slug, student_number, answers, known, now)
    return _judge_all(installed, asked, answers, known, waivers, now)


def look_up_awaited(
    installation: Installation, installed: InstalledMiniApp, student_number: str, awaited: Collection[str]
) -> dict[str, StepState]:
    """Where each step stands, for a page that is open and waits for these steps: as soon as one of their
    departments has answered. The others are as they were kept when the page was made; nobody is asked again.
    """
    slug, limits = installed.mini_app.slug, installation.settings.round
    known = load_known_answers(slug, student_number)
    waivers = list_waivers(installed, student_number)
    systems = {key: installed.connectors[key] for key in awaited}
    questions = installation.rounds.ask(slug, student_number, systems, limits.deadline)
    found = installation.rounds.take(questions, limits.deadline + GRACE_SECONDS, is_first_enough=True)
    answers = {key: installed.distrust(key, answer) for key, answer in found.items()}
    now = get_now()
    store_answers(slug, student_number, answers, known, now)
    return _judge_all(installed, awaited, answers, known, waivers, now)


def _judge_all(
    installed: InstalledMiniApp,
    asked: Collection[str],
    answers: Mapping[str, Answer],
    known: Mapping[str, LastAnswer],
    waivers: Mapping[str, Waived],
    now: datetime,
) -> dict[str, StepState]:
    """The state of every step: by its answer if it was asked (none yet: it still is), else by what was kept."""
    states = {}
    for step in installed.mini_app.steps:
        answer = answers.get(step.key) if step.key in asked else _recall(installed, step.key, known)
        state = judge_answer(step, answer, now)
        states[step.key] = _complete(step, state, known.get(step.key), waivers.get(step.key))
    return states


def _join_round(
    installation: Installation,
    installed: InstalledMiniApp,
    asked: list[str],
    student_number: str,
    *,
    is_patient: bool,
) -> dict[str, Answer]:
    """The answers of these steps' departments: those that come while a page waits; for a patient one all."""
    slug, rounds, limits = installed.mini_app.slug, installation.rounds, installation.settings.round
    systems = {key: installed.connectors[key] for key in asked}
    questions = rounds.ask(slug, student_number, systems, limits.deadline)
    answers = rounds.take(questions, limits.deadline + GRACE_SECONDS if is_patient else limits.page_wait)
    if is_patient:
        for key in systems.keys() - answers.keys():
            answers[key] = DepartmentUnavailable(systems[key].name, Fault.TIMEOUT)
    return {key: installed.distrust(key, answer) for key, answer in answers.items()}


def get_live_clearance(
    installation: Installation, installed: InstalledMiniApp, student_number: str
) -> dict[str, StepState]:
    """Where each step stands by one fresh round of all departments: what a submission is decided by. Answers
    that clear everything become its evidence, and are not kept a second time.
    """
    steps = installed.mini_app.steps
    return _ask_live(installation, installed, steps, student_number, keeps_cleared=False)


def get_live_step(
    installation: Installation, installed: InstalledMiniApp, step_key: str, student_number: str
) -> StepState:
    """Where one step stands, its department asked now. Raises UnknownStep."""
    step = installed.get_step(step_key)
    return _ask_live(installation, installed, (step,), student_number)[step_key]


def _ask_live(
    installation: Installation,
    installed: InstalledMiniApp,
    steps: tuple[Step, ...],
    student_number: str,
    *,
    keeps_cleared: bool = True,
) -> dict[str, StepState]:
    slug = installed.mini_app.slug
    known = load_known_answers(slug, student_number)
    waivers = list_waivers(installed, student_number)
    connectors = {step.key: installed.connectors[step.key] for step in steps}
    found = query_systems(connectors, student_number, installation.settings.round.deadline)
    answers = {key: installed.distrust(key, answer) for key, answer in found.items()}
    now = get_now()
    states = {
        step.key: _complete(
            step, judge_answer(step, answers[step.key], now), known.get(step.key), waivers.get(step.key)
        )
        for step in steps
    }
    if keeps_cleared or list_missing_steps(states, tuple(states)):
        store_answers(slug, student_number, answers, known, now)
    return states


def judge_answer(step: Step, answer: Answer | None, now: datetime) -> StepState:
    """The state that an answer gives a step; whatever the rule cannot judge is unavailable. None: the
    answer is still awaited.
    """
    if answer is None:
        return StepState(step.key, UNAVAILABLE, None, now, is_asking=True)
    if isinstance(answer, DepartmentUnavailable):
        as_of = answer.as_of if isinstance(answer, StaleView) else None
        return StepState(step.key, UNAVAILABLE, None, now, answer.fault, stale_as_of=as_of)
    try:
        finding = judge_reading(step.rule, step.no_record, answer)
    except FactMissing:
        log.warning("answer not understood", extra={"system": answer.system, "fault": "fact_missing"})
        return StepState(step.key, UNAVAILABLE, None, now, "fact_missing")
    if finding.status is Status.UNAVAILABLE:
        return StepState(step.key, finding, None, now, "no_record")
    return StepState(step.key, finding, answer, answer.learnt_at)


def _is_fresh(known: LastAnswer | None, now: datetime, seconds: float) -> bool:
    if known is None or known.learnt_at is None or known.failing_since is not None:
        return False
    return timedelta(0) <= now - known.learnt_at < timedelta(seconds=seconds)


def _recall(installed: InstalledMiniApp, step_key: str, known: Mapping[str, LastAnswer]) -> Answer | None:
    """What was kept, as an answer; a department that failed then does so still."""
    if step_key not in known:
        return None
    if known[step_key].failing_since is not None:
        return DepartmentUnavailable(known[step_key].system, RECALLED)
    reading = restore_reading(known[step_key])
    return None if reading is None else installed.distrust(step_key, reading)


def _complete(step: Step, state: StepState, known: LastAnswer | None, waived: Waived | None) -> StepState:
    """Add to a step without an answer what was known before and since when it has none (now, if it had one
    until now), and the waiver where there is one.
    """
    if state.reading is None:
        last_known = _get_last_known(step, known) if known else None
        failing_since = (known.failing_since if known else None) or (
            None if state.is_asking else state.learnt_at
        )
        state = replace(state, last_known=last_known, failing_since=failing_since)
    return replace(state, finding=WAIVED, waived=waived, is_asking=False) if waived else state


def _get_last_known(step: Step, known: LastAnswer) -> LastKnown | None:
    reading = restore_reading(known)
    if reading is None:
        return None
    try:
        return LastKnown(judge_reading(step.rule, step.no_record, reading), reading)
    except FactMissing:
        return None
