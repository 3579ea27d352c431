"""Submitting 提交: once per student, mini-app and period, decided by one fresh round of all departments."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.exc import IntegrityError

from app import metrics
from app.domain.clearance import FactValue, StepState, list_missing_steps
from app.domain.errors import StepsOutstanding
from app.domain.person import Person
from app.domain.slip import SlipRecord
from app.extensions import db
from app.models import Submission, write_transaction
from app.services.audit import add_event, lock_audit
from app.services.clearances import get_live_clearance
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp
from app.services.slips import add_slip, find_submitted_slip, make_record

log = logging.getLogger(__name__)


class SubmissionRefused(Exception):
    """The fresh round did not clear the student: `fact` says which steps, `states` what was learnt."""

    def __init__(self, fact: StepsOutstanding, states: Mapping[str, StepState]) -> None:
        super().__init__(str(fact))
        self.fact = fact
        self.states = states


def submit(installation: Installation, installed: InstalledMiniApp, person: Person) -> str:
    """Submit for this student and return the slip's number; every repeat returns the same one.

    No network call happens inside the transaction. Raises OutsidePeriod, NotGraduating, NotAStudent,
    CharacterMissing, SlipNotPrintable, or SubmissionRefused; nothing is stored then.
    """
    installed.require_graduate(person)
    existing = find_submitted_slip(db.session, installed, person.number)
    if existing is not None:
        _count(installed, "repeated")
        return existing
    installed.require_open(installation.get_local_time(get_now()).date())
    db.session.rollback()
    states = get_live_clearance(installation, installed, person.number)
    missing = list_missing_steps(states, installed.mini_app.step_keys)
    if missing:
        _count(installed, "refused")
        raise SubmissionRefused(StepsOutstanding(missing), states)
    now = get_now()
    record = make_record(installation, installed, person, states, now)
    return _store(installation, installed, person, states, record, now)


def _store(
    installation: Installation,
    installed: InstalledMiniApp,
    person: Person,
    states: Mapping[str, StepState],
    record: SlipRecord,
    now: datetime,
) -> str:
    """One transaction with submission, evidence, slip, code and audit event. The UNIQUE constraint names
    the loser of a race, who gets the winner's slip.
    """
    submission = Submission(
        mini_app=installed.mini_app.slug,
        period=installed.settings.period,
        student_number=person.number,
        student=person.to_json(),
        evidence={key: _describe_evidence(state) for key, state in states.items()},
        submitted_at=now,
    )
    try:
        with write_transaction() as session:
            lock_audit(session)
            session.add(submission)
            session.flush()
            add_slip(session, installation, submission, record, now)
            details = {"mini_app": submission.mini_app, "period": submission.period, "slip": record.number}
            add_event(
                session, "slip_issued", actor=person.number, subject=person.number, details=details, now=now
            )
    except IntegrityError:
        existing = find_submitted_slip(db.session, installed, person.number)
        if existing is None:
            raise
        _count(installed, "repeated")
        return existing
    _count(installed, "issued")
    log.info("slip issued", extra={"mini_app": installed.mini_app.slug})
    return record.number


def _count(installed: InstalledMiniApp, outcome: str) -> None:
    metrics.submissions.labels(installed.mini_app.slug, outcome).inc()


def _describe_evidence(state: StepState) -> dict[str, Any]:
    reading, waived = state.reading, state.waived
    return {
        "status": str(state.status),
        "waived": {"reason": waived.reason, "granted_by": waived.granted_by} if waived else None,
        "system": reading.system if reading else None,
        "learnt_at": state.learnt_at.isoformat(),
        "records": [
            {key: _describe_value(value) for key, value in record.items()}
            for record in (reading.records if reading else ())
        ],
    }


def _describe_value(value: FactValue) -> str | int | bool | None:
    if value is None or isinstance(value, str | bool | int):
        return value
    return str(value) if isinstance(value, Decimal) else value.isoformat()
