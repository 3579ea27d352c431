"""What a slip will say: the record that is printed, made at submission and never changed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime

from app.documents.fonts import MissingCharacters
from app.documents.layout import SlipTooLong
from app.documents.slip_pdf import check_printable
from app.domain.clearance import StepState
from app.domain.errors import CharacterMissing, SlipNotPrintable
from app.domain.miniapp import FieldSpec, Step
from app.domain.person import Person
from app.domain.slip import PrintedField, PrintedStep, SlipRecord
from app.domain.slip_number import create_slip_number
from app.services.installation import Installation, InstalledMiniApp

STATUS_WORDS = {"cleared": "通过", "waived": "豁免"}


def describe_person(
    installed: InstalledMiniApp, person: Person, fields: tuple[FieldSpec, ...]
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
    """What the slip will say. Raises CharacterMissing when no font holds a character of it, and
    SlipNotPrintable when it does not fit its page.
    """
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
    try:
        check_printable(record, installation.settings.service.host)
    except MissingCharacters as missing:
        raise CharacterMissing(missing.characters) from missing
    except SlipTooLong as error:
        raise SlipNotPrintable from error
    return record


def _print_step(installation: Installation, step: Step, state: StepState) -> PrintedStep:
    return PrintedStep(
        key=step.key,
        department=step.department,
        title=step.title,
        status=str(state.status),
        status_word=STATUS_WORDS[state.status],
        facts=_list_facts(step, state),
        learnt_at=f"{installation.get_local_time(state.learnt_at):%Y-%m-%d %H:%M:%S}",
    )


def _list_facts(step: Step, state: StepState) -> tuple[PrintedField, ...]:
    """A step's facts as shown, record by record; of a waived step who waived it and why, and of a
    student without a record one line that says so.
    """
    if state.waived is not None:
        return (
            PrintedField("waived", "豁免原因", state.waived.reason),
            PrintedField("waived_by", "批准人", state.waived.granted_by),
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
