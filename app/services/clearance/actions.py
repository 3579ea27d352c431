"""Actions 操作 in a department's system: the intent is committed first, then the call is made, then its
outcome is committed. An unknown outcome is settled by asking for the status, never by a second call.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select

from app.connectors.base import ActionOutcome
from app.connectors.client import perform_action
from app.domain.clearance import Status, StepState
from app.domain.errors import ActionNotOffered, UnknownStep
from app.domain.person import Person
from app.domain.step import ActionSpec, Step
from app.extensions import DatabaseSession, db
from app.models import Action, retry_conflicts, write_transaction
from app.services.audit import add_event, lock_audit
from app.services.clearance.live import get_live_step
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 0.1
CALLS_PER_ACTION = 3
"""An action asks for the status, acts and asks again, each within the round's deadline: an intent without
an outcome that is older than that belongs to a process that died.
"""


@dataclass(frozen=True, slots=True)
class _Intent:
    """An intent that was committed; another request's when `is_ours` is false."""

    id: int
    is_ours: bool


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
    was unknown. Of several requests at the same time one calls, and the others wait for what it learns.
    Raises UnknownStep, and ActionNotOffered (nothing is called) when the department's present answer does
    not call for this action, or its connector has none of this name.
    """
    _, action = get_action(installed, step_key, action_key)
    deadline = installation.settings.round.deadline_seconds
    asked_at = get_now()
    decisions = installed.mini_app.decide(person)
    before = get_live_step(installation, installed, step_key, person.number, decisions)
    if before.status is Status.CLEARED:
        _settle_dead_intents(person, step_key, action_key, before, deadline)
        return ActionOutcome.CONFIRMED, before
    if action_key not in installed.connectors[step_key].actions:
        log.error("action not configured", extra={"step": step_key, "action": action_key})
        raise ActionNotOffered(action_key)
    if not action.is_offered(before.finding):
        raise ActionNotOffered(action_key)
    intent = _record_intent(installed, person, step_key, action_key, asked_at, deadline)
    _settle_dead_intents(person, step_key, action_key, before, deadline)
    if intent.is_ours:
        outcome = perform_action(installed.connectors[step_key], action_key, person.number, deadline)
    else:
        outcome = _await_outcome(intent.id, CALLS_PER_ACTION * deadline)
    after = get_live_step(installation, installed, step_key, person.number, decisions)
    if outcome is ActionOutcome.UNKNOWN and after.status is Status.CLEARED:
        outcome = ActionOutcome.CONFIRMED
    if intent.is_ours:
        _record_outcome(intent.id, outcome)
    return outcome, after


@retry_conflicts
def _settle_dead_intents(
    person: Person, step_key: str, action_key: str, state: StepState, deadline: float
) -> None:
    """Give an outcome to intents whose process died: confirmed where the department's present answer passes, and
    unknown otherwise.
    """
    alive_since = get_now() - timedelta(seconds=CALLS_PER_ACTION * deadline)
    dead = select(Action.id).where(
        Action.student_number == person.number,
        Action.step == step_key,
        Action.action == action_key,
        Action.outcome.is_(None),
        Action.intended_at < alive_since,
    )
    found = db.session.scalars(dead).all()
    db.session.rollback()
    outcome = ActionOutcome.CONFIRMED if state.status is Status.CLEARED else ActionOutcome.UNKNOWN
    for intent_id in found:
        _record_outcome(intent_id, outcome)


def _record_intent(
    installed: InstalledMiniApp,
    person: Person,
    step_key: str,
    action_key: str,
    asked_at: datetime,
    deadline: float,
) -> _Intent:
    """Commit the intent, unless another request is acting just now or has acted since `asked_at`: then the
    status that ours is based on is out of date, and the other's intent is returned.
    """
    now = get_now()
    with write_transaction() as session:
        lock_audit(session)
        alive_since = now - timedelta(seconds=CALLS_PER_ACTION * deadline)
        rival = _find_rival(session, person, step_key, action_key, asked_at, alive_since)
        if rival is not None:
            return _Intent(rival, is_ours=False)
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
        return _Intent(intent.id, is_ours=True)


def _find_rival(
    session: DatabaseSession,
    person: Person,
    step_key: str,
    action_key: str,
    asked_at: datetime,
    alive_since: datetime,
) -> int | None:
    is_open = and_(Action.outcome.is_(None), Action.intended_at >= alive_since)
    return session.scalar(
        select(Action.id)
        .where(
            Action.student_number == person.number,
            Action.step == step_key,
            Action.action == action_key,
            or_(is_open, Action.finished_at >= asked_at),
        )
        .order_by(Action.id.desc())
        .limit(1)
    )


def _await_outcome(intent_id: int, seconds: float) -> ActionOutcome:
    """The outcome of another request's call, as soon as it is known."""
    ends_at = time.monotonic() + seconds
    while True:
        outcome = db.session.scalar(select(Action.outcome).where(Action.id == intent_id))
        db.session.rollback()
        if outcome is not None:
            return ActionOutcome(outcome)
        if time.monotonic() >= ends_at:
            return ActionOutcome.UNKNOWN
        time.sleep(LOOK_AGAIN_SECONDS)


@retry_conflicts
def _record_outcome(intent_id: int, outcome: ActionOutcome) -> None:
    now = get_now()
    with write_transaction() as session:
        intent = session.get_one(Action, intent_id)
        intent.outcome = outcome
        intent.finished_at = now
        details = {"step": intent.step, "action": intent.action, "outcome": str(outcome)}
        number = intent.student_number
        add_event(session, "action_finished", actor=number, subject=number, details=details, now=now)
