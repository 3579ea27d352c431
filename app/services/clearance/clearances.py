"""Clearance 离校手续: asks the departments and says where each step stands."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from app.connectors.base import FailureCode, StaleView
from app.connectors.client import Answer
from app.domain.clearance import (
    CachedResult,
    DepartmentUnavailable,
    RuleResult,
    Status,
    StepState,
    Waived,
    list_missing_steps,
)
from app.domain.mini_app import Step
from app.domain.rules import FactMissing, judge_reading
from app.services.clearance.cached_answers import (
    CachedAnswer,
    load_cached_answers,
    restore_reading,
    store_answers,
)
from app.services.clearance.proofs import UNPROVEN, PageLooks, admit_to_page, ask_proven, begin_looks
from app.services.clearance.waivers import list_waivers
from app.services.clock import get_now
from app.services.installation import CANARY_FAILURE, Installation, InstalledMiniApp

log = logging.getLogger(__name__)

GRACE_SECONDS = 1.0
"""How long a patient page waits past the deadline, so that a busy process does not lose an answer."""
RECALLED = "failed_before"
TOO_OFTEN = "asked_too_often"
DOUBTED = frozenset({CANARY_FAILURE, UNPROVEN})
"""Faults of steps whose department answered, and is not believed."""
UNAVAILABLE = RuleResult(Status.UNAVAILABLE)
WAIVED = RuleResult(Status.WAIVED)

MayAsk = Callable[[], bool]
"""Counts a live query, and says whether it may be made."""


def look_up_clearance(
    installation: Installation,
    installed: InstalledMiniApp,
    student_number: str,
    *,
    wait_for_all: bool,
    is_afresh: bool = False,
    may_ask: MayAsk = lambda: True,
) -> dict[str, StepState]:
    """Where each step stands, for a page. Patient: everything is asked afresh and waited for. Otherwise
    what is fresh enough is taken as it is, unless it is asked `is_afresh`, and what does not come in time is still
    being asked. `may_ask` is asked before a new question goes out: after a no the page has what was kept.
    """
    fresh_seconds = installation.settings.round.fresh_seconds
    known = load_cached_answers(installed.mini_app.slug, student_number)
    waivers = list_waivers(installed, student_number)
    now = get_now()
    wanted = [
        step.key
        for step in installed.mini_app.steps
        if wait_for_all or is_afresh or not _is_fresh(known.get(step.key), now, fresh_seconds)
    ]
    asked = _choose_asked(installation, installed, wanted, student_number, may_ask)
    found, looks = _gather(installation, installed, asked, student_number, wait_for_all=wait_for_all)
    if wait_for_all:
        for key in asked - found.keys():
            found[key] = DepartmentUnavailable(installed.connectors[key].name, FailureCode.TIMEOUT)
    shown = found | _recall_all(installed, asked, known, wanted)
    answers = _trust(installed, shown, looks, known, wait_for_all=wait_for_all)
    states = _keep_and_judge(installed, student_number, answers, found.keys(), known, waivers)
    return _mark_kept(states, set(wanted) - asked)


def look_up_awaited(
    installation: Installation,
    installed: InstalledMiniApp,
    student_number: str,
    awaited: Collection[str],
    may_ask: MayAsk = lambda: True,
) -> dict[str, StepState]:
    """Where each step stands, for a page that is open and waits for these steps: as soon as one of their
    departments has answered. The others are as they were kept when the page was made; nobody is asked again.
    `may_ask`: see `look_up_clearance`.
    """
    known = load_cached_answers(installed.mini_app.slug, student_number)
    waivers = list_waivers(installed, student_number)
    asked = _choose_asked(installation, installed, awaited, student_number, may_ask)
    found, looks = _gather(
        installation, installed, asked, student_number, wait_for_all=True, is_first_enough=True
    )
    shown = found | _recall_all(installed, asked, known, awaited)
    answers = _trust(installed, shown, looks, known, wait_for_all=True)
    states = _keep_and_judge(installed, student_number, answers, found.keys(), known, waivers)
    is_refused = not asked >= set(awaited)
    return _mark_kept(states, states.keys() - asked if is_refused else ())


def look_up_kept(
    installation: Installation, installed: InstalledMiniApp, student_number: str
) -> dict[str, StepState]:
    """Where each step stands by what was kept, for a page after one department was asked: nobody is asked again, and
    what is under way is still being asked.
    """
    slug = installed.mini_app.slug
    known = load_cached_answers(slug, student_number)
    waivers = list_waivers(installed, student_number)
    looks = begin_looks(installed, installation.settings.round, wait_for_all=True)
    shown = {
        key: answer
        for key, answer in _recall_all(installed, (), known, ()).items()
        if not installation.rounds.is_kept(slug, student_number, key)
    }
    answers = _trust(installed, shown, looks, known, wait_for_all=True)
    return _keep_and_judge(installed, student_number, answers, (), known, waivers)


def _choose_asked(
    installation: Installation,
    installed: InstalledMiniApp,
    wanted: Collection[str],
    student_number: str,
    may_ask: MayAsk,
) -> set[str]:
    """The wanted steps that are asked: all, or those whose question is under way anyway."""
    slug = installed.mini_app.slug
    under_way = {key for key in wanted if installation.rounds.is_kept(slug, student_number, key)}
    return set(wanted) if under_way >= set(wanted) or may_ask() else under_way


def _gather(
    installation: Installation,
    installed: InstalledMiniApp,
    asked: Collection[str],
    student_number: str,
    *,
    wait_for_all: bool,
    is_first_enough: bool = False,
) -> tuple[dict[str, Answer], PageLooks]:
    """The answers of these steps' departments that come while a page waits, and the looks at canary students
    that were begun meanwhile.
    """
    slug, rounds, limits = installed.mini_app.slug, installation.rounds, installation.settings.round
    looks = begin_looks(installed, limits, wait_for_all=wait_for_all)
    systems = {
        step.key: installed.connectors[step.key] for step in installed.mini_app.steps if step.key in asked
    }
    questions = rounds.ask(slug, student_number, systems, limits.deadline_seconds)
    seconds = limits.deadline_seconds + GRACE_SECONDS if wait_for_all else limits.page_wait_seconds
    return rounds.take(questions, seconds, is_first_enough=is_first_enough), looks


def _recall_all(
    installed: InstalledMiniApp,
    asked: Collection[str],
    known: Mapping[str, CachedAnswer],
    wanted: Collection[str],
) -> dict[str, Answer]:
    """What was kept of the steps that are not asked. A step of which nothing was kept is left out; it is unavailable
    if it was wanted: it may not be asked now.
    """
    recalled: dict[str, Answer] = {}
    for key in installed.mini_app.step_keys:
        if key in asked:
            continue
        answer = _recall(key, known)
        if answer is None and key in wanted:
            answer = DepartmentUnavailable(installed.connectors[key].name, TOO_OFTEN)
        if answer is not None:
            recalled[key] = answer
    return recalled


def _trust(
    installed: InstalledMiniApp,
    answers: Mapping[str, Answer],
    looks: PageLooks,
    known: Mapping[str, CachedAnswer],
    *,
    wait_for_all: bool,
) -> dict[str, Answer]:
    """The answers that a page may rest on; see `admit_to_page`."""
    admitted = admit_to_page(installed, answers, looks, known, wait_for_all=wait_for_all)
    return {key: installed.distrust(key, answer) for key, answer in admitted.items()}


def _keep_and_judge(
    installed: InstalledMiniApp,
    student_number: str,
    answers: Mapping[str, Answer],
    learnt: Collection[str],
    known: Mapping[str, CachedAnswer],
    waivers: Mapping[str, Waived],
) -> dict[str, StepState]:
    """The state of every step by its answer (none yet: it still is asked); what was learnt now is kept."""
    now = get_now()
    new = {key: answer for key, answer in answers.items() if key in learnt}
    store_answers(installed.mini_app.slug, student_number, new, known, now)
    return {
        step.key: _complete(
            step, judge_answer(step, answers.get(step.key), now), known.get(step.key), waivers.get(step.key)
        )
        for step in installed.mini_app.steps
    }


def _mark_kept(states: Mapping[str, StepState], keys: Collection[str]) -> dict[str, StepState]:
    """The states, with those marked whose kept answer stands for one that might not be asked for."""
    return {
        key: replace(state, is_kept=True) if key in keys and state.reading and not state.waived else state
        for key, state in states.items()
    }


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
    known = load_cached_answers(slug, student_number)
    waivers = list_waivers(installed, student_number)
    connectors = {step.key: installed.connectors[step.key] for step in steps}
    limits = installation.settings.round
    compared = {} if keeps_cleared else known  # whoever acts on one step expects that it gets better
    found, agreed = ask_proven(installed, connectors, student_number, limits, waivers, compared)
    answers = {key: installed.distrust(key, answer) for key, answer in found.items()}
    now = get_now()
    states = {
        step.key: _complete(
            step,
            judge_answer(step, answers[step.key], now, agreed.get(step.key)),
            known.get(step.key),
            waivers.get(step.key),
        )
        for step in steps
    }
    if keeps_cleared or list_missing_steps(states, tuple(states)):
        store_answers(slug, student_number, answers, known, now)
    return states


def judge_answer(
    step: Step, answer: Answer | None, now: datetime, controls_agreed_at: datetime | None = None
) -> StepState:
    """The state that an answer gives a step; whatever the rule cannot judge is unavailable. None: the
    answer is still awaited. `controls_agreed_at` is kept with a pass that rests on no record.
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
    agreed_at = None if answer.records else controls_agreed_at
    return StepState(step.key, finding, answer, answer.learnt_at, controls_agreed_at=agreed_at)


