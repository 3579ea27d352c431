"""Where a step stands by an answer or by what was kept of one: nobody is asked here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime

from app.connectors.base import StaleView
from app.connectors.client import Answer
from app.domain.clearance import (
    CachedResult,
    DepartmentUnavailable,
    KeyMissing,
    Status,
    StepState,
    Waived,
)
from app.domain.rules import FactMissing, judge_reading
from app.domain.step import Step
from app.services.clearance.cached_answers import (
    CachedAnswer,
    restore_reading,
)
from app.services.clearance.proofs import UNPROVEN
from app.services.clearance.unasked import (
    UNAVAILABLE,
    WAIVED,
    Decisions,
    judge_in_order,
    judge_unasked,
    recall_decisions,
)
from app.services.clock import get_now
from app.services.installation import CANARY_FAILURE, InstalledMiniApp

log = logging.getLogger(__name__)

RECALLED = "failed_before"
TOO_OFTEN = "asked_too_often"
DOUBTED = frozenset({CANARY_FAILURE, UNPROVEN})
"""Faults of steps whose department answered, and is not believed."""


def judge_kept(
    installed: InstalledMiniApp,
    kept: Mapping[str, CachedAnswer],
    waivers: Mapping[str, Waived],
    now: datetime,
    decisions: Decisions | None = None,
) -> dict[str, StepState]:
    """Where each step stands by what was kept alone, for operators: nobody is asked, nor any canary student, and
    nothing is distrusted. A step of which nothing was kept counts as still being asked. Without `decisions` those that
    were kept hold.
    """
    known = drop_unasked(kept)
    if decisions is None:
        decisions = recall_decisions(installed.mini_app, kept)

    def judge(keys: list[str]) -> dict[str, StepState]:
        return {
            step.key: complete(
                step,
                judge_answer(step, recall(step.key, known), now),
                known.get(step.key),
                waivers.get(step.key),
            )
            for step in installed.mini_app.steps
            if step.key in keys
        }

    unasked = judge_unasked(installed.mini_app, decisions, waivers, now)
    states = judge_all(installed, unasked, waivers, (), judge, decisions)
    return {key: _date_undecided(state, kept.get(key)) for key, state in states.items()}


def judge_all(
    installed: InstalledMiniApp,
    unasked: Mapping[str, StepState],
    waivers: Mapping[str, Waived],
    wanted: Collection[str],
    judge: Callable[[list[str]], dict[str, StepState]],
    decisions: Decisions,
) -> dict[str, StepState]:
    """All steps in their order, each with what its conditions rest on."""
    states = judge_in_order(installed.mini_app, unasked, waivers, wanted, judge, get_now())
    return note_told(states, decisions)


def note_told(states: Mapping[str, StepState], decisions: Decisions) -> dict[str, StepState]:
    """The states with what was told of the person by which each was decided."""
    return {
        key: replace(state, told=decisions[key].told) if key in decisions and decisions[key].told else state
        for key, state in states.items()
    }


def drop_unasked(kept: Mapping[str, CachedAnswer]) -> dict[str, CachedAnswer]:
    """The answers of departments alone: whom a step is for is decided afresh."""
    return {key: one for key, one in kept.items() if not one.is_unasked}


def _date_undecided(state: StepState, known: CachedAnswer | None) -> StepState:
    """When it was decided that a step is not for a student, or since when nobody can tell."""
    if known is None or not known.is_unasked:
        return state
    return replace(state, learnt_at=known.learnt_at or state.learnt_at, failing_since=known.failing_since)


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
        key = answer.key if isinstance(answer, KeyMissing) else ""
        return StepState(step.key, UNAVAILABLE, None, now, answer.fault, stale_as_of=as_of, missing_key=key)
    try:
        finding = judge_reading(step.rule, step.no_record, answer)
    except FactMissing:
        log.warning("answer not understood", extra={"system": answer.system, "fault": "fact_missing"})
        return StepState(step.key, UNAVAILABLE, None, now, "fact_missing")
    if finding.status is Status.UNAVAILABLE:
        return StepState(step.key, finding, None, now, "no_record")
    agreed_at = controls_agreed_at if answer.lacks_record else None
    return StepState(step.key, finding, answer, answer.learnt_at, controls_agreed_at=agreed_at)


def recall(step_key: str, known: Mapping[str, CachedAnswer]) -> Answer | None:
    """What was kept, as an answer; a department that failed then does so still."""
    if step_key not in known:
        return None
    if known[step_key].failing_since is not None:
        return DepartmentUnavailable(known[step_key].system, RECALLED)
    return restore_reading(known[step_key])


def complete(step: Step, state: StepState, known: CachedAnswer | None, waived: Waived | None) -> StepState:
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
