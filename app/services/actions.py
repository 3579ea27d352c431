"""Actions 操作 in a department's system: the intent is committed first, then the call is made, then its
outcome is committed. An unknown outcome is settled by asking for the status, never by a second call.
"""

from __future__ import annotations

from app.connectors.base import ActionOutcome
from app.connectors.round import perform_action
from app.domain.clearance import Status, StepState
from app.domain.errors import ActionNotOffered, UnknownStep
from app.domain.miniapp import ActionSpec, Step
from app.domain.person import Person
from app.models import Action, write_transaction
from app.services.audit import add_event
from app.services.clearances import get_live_step
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp


def get_action(installed: InstalledMiniApp, step_key: str, action_key: str) -> tuple[Step, ActionSpec]:
    """A step and its action. Raises UnknownStep when there is no such pair."""
    step = installed.get_step(step_key)
    action = step.get_action(action_key)
    if action is None:
        raise UnknownStep(f"{step_key}/{action_key}")
    return step, action


def take_action(
    installation: Installation, installed: InstalledMiniApp, person: Person, step_key: str, action_key: str
) -> tuple[ActionOutcome, StepState]:
    """Take an action for a student, and ask the department again what it then holds.

    Returns the outcome and the step's new state; a step that passes afterwards confirms an outcome that
    was unknown. Raises UnknownStep, and ActionNotOffered (nothing is called) when the department's
    present answer does not call for this action.
    """
    _, action = get_action(installed, step_key, action_key)
    before = get_live_step(installation, installed, step_key, person.number)
    if before.status is Status.CLEARED:
        return ActionOutcome.CONFIRMED, before
    if not action.is_offered(before.finding):
        raise ActionNotOffered(action_key)
    intent_id = _record_intent(installed, person, step_key, action_key)
    deadline = installation.settings.round.deadline
    outcome = perform_action(installed.connectors[step_key], action_key, person.number, deadline)
    after = get_live_step(installation, installed, step_key, person.number)
    if outcome is ActionOutcome.UNKNOWN and after.status is Status.CLEARED:
        outcome = ActionOutcome.CONFIRMED
    _record_outcome(intent_id, outcome)
    return outcome, after


def _record_intent(installed: InstalledMiniApp, person: Person, step_key: str, action_key: str) -> int:
    now = get_now()
    with write_transaction() as session:
        intent = Action(
            mini_app=installed.mini_app.slug,
            period=installed.settings.period,
            student_number=person.number,
            step=step_key,
            action=action_key,
            intended_at=now,
        )
        session.add(intent)
        details = {"step": step_key, "action": action_key}
        add_event(
            session, "action_intended", actor=person.number, subject=person.number, details=details, now=now
        )
        session.flush()
        return intent.id


def _record_outcome(intent_id: int, outcome: ActionOutcome) -> None:
    now = get_now()
    with write_transaction() as session:
        intent = session.get_one(Action, intent_id)
        intent.outcome = outcome
        intent.finished_at = now
        details = {"step": intent.step, "action": intent.action, "outcome": str(outcome)}
        number = intent.student_number
        add_event(session, "action_finished", actor=number, subject=number, details=details, now=now)