def _is_fresh(known: CachedAnswer | None, now: datetime, seconds: float) -> bool:
    if known is None or known.learnt_at is None or known.failing_since is not None:
        return False
    return timedelta(0) <= now - known.learnt_at < timedelta(seconds=seconds)


def _recall(step_key: str, known: Mapping[str, CachedAnswer]) -> Answer | None:
    """What was kept, as an answer; a department that failed then does so still."""
    if step_key not in known:
        return None
    if known[step_key].failing_since is not None:
        return DepartmentUnavailable(known[step_key].system, RECALLED)
    return restore_reading(known[step_key])


def _complete(step: Step, state: StepState, known: CachedAnswer | None, waived: Waived | None) -> StepState:
    """Add to a step without an answer what was known before and since when it has none (now, if it had one
    until now), and the waiver where there is one.
    """
    if state.reading is None:
        last_known = _get_last_known(step, known) if known else None
        if last_known and state.fault in DOUBTED and last_known.finding.status is Status.CLEARED:
            last_known = None  # it may come from the very view that was found wrong
        failing_since = (known.failing_since if known else None) or (
            None if state.is_asking or state.fault == TOO_OFTEN else state.learnt_at
        )
        state = replace(state, last_known=last_known, failing_since=failing_since)
    return replace(state, finding=WAIVED, waived=waived, is_asking=False) if waived else state


def _get_last_known(step: Step, known: CachedAnswer) -> CachedResult | None:
    reading = restore_reading(known)
    if reading is None:
        return None
    try:
        return CachedResult(judge_reading(step.rule, step.no_record, reading), reading)
    except FactMissing:
        return None
