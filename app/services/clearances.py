"""Clearance 离校手续: asks the departments and says where each step stands."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from app.connectors.round import query_systems
from app.domain.clearance import DepartmentUnavailable, Finding, Reading, Status, StepState
from app.domain.errors import UnknownStep
from app.domain.miniapp import Step
from app.domain.rules import FactMissing, judge_reading
from app.services.clock import get_now
from app.services.installation import InstalledMiniApp

log = logging.getLogger(__name__)

UNAVAILABLE = Finding(Status.UNAVAILABLE)


def get_clearance(installed: InstalledMiniApp, student_number: str, deadline: float) -> dict[str, StepState]:
    """Ask every department live, side by side, within `deadline` seconds in all; a state for each step."""
    return _ask(installed, installed.mini_app.steps, student_number, deadline)


def get_step_state(
    installed: InstalledMiniApp, step_key: str, student_number: str, deadline: float
) -> StepState:
    """Ask one step's department live. Raises UnknownStep."""
    step = get_step(installed, step_key)
    return _ask(installed, [step], student_number, deadline)[step_key]


def get_step(installed: InstalledMiniApp, step_key: str) -> Step:
    """The step of this key. Raises UnknownStep."""
    step = installed.mini_app.get_step(step_key)
    if step is None:
        raise UnknownStep(step_key)
    return step


def _ask(
    installed: InstalledMiniApp, steps: Iterable[Step], student_number: str, deadline: float
) -> dict[str, StepState]:
    wanted = list(steps)
    answers = query_systems(
        {step.key: installed.connectors[step.key] for step in wanted}, student_number, deadline
    )
    now = get_now()
    return {step.key: judge_answer(step, answers[step.key], now) for step in wanted}


def judge_answer(step: Step, answer: Reading | DepartmentUnavailable, now: datetime) -> StepState:
    """The state that an answer gives a step; whatever the rule cannot judge is unavailable."""
    if isinstance(answer, DepartmentUnavailable):
        log.warning("department unavailable", extra={"system": answer.system, "fault": answer.fault})
        return StepState(step.key, UNAVAILABLE, None, now, answer.fault)
    try:
        finding = judge_reading(step.rule, step.no_record, answer)
    except FactMissing:
        log.warning(
            "department answer not understood", extra={"system": answer.system, "fault": "fact_missing"}
        )
        return StepState(step.key, UNAVAILABLE, None, now, "fact_missing")
    if finding.status is Status.UNAVAILABLE:
        return StepState(step.key, finding, None, now, "no_record")
    return StepState(step.key, finding, answer, answer.learnt_at)
