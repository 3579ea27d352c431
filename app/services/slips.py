"""Slips 离校单: made at submission, shown to their holder, rendered from their record."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.documents.fonts import find_missing_characters
from app.documents.slip_pdf import SlipCodeText, render_slip_pdf
from app.documents.slip_png import render_slip_png
from app.domain.clearance import StepState
from app.domain.errors import CharacterMissing, UnknownSlip
from app.domain.miniapp import MiniApp, Step
from app.domain.person import Person
from app.domain.slip import (
    PrintedField,
    PrintedStep,
    SlipRecord,
    get_content_digest,
    mask_name,
    parse_slip_record,
)
from app.domain.slip_code import SlipCode, format_short_code, get_last_four, sign_slip_code
from app.domain.slip_number import create_slip_number
from app.extensions import DatabaseSession, db
from app.models import IssuedCode, Slip, Submission
from app.services.installation import Installation, InstalledMiniApp

DOCUMENT_TYPE_DEPARTURE = 1
STATUS_LIST_SIZE = 131_072
STATUS_WORDS = {"cleared": "通过", "waived": "豁免"}


@dataclass(frozen=True, slots=True)
class HeldSlip:
    """A slip as its holder sees it."""

    number: str
    mini_app: str
    record: SlipRecord
    code: SlipCodeText
    submitted_at: datetime

    @property
    def name(self) -> str:
        """The holder's name as printed."""
        return self.record.get_field("name")


def describe_person(
    installed: InstalledMiniApp, person: Person, fields: tuple[Any, ...]
) -> tuple[PrintedField, ...]:
    """A person's fields as shown and printed; what the sign-in did not tell is a dash."""
    values = {
        "name": person.name,
        "student_number": person.number,
        "college": person.college,
        "major": person.major,
        "level": person.level,
        "period": installed.settings.period_title,
    }
    return tuple(PrintedField(field.key, field.label, values[field.key] or "—") for field in fields)


def make_record(
    installation: Installation,
    installed: InstalledMiniApp,
    person: Person,
    states: Mapping[str, StepState],
    now: datetime,
) -> SlipRecord:
    """What the slip will say. Raises CharacterMissing when no font holds a character of it."""
    mini_app = installed.mini_app
    local = installation.get_local_time(now)
    record = SlipRecord(
        title=mini_app.slip.title,
        number=create_slip_number(local.date(), secrets.randbelow),
        fields=describe_person(installed, person, mini_app.slip.fields),
        steps=tuple(_print_step(installation, step, states[step.key]) for step in mini_app.steps),
        statement=mini_app.slip.statement,
        submitted_at=f"{local:%Y-%m-%d %H:%M:%S}",
        issued_on=local.date().isoformat(),
    )
    _require_printable(record)
    return record


def _print_step(installation: Installation, step: Step, state: StepState) -> PrintedStep:
    return PrintedStep(
        key=step.key,
        department=step.department,
        title=step.title,
        status=str(state.status),
        status_word=STATUS_WORDS[state.status],
        facts=list_facts(step, state),
        learnt_at=f"{installation.get_local_time(state.learnt_at):%Y-%m-%d %H:%M:%S}",
    )


def list_facts(step: Step, state: StepState) -> tuple[PrintedField, ...]:
    """A step's facts as shown, record by record; a student without a record has one line that says so."""
    if state.waived is not None:
        return (
            PrintedField("waiver_reason", "豁免原因", state.waived.reason),
            PrintedField("waiver_granted_by", "批准人", state.waived.granted_by),
        )
    if state.reading is None:
        return ()
    if not state.reading.records:
        return (PrintedField("no_record", "说明", step.no_record_says),)
    return tuple(
        PrintedField(fact.key, fact.label, fact.format(record.get(fact.key)))
        for record in state.reading.records
        for fact in step.facts
    )


def _require_printable(record: SlipRecord) -> None:
    texts = [field.value for field in record.fields]
    texts += [fact.value for step in record.steps for fact in step.facts]
    missing = find_missing_characters("".join(texts))
    if missing:
        raise CharacterMissing(missing)


