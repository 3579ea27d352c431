"""Submitting 提交: once per student, mini-app and period, decided by one fresh round of all departments."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal, get_args

from sqlalchemy import Connection

from app import metrics
from app.domain.applies import describe_conditions
from app.domain.clearance import FactValue, StepState, Waived, list_missing_steps
from app.domain.errors import DesksBusy, NothingRequired, SigningUnavailable, StepsOutstanding
from app.domain.keys import NoSigningKey
from app.domain.person import Person
from app.domain.step import Step
from app.extensions import DATABASE_ERRORS, db
from app.models import (
    Sender,
    Submission,
    insert_once,
    read_connection,
    retry_conflicts,
    waited_in_vain,
    write_connection,
)
from app.services.audit import add_event
from app.services.clearance.live import get_live_clearance
from app.services.clearance.waivers import WaiversChanged, hold_waivers
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp
from app.services.slips.issuing import issue_slip, sign_code
from app.services.slips.records import make_record, require_printable
from app.services.slips.signing_keys import SlipKeyError
from app.services.slips.slips import find_slip_number, find_submitted_slip

log = logging.getLogger(__name__)

Outcome = Literal["issued", "no_key", "refused", "repeated"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
"""What a press of the submit button may come to, as it is counted."""


ROUNDS = 3
"""How often departments are asked at one press of the button, where what a round rests on changes meanwhile."""


class DesksMoved(Exception):
    """A desk decided about the student since its answer came: the slip would rest on what holds no more."""


class SubmissionRefused(Exception):
    """The fresh round did not clear the student: `fact` says which steps, `states` what was learnt."""

    def __init__(self, fact: StepsOutstanding, states: Mapping[str, StepState]) -> None:
        super().__init__(str(fact))
        self.fact = fact
        self.states = states


def submit(
    installation: Installation,
    installed: InstalledMiniApp,
    person: Person,
    before_asking: Callable[[], object] = lambda: None,
) -> str:
    """Submit for this student and return the slip's number; every repeat returns the same one. `before_asking` is
    called before departments are asked, and may raise to keep them from it.

    No network call happens inside the transaction. Raises OutsidePeriod, NotGraduating, NotAStudent,
    CharacterMissing, SlipNotPrintable, NothingRequired, SigningUnavailable, DesksBusy, or SubmissionRefused; nothing is
    stored then.
    """
    for _ in range(ROUNDS):
        try:
            return _submit(installation, installed, person, before_asking)
        except DesksMoved:
            before_asking = int  # the press of the button was admitted
    raise DesksBusy


def _submit(
    installation: Installation,
    installed: InstalledMiniApp,
    person: Person,
    before_asking: Callable[[], object],
) -> str:
    """One round. Raises DesksMoved too."""
    installed.require_graduate(person)
    existing = find_slip_number(installed, person.number)
    if existing is not None:
        _count(installed, "repeated")
        return existing
    installed.require_open(installation.get_local_time(get_now()).date())
    require_printable(installed, person)
    decisions = installed.mini_app.decide(person)
    if all(decision.applies is False for decision in decisions.values()):
        _count(installed, "refused")
        raise NothingRequired
    before_asking()
    states = get_live_clearance(installation, installed, person.number, decisions=decisions)
    missing = list_missing_steps(states, installed.mini_app.step_keys)
    if missing:
        _count(installed, "refused")
        raise SubmissionRefused(StepsOutstanding(missing), states)
    try:
        number, is_new = _store(installation, installed, person, states)
    except WaiversChanged:
        return submit(installation, installed, person)  # the departments decide now
    except DesksMoved:
        log.info("a desk decided meanwhile", extra={"mini_app": installed.mini_app.slug})
        raise
    except DATABASE_ERRORS as error:
        # Another press of this student's may have got through while this one waited for its turn.
        winner = find_slip_number(installed, person.number) if waited_in_vain(error) else None
        if winner is None:
            raise
        number, is_new = winner, False
    except (NoSigningKey, SlipKeyError) as error:
        _count(installed, "no_key")
        log.error("no key can sign a slip", extra={"reason": str(error)})
        raise SigningUnavailable from error
    _count(installed, "issued" if is_new else "repeated")
    if is_new:
        log.info("slip issued", extra={"mini_app": installed.mini_app.slug})
    return number


@retry_conflicts
def _store(
    installation: Installation,
    installed: InstalledMiniApp,
    person: Person,
    states: Mapping[str, StepState],
) -> tuple[str, bool]:
    """One transaction with submission, evidence, slip, code and audit event; the slip's number, and whether it
    is new. The UNIQUE constraint names the loser of a race, who gets the winner's slip. What can be made
    beforehand is: others wait for this transaction.
    """
    now = get_now()
    record = make_record(installation, installed, person, states, now)
    with read_connection(db.engine) as connection:
        code = sign_code(connection, installation, installed.mini_app.slug, record, now)
    submission = {
        "mini_app": installed.mini_app.slug,
        "period": installed.settings.period,
        "student_number": person.number,
        "student": person.to_json(),
        "evidence": {
            step.key: _describe_evidence(step, states[step.key]) for step in installed.mini_app.steps
        },
        "submitted_at": now,
    }
    details = {"mini_app": submission["mini_app"], "period": submission["period"], "slip": record.number}
    with write_connection(db.engine) as connection:
        hold_waivers(connection, installed, person.number, _list_waived(states))
        submission["id"] = insert_once(connection, Submission, submission)
        if submission["id"] is None:
            return _get_submitted_slip(connection, installed, person.number), False
        issue_slip(connection, submission, record, code, now)
        add_event(
            connection, "slip_issued", actor=person.number, subject=person.number, details=details, now=now
        )
        # Behind the event, whose lock keeps every decision out until this transaction ends.
        require_unmoved(connection, installed, states)
    return record.number, True


def require_unmoved(
    connection: Connection, installed: InstalledMiniApp, states: Mapping[str, StepState]
) -> None:
    """Raise DesksMoved where a desk's entry is not of the version by which a step passes any more."""
    for state in states.values():
        reading = state.reading
        if reading is None or reading.version is None or state.waived or installed.desk_book is None:
            continue
        found = installed.desk_book.find_within(connection, reading.system, reading.student_number)
        if not found.still_holds(reading.version):
            raise DesksMoved


