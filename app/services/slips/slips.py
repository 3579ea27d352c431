"""Slips 离校单: found by their number, code or holder, shown to their holder with what they are worth now, rendered from
their record.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import Any, cast

from sqlalchemy import Row, Select, Table, bindparam, select

from app.documents.seals import find_seal
from app.documents.slip_pdf import SlipCodeText, render_slip_pdf
from app.documents.slip_png import render_slip_png
from app.domain.errors import UnknownSlip
from app.domain.mini_app import MiniApp
from app.domain.person import MalformedNumber
from app.domain.slip import SlipRecord, parse_slip_record
from app.domain.slip_code import MalformedCode, format_short_code, parse_slip_code
from app.domain.slip_log import CodeState, LoggedChange, SlipStatus, judge_slip
from app.extensions import db
from app.models import IssuedCode, Sender, Slip, SlipLogEntry, Submission, read_connection
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp

log = logging.getLogger(__name__)

KEPT_PICTURES = 128
"""Of at most 60 kB each."""

_SLIPS, _SUBMISSIONS = cast("Table", Slip.__table__), cast("Table", Submission.__table__)
_CODES, _ENTRIES = cast("Table", IssuedCode.__table__), cast("Table", SlipLogEntry.__table__)
_FIND_SUBMITTED = (
    select(_SLIPS.c.number)
    .join(_SUBMISSIONS, _SUBMISSIONS.c.id == _SLIPS.c.submission_id)
    .where(
        _SUBMISSIONS.c.mini_app == bindparam("mini_app"),
        _SUBMISSIONS.c.period == bindparam("period"),
        _SUBMISSIONS.c.person_number == bindparam("person_number"),
        _SUBMISSIONS.c.repeat == 0,
    )
)
_FIND_CODES = (
    select(
        _SLIPS.c.number,
        _SLIPS.c.record,
        _SUBMISSIONS.c.mini_app,
        _SUBMISSIONS.c.person_number,
        _SUBMISSIONS.c.submitted_at,
        _CODES.c.digits,
        _CODES.c.short_code,
        _CODES.c.state,
    )
    .join(_SUBMISSIONS, _SUBMISSIONS.c.id == _SLIPS.c.submission_id)
    .join(_CODES, _CODES.c.slip_id == _SLIPS.c.id)
    .order_by(_SLIPS.c.issued_at.desc(), _SLIPS.c.id, _CODES.c.id)
)
_FIND_BY_NUMBER = _FIND_CODES.where(_SLIPS.c.number == bindparam("number"))
_FIND_BY_CODE = _FIND_CODES.where(_CODES.c.short_code == bindparam("short_code"))
_FIND_BY_PERSON = _FIND_CODES.where(_SUBMISSIONS.c.person_number == bindparam("person_number"))
_FIND_STATES = (
    select(
        _SLIPS.c.number,
        _ENTRIES.c.state,
        _ENTRIES.c.happened_at,
        _ENTRIES.c.reason,
        _CODES.c.state.label("row_state"),
        _CODES.c.digits,
    )
    .join(_CODES, _CODES.c.slip_id == _SLIPS.c.id)
    .join(_ENTRIES, _ENTRIES.c.short_code == _CODES.c.short_code)
    .where(_SLIPS.c.number.in_(bindparam("numbers", expanding=True)))
    .order_by(_SLIPS.c.number, _ENTRIES.c.sequence)
)
"""Built once: to build them costs more than to run them."""


@dataclass(frozen=True, slots=True)
class SlipView:
    """A slip as its holder sees it, with one of its codes, and what became of that code."""

    number: str
    mini_app: str
    record: SlipRecord
    code: SlipCodeText
    state: CodeState
    submitted_at: datetime

    @property
    def name(self) -> str:
        """The holder's name as printed."""
        return self.record.get_field("name")


def find_slip_number(installed: InstalledMiniApp, student_number: str) -> str | None:
    """As `find_submitted_slip`, on a connection of its own that is given back at once."""
    with read_connection(db.engine) as connection:
        return find_submitted_slip(connection, installed, student_number)


def find_submitted_slip(sender: Sender, installed: InstalledMiniApp, student_number: str) -> str | None:
    """The number of the slip that this student already has from this mini-app and period, or None."""
    of_student = {
        "mini_app": installed.mini_app.slug,
        "period": installed.settings.period,
        "person_number": student_number,
    }
    number: str | None = sender.execute(_FIND_SUBMITTED, of_student).scalar()
    return number