def add_slip(
    session: DatabaseSession,
    installation: Installation,
    submission: Submission,
    record: SlipRecord,
    now: datetime,
) -> Slip:
    """Sign a code for the record and add slip and code to the transaction, which must hold the audit
    chain's lock, so that nobody takes the same place of the status list at the same time.
    """
    slip = Slip(number=record.number, submission=submission, record=record.to_json(), issued_at=now)
    kid, signer = installation.slip_keys.current().get_signer(installation.get_local_time(now).date())
    code = _make_code(session, installation, record, kid, now)
    slip.codes.append(
        IssuedCode(
            short_code=format_short_code(code.slip_id),
            digits=sign_slip_code(code, installation.settings.service.host, signer),
            kid=kid,
            status_index=code.status_index,
            issued_at=now,
        )
    )
    session.add(slip)
    return slip


def _make_code(
    session: DatabaseSession, installation: Installation, record: SlipRecord, kid: int, now: datetime
) -> SlipCode:
    today = installation.get_local_time(now).date()
    validity_days = installation.settings.slip.validity_days
    slip_id = secrets.token_bytes(10)
    return SlipCode(
        kid=kid,
        slip_id=slip_id,
        issued_on=today,
        expires_on=today + timedelta(days=validity_days) if validity_days else None,
        document_type=DOCUMENT_TYPE_DEPARTURE,
        status_index=_choose_status_index(session),
        content_digest=get_content_digest(slip_id, record),
        last_four=get_last_four(record.get_field("student_number")),
        masked_name=mask_name(record.get_field("name")),
    )


def _choose_status_index(session: DatabaseSession) -> int:
    while True:
        index = secrets.randbelow(STATUS_LIST_SIZE)
        if session.scalar(select(IssuedCode.id).where(IssuedCode.status_index == index)) is None:
            return index


def find_submitted_slip(
    session: DatabaseSession, installed: InstalledMiniApp, student_number: str
) -> str | None:
    """The number of the slip that this student already has from this mini-app and period, or None."""
    return session.scalar(
        select(Slip.number)
        .join(Slip.submission)
        .where(
            Submission.mini_app == installed.mini_app.slug,
            Submission.period == installed.settings.period,
            Submission.student_number == student_number,
        )
    )


def get_slip(installation: Installation, number: str, student_number: str | None) -> HeldSlip:
    """The slip of this number if it is this student's (None: whoever holds a signed link).

    Raises UnknownSlip otherwise, as for a number that does not exist.
    """
    query = select(Slip).where(Slip.number == number).join(Slip.submission)
    if student_number is not None:
        query = query.where(Submission.student_number == student_number)
    slip = db.session.scalar(query.options(joinedload(Slip.submission), joinedload(Slip.codes)))
    if slip is None:
        raise UnknownSlip(number)
    return _hold(installation, slip)


def list_slips(installation: Installation, student_number: str) -> list[HeldSlip]:
    """A student's slips, the newest first."""
    query = (
        select(Slip)
        .join(Slip.submission)
        .where(Submission.student_number == student_number)
        .order_by(Slip.issued_at.desc())
        .options(joinedload(Slip.submission), joinedload(Slip.codes))
    )
    return [_hold(installation, slip) for slip in db.session.scalars(query).unique()]


def _hold(installation: Installation, slip: Slip) -> HeldSlip:
    service = installation.settings.service
    code = slip.codes[-1]
    return HeldSlip(
        number=slip.number,
        mini_app=slip.submission.mini_app,
        record=parse_slip_record(slip.record),
        code=SlipCodeText(f"{service.base_url}/v/{code.digits}", code.short_code, service.host),
        submitted_at=slip.submission.submitted_at,
    )


def render_pdf(slip: HeldSlip) -> bytes:
    """The slip as a PDF file, from its record alone."""
    return render_slip_pdf(slip.record, slip.code)


def render_png(slip: HeldSlip) -> bytes:
    """The slip as a picture of that PDF."""
    return render_slip_png(render_pdf(slip))


def get_printed_mini_app_title(mini_apps: Mapping[str, InstalledMiniApp], slug: str) -> str:
    """The title of the mini-app that made a slip, or its slug when it is no longer installed."""
    found: MiniApp | None = next(
        (item.mini_app for item in mini_apps.values() if item.mini_app.slug == slug), None
    )
    return found.title if found else slug
