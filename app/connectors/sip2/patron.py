"""Proves what an answer about a patron says, and turns it into facts.

Source of the fields: 3M Standard Interchange Protocol, version 2.00: patron status response 24, patron information
response 64. An answer becomes one document of texts, in which the configuration's paths are looked up:

- the fourteen flags of the patron status as `yes` and `no`, by the names in FLAGS, in the standard's order;
- the six counts of a 64, by the names in COUNTS; None for four blanks, which mean that the system does not count;
- the variable fields by their codes, e.g. `AA` (patron), `AE` (name), `BL` (valid patron), `BV` (fee amount); of those
  that list items, how many items they list;
- each group of flags of the configuration, e.g. `blocked`, with `count`, how many are set, and `extent`, `all`,
  `some` or `none`.

Most of an answer is read by no fact, and yet it may speak against those that are. So nobody is believed to have nothing
open while another part of the same answer says that there is something (`_SHOWN_IN`), and nobody whom the library
calls invalid (`_MUST_BE_VALID`) in a word that the configuration does not name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic import Field as Key

from app.config_model import Choice, Flag, Mistakes, Section, Texts, matching, one_of
from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.field_keys import FieldType, OfCampus
from app.connectors.fields import Facts, Field
from app.connectors.json_paths import Marks, all_hold, look_up
from app.connectors.reading import NoRecord, require_student
from app.connectors.sip2.codec import DATE_LENGTH, Message
from app.domain.clearance import Record
from app.domain.conventions import USUAL

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

MAX_APART = timedelta(days=2)
"""Of a message's date and today: it is in local time, and clocks go wrong. A message of long ago was kept somewhere."""

_SHOWN_IN: Mapping[str, tuple[str, ...]] = {
    "too_many_charged": ("charged_items",),
    "too_many_overdue": ("overdue_items", "charged_items"),
    "recall_overdue": ("overdue_items", "charged_items"),
    "overdue_items": ("charged_items",),
    "recall_items": ("charged_items",),
    "AT": ("overdue_items", "charged_items"),
    "AU": ("charged_items",),
    "BU": ("recall_items", "charged_items"),
    "AV": ("fine_items", FEE),
    "fine_items": (FEE,),
    "excessive_fines": (FEE,),
    "excessive_fees": (FEE,),
    "card_reported_lost": (),
}
"""What says that something is open, and the counts and the fee that must then not be too small."""
_MUST_BE_VALID = ("BL", "CQ")
"""Valid patron, valid patron's password."""

_STATUS = re.compile(r"([Y ]{14})[0-9]{3}[0-9]{8}[A-Z ]{4}[0-9]{6}(.*)")
_COUNT = re.compile(r"[0-9]{4}")
_NOTHING = re.compile(r" *0*(\.0*)? *")

Document = dict[str, Any]