def get_slip(installation: Installation, number: str, student_number: str | None) -> SlipView:
    """The slip of this number, with its newest code, if it is this student's (None: whoever holds a
    signed link). Raises UnknownSlip otherwise, as for a number that does not exist.
    """
    *_, row = _read_codes(_FIND_BY_NUMBER, number=number) or (None,)
    if row is None or student_number not in (None, row.person_number) or not _is_holders(installation, row):
        raise UnknownSlip(number)
    return _to_view(installation, row)


def get_slip_of_code(installation: Installation, digits: str) -> SlipView:
    """The slip as it was printed with this code. Raises UnknownSlip."""
    try:
        short_code = format_short_code(parse_slip_code(digits).code.slip_id)
    except MalformedCode as error:
        raise UnknownSlip from error
    for row in _read_codes(_FIND_BY_CODE, short_code=short_code):
        if row.digits == digits:
            return _to_view(installation, row)
    raise UnknownSlip


def list_slips(installation: Installation, student_number: str) -> list[SlipView]:
    """A student's slips with their newest codes, the newest slip first."""
    newest = {row.number: row for row in _read_codes(_FIND_BY_PERSON, person_number=student_number)}
    return [_to_view(installation, row) for row in newest.values() if _is_holders(installation, row)]


def _is_holders(installation: Installation, row: Row[Any]) -> bool:
    """Whether the slip's record, which its code signs, is of the person whom its submission is found by: nobody gets
    another one's slip by writing over that number. A slip that prints no number is left to `flask slips log verify`.
    """
    printed = parse_slip_record(row.record).get_field("student_number")
    if not printed or printed.casefold() == row.person_number.casefold():
        return True
    with suppress(MalformedNumber):
        if installation.settings.numbers.fold(printed) == row.person_number:
            return True
    log.error("a slip is not of the person whom its submission is found by", extra={"slip": row.number})
    return False


def _read_codes(query: Select[Any], **wanted: str) -> Sequence[Row[Any]]:
    """The codes of slips with what belongs to them, those of one slip together and its newest one last."""
    with read_connection(db.engine) as connection:
        return connection.execute(query, wanted).all()


def _to_view(installation: Installation, row: Row[Any]) -> SlipView:
    service = installation.settings.service
    return SlipView(
        number=row.number,
        mini_app=row.mini_app,
        record=parse_slip_record(row.record),
        code=SlipCodeText(f"{service.base_url}/v/{row.digits}", row.short_code, service.host),
        state=CodeState(row.state),
        submitted_at=row.submitted_at,
    )


def render_pdf(slip: SlipView) -> bytes:
    """The slip as a PDF file, from its record alone."""
    return render_slip_pdf(slip.record, slip.code)


def render_png(slip: SlipView) -> bytes:
    """The slip as a picture of that PDF; this process keeps the last ones."""
    return _draw_picture(slip.record, slip.code)


@lru_cache(maxsize=KEPT_PICTURES)
def _draw_picture(record: SlipRecord, code: SlipCodeText) -> bytes:
    seal = find_seal(record.seal)
    return render_slip_png(render_slip_pdf(record, code), seal.ink if seal else None)


def get_printed_mini_app_title(mini_apps: Mapping[str, InstalledMiniApp], slug: str) -> str:
    """The title of the mini-app that made a slip, or its slug when it is no longer installed."""
    found: MiniApp | None = next(
        (item.mini_app for item in mini_apps.values() if item.mini_app.slug == slug), None
    )
    return found.title if found else slug


def get_slip_status(installation: Installation, number: str) -> SlipStatus:
    """The status of this slip. Raises UnknownSlip."""
    found = list_slip_statuses(installation, [number])
    if number not in found:
        raise UnknownSlip(number)
    return found[number]


def list_slip_statuses(installation: Installation, numbers: Iterable[str]) -> dict[str, SlipStatus]:
    """The statuses of these slips by their numbers."""
    with read_connection(db.engine) as connection:
        found = connection.execute(_FIND_STATES, {"numbers": list(numbers)}).all()
    today = installation.get_local_time(get_now()).date()
    statuses = {}
    for number, rows in groupby(found, lambda row: row.number):
        entries = list(rows)
        changes = [LoggedChange(CodeState(row.state), row.happened_at, row.reason) for row in entries]
        expires_on = parse_slip_code(entries[-1].digits).code.expires_on
        statuses[number] = judge_slip(changes, CodeState(entries[-1].row_state), expires_on, today)
    return statuses
