"""Proves what an answer about a patron says, and turns it into facts.

Source of the fields: 3M Standard Interchange Protocol, version 2.00: patron status response 24, patron information
response 64. An answer becomes one document of texts, in which the configuration's paths are looked up:

- the fourteen flags of the patron status as `yes` and `no`, by the names in FLAGS, in the standard's order;
- the six counts of a 64, by the names in COUNTS; None for four blanks, which mean that the system does not count;
- the variable fields by their codes, e.g. `AA` (patron), `AE` (name), `BL` (valid patron), `BV` (fee amount);
- each group of flags of the configuration, e.g. `blocked`, with `count`, how many are set, and `extent`, `all`,
  `some` or `none`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.connectors.answer import ActionShape, NoRecord, require_student
from app.connectors.base import Fault, UntrustedAnswer
from app.connectors.fields import Field, FieldType
from app.connectors.paths import Mark, all_hold, look_up
from app.connectors.sip2_codec import DATE_LENGTH, Message
from app.domain.clearance import Record
from app.domain.conventions import USUAL, Conventions

FLAGS = (
    "charge_denied",
    "renewal_denied",
    "recall_denied",
    "hold_denied",
    "card_reported_lost",
    "too_many_charged",
    "too_many_overdue",
    "too_many_renewals",
    "too_many_claims_returned",
    "too_many_lost",
    "excessive_fines",
    "excessive_fees",
    "recall_overdue",
    "too_many_billed",
)
DENIALS = frozenset(FLAGS[:4])
"""What a reader may not do, for whatever reason."""
COUNTS = ("hold_items", "overdue_items", "charged_items", "fine_items", "recall_items", "unavailable_holds")
COUNT_LENGTH = 4
STATUS_HEADER = len(FLAGS) + 3 + DATE_LENGTH
INFORMATION_HEADER = STATUS_HEADER + len(COUNTS) * COUNT_LENGTH

PATRON, NAME, CURRENCY, FEE = "AA", "AE", "BH", "BV"

_STATUS = re.compile(r"([Y ]{14})[0-9]{3}[0-9]{8}[A-Z ]{4}[0-9]{6}(.*)")
_COUNT = re.compile(r"[0-9]{4}")
_NOTHING = re.compile(r"0*(\.0*)?")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PatronShape:
    """What a trusted answer looks like; the keys are explained in `sip2_config.py`."""

    success: tuple[Mark, ...]
    no_record: NoRecord
    no_record_marks: tuple[Mark, ...]
    fields: Mapping[str, Field]
    groups: Mapping[str, tuple[str, ...]]
    currency: str
    conventions: Conventions = USUAL


def make_document(shape: PatronShape, message: Message, student_number: str) -> Document:
    """An answer about this student as one document; raises UntrustedAnswer."""
    header = _STATUS.fullmatch(message.header)
    if header is None:
        raise UntrustedAnswer(Fault.NOT_SIP2)
    if PATRON not in message.fields:
        raise UntrustedAnswer(Fault.MISSING_FIELD)
    require_student(shape.conventions, message.fields[PATRON], student_number)
    flags = {name: "yes" if mark == "Y" else "no" for name, mark in zip(FLAGS, header[1], strict=True)}
    counts = _read_counts(header[2]) if header[2] else {}
    return {**message.fields, **flags, **counts, **_sum_up(shape.groups, flags)}


def read_patron(shape: PatronShape, document: Document) -> tuple[Record, ...]:
    """The facts about the patron; none exactly when the system says, as configured, that it has no such patron.

    A system that does not know a patron repeats the number all the same, with counts of zero and, where the
    standard asks for one, no name: without a name there is no record. Raises UntrustedAnswer.
    """
    if shape.no_record is NoRecord.MARKED and all_hold(shape.no_record_marks, document):
        _require_nothing(document)
        return ()
    if not all_hold(shape.success, document) or not str(look_up(document, (NAME,))).strip():
        raise UntrustedAnswer(Fault.NO_SUCCESS)
    _require_consistent(document)
    has_money = any(field.type is FieldType.MONEY for field in shape.fields.values())
    if has_money and look_up(document, (CURRENCY,)) != shape.currency:
        raise UntrustedAnswer(Fault.UNKNOWN_VALUE)
    return ({fact: field.read(document) for fact, field in shape.fields.items()},)


def make_action_shape(
    confirmed: tuple[Mark, ...],
    already: tuple[Mark, ...],
    refused: tuple[Mark, ...],
    conventions: Conventions = USUAL,
) -> ActionShape:
    """What the answers to an action mean; the patron must be the student in each."""
    return ActionShape((PATRON,), confirmed, already, refused, conventions)


def _read_counts(text: str) -> dict[str, str | None]:
    places = range(0, len(text), COUNT_LENGTH)
    return {
        name: _read_count(text[place : place + COUNT_LENGTH])
        for name, place in zip(COUNTS, places, strict=True)
    }


def _read_count(text: str) -> str | None:
    if text == " " * COUNT_LENGTH:
        return None
    if not _COUNT.fullmatch(text):
        raise UntrustedAnswer(Fault.ODD_NUMBER)
    return str(int(text))


def _sum_up(groups: Mapping[str, tuple[str, ...]], flags: Mapping[str, str]) -> Document:
    found = {}
    for name, members in groups.items():
        count = sum(flags[member] == "yes" for member in members)
        extent = "none" if count == 0 else "all" if count == len(members) else "some"
        found[name] = {"count": str(count), "extent": extent}
    return found


def _require_consistent(document: Document) -> None:
    """A fee of nothing beside fines, or more overdue items than charged ones: one of the two is wrong."""
    owes = document.get("fine_items") not in (None, "0") or "yes" in (
        document["excessive_fines"],
        document["excessive_fees"],
    )
    if owes and FEE in document and _NOTHING.fullmatch(document[FEE]):
        raise UntrustedAnswer(Fault.CONTRADICTION)
    overdue, charged = document.get("overdue_items"), document.get("charged_items")
    if overdue is not None and charged is not None and int(overdue) > int(charged):
        raise UntrustedAnswer(Fault.CONTRADICTION)


def _require_nothing(document: Document) -> None:
    """A patron who is not there has no name, no items and no fees."""
    has_items = any(document.get(name) not in (None, "0") for name in COUNTS)
    if document.get(NAME) or has_items or not _NOTHING.fullmatch(document.get(FEE, "")):
        raise UntrustedAnswer(Fault.CONTRADICTION)
