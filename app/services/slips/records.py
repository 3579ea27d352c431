"""What a slip will say: the record that is printed, made at submission and never changed.

Characters that no font holds are told before anything is asked or issued: to the student themselves, to the operator by
code point and field, never with a name.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from app import metrics
from app.documents.fonts import MissingCharacters, find_missing_characters
from app.documents.layout import SlipTooLong
from app.documents.slip_pdf import check_printable
from app.domain.clearance import Status, StepState
from app.domain.errors import CharacterMissing, SlipNotPrintable
from app.domain.mini_app import FieldSpec
from app.domain.person import Person
from app.domain.slip import PrintedField, PrintedStep, SlipRecord, create_slip_number
from app.domain.step import Step
from app.services.installation import Installation, InstalledMiniApp

log = logging.getLogger(__name__)
MOST_LOGGED = 4
"""Code points of a field. More of them would be a name."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a slip says beside its mini-app's words; `statuses` by status."""

    statuses: Mapping[str, str]
    reason: str
    approver: str
    note: str


CHINESE = Words(
    {"cleared": "通过", "waived": "豁免", "not_required": "无需办理"}, "豁免原因", "批准人", "说明"
)
ENGLISH = Words(
    {"cleared": "Passed", "waived": "Waived", "not_required": "Not required"}, "Reason", "Approved by", "Note"
)


def describe_person(
    installed: InstalledMiniApp, person: Person, fields: tuple[FieldSpec, ...]
) -> tuple[PrintedField, ...]:
    """A person's fields as shown and printed."""
    period = installed.settings.period_title
    return tuple(PrintedField(field.key, field.label, field.get_value(person, period)) for field in fields)


def find_unprintable(installed: InstalledMiniApp, person: Person) -> tuple[PrintedField, ...]:
    """The fields about this person that no font can print, each with the characters as its value."""
    return _list_unprintable(installed, describe_person(installed, person, installed.mini_app.slip.fields))


def require_printable(installed: InstalledMiniApp, person: Person) -> None:
    """Raise CharacterMissing where a field about this person cannot be printed."""
    fields = find_unprintable(installed, person)
    if fields:
        raise CharacterMissing(fields)


def make_record(
    installation: Installation,
    installed: InstalledMiniApp,
    person: Person,
    states: Mapping[str, StepState],
    now: datetime,
) -> SlipRecord:
    """What the slip will say, with English beside the Chinese for who reads English, unless it does not fit its
    page so. Raises CharacterMissing when no font holds a character of it, and SlipNotPrintable when it
    does not fit at all.
    """
    record = _write_record(installation, installed, person, states, now)
    host = installation.settings.service.host
    try:
        english = installed.mini_app.translations.get("en") if person.reads_english else None
        if english is not None:
            shown = replace(installed, mini_app=english)
            both = join_languages(record, _write_record(installation, shown, person, states, now, ENGLISH))
            with suppress(SlipTooLong):
                check_printable(both, host)
                return both
        check_printable(record, host)
    except MissingCharacters as missing:
        raise _name_missing(installed, record, missing.characters) from missing
    except SlipTooLong as error:
        raise SlipNotPrintable from error
    return record


def _write_record(
    installation: Installation,
    installed: InstalledMiniApp,
    person: Person,
    states: Mapping[str, StepState],
    now: datetime,
    words: Words = CHINESE,
) -> SlipRecord:
    mini_app, seal = installed.mini_app, installed.settings.seal
    local = installation.get_local_time(now)
    return SlipRecord(
        title=mini_app.slip.title,
        number=create_slip_number(local.date(), secrets.randbelow),
        fields=describe_person(installed, person, mini_app.slip.fields),
        steps=tuple(_print_step(installation, step, states[step.key], words) for step in mini_app.steps),
        statement=mini_app.slip.statement,
        submitted_at=f"{local:%Y-%m-%d %H:%M:%S}",
        issued_on=local.date().isoformat(),
        office=mini_app.slip.issuing_office,
        seal=seal.digest if seal and mini_app.slip.issuing_office else "",
    )


def _print_step(installation: Installation, step: Step, state: StepState, words: Words) -> PrintedStep:
    return PrintedStep(
        key=step.key,
        department=step.department,
        title=step.title,
        status=str(state.status),
        status_word=words.statuses[state.status],
        facts=_list_facts(step, state, words),
        learnt_at=f"{installation.get_local_time(state.learnt_at):%Y-%m-%d %H:%M:%S}",
    )


def _list_facts(step: Step, state: StepState, words: Words) -> tuple[PrintedField, ...]:
    """A step's facts as shown, record by record; of a waived step who waived it and why, and of a
    student without a record, or for whom it is not, one line that says so.
    """
    if state.status is Status.NOT_REQUIRED:
        return (PrintedField("not_required", words.note, step.not_required_says),)
    if state.waived is not None:
        return (
            PrintedField("waived", words.reason, state.waived.reason),
            PrintedField("waived_by", words.approver, state.waived.granted_by),
        )
    if state.reading is None:
        return ()
    if not state.reading.records:
        return (PrintedField("no_record", words.note, step.no_record_says),)
    return tuple(
        PrintedField(fact.key, fact.label, fact.format(record.get(fact.key)))
        for record in state.reading.records
        for fact in step.facts
    )


def join_languages(record: SlipRecord, english: SlipRecord) -> SlipRecord:
    """One record in both languages of the two that say the same."""
    return replace(
        record,
        fields=_join_fields(record.fields, english.fields),
        steps=tuple(map(_join_steps, record.steps, english.steps)),
        statement=join_texts(record.statement, english.statement),
        second_title=english.title,
        second_office="" if english.office in record.office else english.office,
    )


def _join_steps(step: PrintedStep, english: PrintedStep) -> PrintedStep:
    return replace(
        step,
        department=join_texts(step.department, english.department),
        title=join_texts(step.title, english.title),
        status_word=join_texts(step.status_word, english.status_word),
        facts=_join_fields(step.facts, english.facts),
    )


def _join_fields(
    fields: tuple[PrintedField, ...], english: tuple[PrintedField, ...]
) -> tuple[PrintedField, ...]:
    pairs = zip(fields, english, strict=True)
    return tuple(
        PrintedField(one.key, join_texts(one.label, other.label), join_texts(one.value, other.value))
        for one, other in pairs
    )


def join_texts(chinese: str, english: str) -> str:
    """The English behind the Chinese, where it says anything more."""
    return chinese if english in chinese else f"{chinese} {english}"


def _name_missing(installed: InstalledMiniApp, record: SlipRecord, characters: str) -> CharacterMissing:
    """What to raise for a record of which no font holds these characters: the fields and facts that have them."""
    facts = (fact for step in record.steps for fact in step.facts)
    fields = _list_unprintable(installed, (*record.fields, *facts))
    return CharacterMissing(fields or (PrintedField("slip", record.title, characters),))


def _list_unprintable(
    installed: InstalledMiniApp, fields: Iterable[PrintedField]
) -> tuple[PrintedField, ...]:
    found = (replace(field, value=find_missing_characters(field.value)) for field in fields)
    unprintable = tuple(field for field in found if field.value)
    for field in unprintable:
        points = sorted({f"U+{ord(character):04X}" for character in field.value})[:MOST_LOGGED]
        details = {"mini_app": installed.mini_app.slug, "field": field.key, "characters": " ".join(points)}
        log.warning("character missing", extra=details)
    if unprintable:
        metrics.characters_missing.labels(installed.mini_app.slug).inc()
    return unprintable
