"""One fresh round of all departments, or of one: what a submission and an action are decided by."""

from __future__ import annotations

from app.domain.clearance import (
    Status,
    StepState,
    list_missing_steps,
)
from app.domain.step import Step
from app.services.clearance.cached_answers import (
    load_cached_answers,
    store_answers,
)
from app.services.clearance.judging import (
    complete,
    drop_unasked,
    judge_answer,
    judge_kept,
    note_told,
)
from app.services.clearance.proofs import ask_proven
from app.services.clearance.unasked import (
    NO_DECISIONS,
    Decisions,
    judge_unasked,
)
from app.services.clearance.waivers import list_waivers
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp


def get_live_clearance(
    installation: Installation,
    installed: InstalledMiniApp,
    student_number: str,
    decisions: Decisions = NO_DECISIONS,
) -> dict[str, StepState]:
    """Where each step stands by one fresh round of all departments, side by side: what a submission is decided by.
    Answers that clear everything become its evidence, and are not kept a second time.
    """
    steps = installed.mini_app.steps
    return _ask_live(installation, installed, steps, student_number, decisions, keeps_cleared=False)


def get_live_step(
    installation: Installation,
    installed: InstalledMiniApp,
    step_key: str,
    student_number: str,
    decisions: Decisions = NO_DECISIONS,
) -> StepState:
    """Where one step stands, its department asked now, unless it waits for others by what was kept of them. Raises
    UnknownStep.
    """
    step = installed.get_step(step_key)
    if step.after:
        kept = load_cached_answers(installed.mini_app.slug, student_number)
        waivers = list_waivers(installed, student_number)
        state = judge_kept(installed, kept, waivers, get_now(), decisions)[step_key]
        if state.status is Status.WAITING:
            return state
    return _ask_live(installation, installed, (step,), student_number, decisions)[step_key]


def _ask_live(
    installation: Installation,
    installed: InstalledMiniApp,
    steps: tuple[Step, ...],
    student_number: str,
    decisions: Decisions,
    *,
    keeps_cleared: bool = True,
) -> dict[str, StepState]:
    slug = installed.mini_app.slug
    known = drop_unasked(load_cached_answers(slug, student_number))
    waivers = list_waivers(installed, student_number)
    unasked = judge_unasked(installed.mini_app, decisions, waivers, get_now())
    connectors = {step.key: installed.connectors[step.key] for step in steps if step.key not in unasked}
    limits = installation.settings.round
    compared = {} if keeps_cleared else known  # whoever acts on one step expects that it gets better
    found, agreed = ask_proven(installed, connectors, student_number, limits, waivers, compared)
    answers = {key: installed.distrust(key, answer) for key, answer in found.items()}
    now = get_now()
    states = {
        step.key: unasked.get(step.key)
        or complete(
            step,
            judge_answer(step, answers[step.key], now, agreed.get(step.key)),
            known.get(step.key),
            waivers.get(step.key),
        )
        for step in steps
    }
    states = note_told(states, decisions)
    if keeps_cleared or list_missing_steps(states, tuple(states)):
        store_answers(slug, student_number, answers, known, now)
    return states