def _list_waived(states: Mapping[str, StepState]) -> dict[str, Waived]:
    return {key: state.waived for key, state in states.items() if state.waived}


def _get_submitted_slip(sender: Sender, installed: InstalledMiniApp, student_number: str) -> str:
    number = find_submitted_slip(sender, installed, student_number)
    assert number is not None, "a submission without a slip"
    return number


def _count(installed: InstalledMiniApp, outcome: Outcome) -> None:
    metrics.submissions.labels(installed.mini_app.slug, outcome).inc()


def _describe_evidence(step: Step, state: StepState) -> dict[str, Any]:
    """What let a step pass; of one that is not for everybody also its conditions, and what the sign-in told of the person."""
    reading, waived = state.reading, state.waived
    conditions = (
        {"applies": describe_conditions(step.applies), "told": dict(state.told)} if step.applies else {}
    )
    return conditions | {
        "status": str(state.status),
        "waived": {"reason": waived.reason, "granted_by": waived.granted_by} if waived else None,
        "system": reading.system if reading else None,
        "learnt_at": state.learnt_at.isoformat(),
        "controls_agreed_at": state.controls_agreed_at.isoformat() if state.controls_agreed_at else None,
        "records": [
            {key: _describe_value(value) for key, value in record.items()}
            for record in (reading.records if reading else ())
        ],
    }


def _describe_value(value: FactValue) -> str | int | bool | None:
    if value is None or isinstance(value, str | bool | int):
        return value
    return str(value) if isinstance(value, Decimal) else value.isoformat()
