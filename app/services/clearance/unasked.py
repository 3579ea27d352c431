"""Steps whose department is not asked about a student: it is not for them, or nobody can tell whether it is, or steps
before it do not pass yet. What was decided of a person is kept beside the answers, for operators, who have no sign-in at
hand; it never decides a submission.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from app.domain.applies import FOR_ALL, Applicability
from app.domain.clearance import RuleResult, Status, StepState, Waived
from app.domain.mini_app import MiniApp
from app.domain.step import Step
from app.services.clearance.cached_answers import CachedAnswer

UNDECIDED = "person_unknown"
"""The fault of a step that cannot be decided, for what the sign-in does not tell of the person."""
NOT_REQUIRED = RuleResult(Status.NOT_REQUIRED)
WAITING = RuleResult(Status.WAITING)
UNAVAILABLE = RuleResult(Status.UNAVAILABLE)
WAIVED = RuleResult(Status.WAIVED)

Decisions = Mapping[str, Applicability]
"""Whether a step is for a person, by step. A step with conditions that is not among them is undecided."""
NO_DECISIONS: Decisions = {}


def judge_unasked(
    mini_app: MiniApp, decisions: Decisions, waivers: Mapping[str, Waived], now: datetime
) -> dict[str, StepState]:
    """The states of the steps that are not for this student, and of those of which nobody can tell; only the latter
    need a waiver.
    """
    states = {}
    for step in mini_app.steps:
        decision = _find_decision(step, decisions) if step.applies else FOR_ALL
        if decision.applies is False:
            states[step.key] = StepState(step.key, NOT_REQUIRED, None, now)
        elif decision.applies is None:
            waived = waivers.get(step.key)
            finding = WAIVED if waived else UNAVAILABLE
            states[step.key] = StepState(
                step.key, finding, None, now, UNDECIDED, waived=waived, unknown=decision.unknown
            )
    return states


def judge_in_order(
    mini_app: MiniApp,
    settled: Mapping[str, StepState],
    waived: Collection[str],
    wanted: Collection[str],
    judge: Callable[[list[str]], Mapping[str, StepState]],
    now: datetime,
) -> dict[str, StepState]:
    """The state of every step. `judge` is called with steps before which all pass, until none are left or the rest must
    wait; where some must wait, first with those that nobody has to be asked about: they are not `wanted`. A waived step
    waits for nothing.
    """
    states, left = dict(settled), [key for key in mini_app.step_keys if key not in settled]
    while free := [key for key in left if key in waived or not list_ahead(mini_app, key, states)]:
        known = [key for key in free if key not in wanted]
        batch = known if known and len(free) < len(left) else free
        left = [key for key in left if key not in batch]
        states |= judge(batch)
    for key in left:
        states[key] = StepState(key, WAITING, None, now, waits_for=list_ahead(mini_app, key, states))
    return {key: states[key] for key in mini_app.step_keys}


def list_ahead(mini_app: MiniApp, step_key: str, states: Mapping[str, StepState]) -> tuple[str, ...]:
    """The steps that a step waits for: those before it that are not known to pass."""
    before = mini_app.list_before(step_key)
    return tuple(key for key in before if key not in states or not states[key].is_passed)


def recall_decisions(mini_app: MiniApp, known: Mapping[str, CachedAnswer]) -> dict[str, Applicability]:
    """What was kept of whether steps are for a student: whose department was asked, is for them."""
    return {
        step.key: _recall_decision(step, known[step.key])
        for step in mini_app.steps
        if step.applies and step.key in known
    }


def is_exempt(known: CachedAnswer | None) -> bool:
    """Whether what was kept of a step says that it is not for the student."""
    return known is not None and known.is_unasked and known.failing_since is None


def _find_decision(step: Step, decisions: Decisions) -> Applicability:
    asked = dict.fromkeys(key for condition in step.applies for key in condition.fields)
    return decisions.get(step.key, Applicability(None, tuple(asked)))


def _recall_decision(step: Step, known: CachedAnswer) -> Applicability:
    if not known.is_unasked:
        return Applicability(True)
    return Applicability(False) if is_exempt(known) else _find_decision(step, NO_DECISIONS)