def _check_groups(groups: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    mistakes = []
    for name, flags in groups.items():
        if not re.fullmatch(r"[a-z_]+", name) or name in (*FLAGS, *COUNTS):
            mistakes.append((name, "is not a name of its own in small letters"))
        elif not flags or not set(flags) <= set(FLAGS):
            mistakes.append((name, f"must be a list of {', '.join(FLAGS)}"))
    if mistakes:
        raise Mistakes(*mistakes)
    return {name: tuple(dict.fromkeys(flags)) for name, flags in groups.items()}


class PatronShape(Section):
    """What a trusted answer about a patron looks like."""

    success: Marks = Key(
        description="table of path = value, or list of values: all must hold for a patron to be believed, e.g. "
        '`{ BL = "Y" }`; the name `AE` must not be empty either'
    )
    no_record: Annotated[Choice[NoRecord], one_of(NoRecord.NEVER, NoRecord.MARKED)] = Key(
        description="`never`; `marked`: `no_record_mark` says that there is no such patron, and no name, items or fees "
        "are there"
    )
    no_record_mark: Marks = Key((), description='with `marked`: table like `success`, e.g. `{ BL = "N" }`')
    currency: Annotated[str, matching(r"[A-Z]{3}")] = Key(
        "",
        description="what `BH` must be beside an amount of money, e.g. `CNY`; needed where a fact is money",
    )
    without_fee: Flag = Key(
        False,
        description="true: an answer without `BV` says that there is no fee. So says then one that lost its `BV`, unless its "
        "counts or flags speak of fines",
    )
    without_currency: Flag = Key(
        False,
        description="true: an answer may be without `BH`, and amounts are then in `currency`; one of another currency, "
        "named nowhere, would be taken for it",
    )
    groups: Annotated[Mapping[str, Texts], AfterValidator(_check_groups)] = Key(
        {}, description="name = list of flags: gives the paths `<name>.count` and `<name>.extent`"
    )
    fields: Facts[Field]
    conventions: OfCampus = USUAL

    @property
    def named(self) -> frozenset[str]:
        """The flags, counts and fields that a fact or a mark of success reads."""
        paths = [field.path for field in self.fields.values()] + [mark.path for mark in self.success]
        names = [str(path[0]) for path in paths if path]
        return frozenset(flag for name in names for flag in self.groups.get(name, (name,)))


def make_document(shape: PatronShape, message: Message, student_number: str) -> Document:
    """An answer about this student as one document; raises UntrustedAnswer."""
    header = _STATUS.fullmatch(message.header)
    if header is None:
        raise UntrustedAnswer(FailureCode.NOT_SIP2)
    if PATRON not in message.fields:
        raise UntrustedAnswer(FailureCode.MISSING_FIELD)
    require_student(shape.conventions, message.fields[PATRON], student_number)
    flags = {name: "yes" if mark == "Y" else "no" for name, mark in zip(FLAGS, header[1], strict=True)}
    counts = _read_counts(header[2]) if header[2] else {}
    return {**message.fields, **message.repeated, **flags, **counts, **_sum_up(shape.groups, flags)}


def require_recent(message: Message, now: datetime) -> None:
    """Raise UntrustedAnswer unless an answer was written lately."""
    date = message.header[len(FLAGS) + 3 :][:DATE_LENGTH]
    try:
        written_at = datetime.strptime(date[:8] + date[12:], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise UntrustedAnswer(FailureCode.MALFORMED_DAY) from None
    if abs(now - written_at) > MAX_APART:
        raise UntrustedAnswer(FailureCode.MALFORMED_DAY)


def read_patron(shape: PatronShape, document: Document) -> tuple[Record, ...]:
    """The facts about the patron; none exactly when the system says, as configured, that it has no such patron.

    A system that does not know a patron repeats the number all the same, with counts of zero and, where the
    standard asks for one, no name: without a name there is no record. Raises UntrustedAnswer.
    """
    if shape.no_record is NoRecord.MARKED and all_hold(shape.no_record_mark, document):
        _require_nothing(document)
        return ()
    if not all_hold(shape.success, document) or not str(look_up(document, (NAME,))).strip():
        raise UntrustedAnswer(FailureCode.NO_SUCCESS)
    if shape.without_fee:
        document = {FEE: "0", **document}
    _require_valid(shape, document)
    _require_consistent(shape, document)
    has_money = any(field.type is FieldType.MONEY for field in shape.fields.values())
    if shape.without_currency:
        document = {CURRENCY: shape.currency, **document}
    if has_money and look_up(document, (CURRENCY,)) != shape.currency:
        raise UntrustedAnswer(FailureCode.UNKNOWN_VALUE)
    return ({fact: field.read(document) for fact, field in shape.fields.items()},)


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
        raise UntrustedAnswer(FailureCode.MALFORMED_NUMBER)
    return str(int(text))


def _sum_up(groups: Mapping[str, tuple[str, ...]], flags: Mapping[str, str]) -> Document:
    found = {}
    for name, members in groups.items():
        count = sum(flags[member] == "yes" for member in members)
        extent = "none" if count == 0 else "all" if count == len(members) else "some"
        found[name] = {"count": str(count), "extent": extent}
    return found


def _require_valid(shape: PatronShape, document: Document) -> None:
    for code in _MUST_BE_VALID:
        if code not in shape.named and document.get(code, "Y") not in ("Y", ""):
            raise UntrustedAnswer(FailureCode.NO_SUCCESS)


def _require_consistent(shape: PatronShape, document: Document) -> None:
    """A fee of nothing beside fines, overdue items beyond those charged, a lost card: one of the two is wrong, or is
    nothing that the configuration knows what to make of.
    """
    for witness, places in _SHOWN_IN.items():
        amount = _get_amount(document, witness)
        if not amount:
            continue
        told = [_get_amount(document, place) for place in places if document.get(place) is not None]
        if any(shown < amount for shown in told) or not (told or witness in shape.named):
            raise UntrustedAnswer(FailureCode.CONTRADICTION)


def _get_amount(document: Document, name: str) -> float:
    """How much a flag, a count, a list of items or the fee says is open; the fee is nothing, or enough for anything.
    Whatever is written around its digits, without one above 0, or below 0, it is nothing.
    """
    value = document.get(name)
    if name == FEE:
        fee = value or ""
        return math.inf if re.search("[1-9]", fee) and "-" not in fee else 0
    return int(value == "yes") if value in ("yes", "no", None) else int(value)


def _require_nothing(document: Document) -> None:
    """A patron who is not there has no name, nothing open, and no mark but that everything is denied."""
    marks = (*_SHOWN_IN, *COUNTS, *(flag for flag in FLAGS if flag not in DENIALS))
    has_fee = not _NOTHING.fullmatch(document.get(FEE) or "")
    if document.get(NAME) or has_fee or any(_get_amount(document, name) for name in marks):
        raise UntrustedAnswer(FailureCode.CONTRADICTION)
