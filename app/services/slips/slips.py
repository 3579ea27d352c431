"""Slips 离校单: found by their number, code or holder, shown to their holder, rendered from their record.

What slips are worth to their holders now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import cast

from sqlalchemy import Select, Table, bindparam, select
from sqlalchemy.orm import contains_eager, joinedload

from app.documents.raster import render_slip_png
from app.documents.slip_pdf import SlipCodeText, render_slip_pdf
from app.domain.errors import UnknownSlip
from app.domain.mini_app import MiniApp
from app.domain.slip import SlipRecord, parse_slip_record
from app.domain.slip_code import MalformedCode, format_short_code, parse_slip_code
from app.domain.slip_log import CodeState, LoggedChange, SlipStatus, judge_slip
from app.extensions import DatabaseSession, db
from app.models import IssuedCode, Slip, SlipLogEntry, Submission
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp

KEPT_PICTURES = 128
"""Of at most 60 kB each."""

_SLIPS, _SUBMISSIONS = cast("Table", Slip.__table__), cast("Table", Submission.__table__)
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
"""Built once: to build it costs more than to run it."""


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


def find_submitted_slip(
    session: DatabaseSession, installed: InstalledMiniApp, student_number: str
) -> str | None:
    """The number of the slip that this student already has from this mini-app and period, or None."""
    of_student = {
        "mini_app": installed.mini_app.slug,
        "period": installed.settings.period,
        "person_number": student_number,
    }
    return session.execute(_FIND_SUBMITTED, of_student).scalar()


def _select_slips() -> Select[Slip]:
    return select(Slip).join(Slip.submission).options(contains_eager(Slip.submission), joinedload(Slip.codes))


def get_slip(installation: Installation, number: str, student_number: str | None) -> SlipView:
    """The slip of this number, with its newest code, if it is this student's (None: whoever holds a
    signed link). Raises UnknownSlip otherwise, as for a number that does not exist.
    """
    query = _select_slips().where(Slip.number == number)
    if student_number is not None:
        query = query.where(Submission.person_number == student_number)
    slip = db.session.scalars(query).unique().one_or_none()
    if slip is None:
        raise UnknownSlip(number)
    return _to_view(installation, slip, slip.codes[-1])


def get_slip_of_code(installation: Installation, digits: str) -> SlipView:
    """The slip as it was printed with this code. Raises UnknownSlip."""
    try:
        short_code = format_short_code(parse_slip_code(digits).code.slip_id)
    except MalformedCode as error:
        raise UnknownSlip from error
    query = select(IssuedCode).where(IssuedCode.short_code == short_code, IssuedCode.digits == digits)
    code = db.session.scalar(query.options(joinedload(IssuedCode.slip).joinedload(Slip.submission)))
    if code is None:
        raise UnknownSlip
    return _to_view(installation, code.slip, code)


def list_slips(installation: Installation, student_number: str) -> list[SlipView]:
    """A student's slips with their newest codes, the newest slip first."""
    query = _select_slips().where(Submission.person_number == student_number).order_by(Slip.issued_at.desc())
    return [_to_view(installation, slip, slip.codes[-1]) for slip in db.session.scalars(query).unique()]


def _to_view(installation: Installation, slip: Slip, code: IssuedCode) -> SlipView:
    service = installation.settings.service
    return SlipView(
        number=slip.number,
        mini_app=slip.submission.mini_app,
        record=parse_slip_record(slip.record),
        code=SlipCodeText(f"{service.base_url}/v/{code.digits}", code.short_code, service.host),
        state=CodeState(code.state),
        submitted_at=slip.submission.submitted_at,
    )


def render_pdf(slip: SlipView) -> bytes:
    """The slip as a PDF file, from its record alone."""
    return render_slip_pdf(slip.record, slip.code)


def render_png(slip: SlipView) -> bytes:
    """The slip as a picture of that PDF; this process keeps the last ones."""
    return _draw_picture(slip.record, slip.code)


@lru_cache(maxsize=KEPT_PICTURES)
def _draw_picture(record: SlipRecord, code: SlipCodeText) -> bytes:
    return render_slip_png(render_slip_pdf(record, code))


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
    query = (
        select(
            Slip.number,
            SlipLogEntry.state,
            SlipLogEntry.happened_at,
            SlipLogEntry.reason,
            IssuedCode.state.label("row_state"),
            IssuedCode.digits,
        )
        .join(IssuedCode, IssuedCode.slip_id == Slip.id)
        .join(SlipLogEntry, SlipLogEntry.short_code == IssuedCode.short_code)
        .where(Slip.number.in_(list(numbers)))
        .order_by(Slip.number, SlipLogEntry.sequence)
    )
    today = installation.get_local_time(get_now()).date()
    statuses = {}
    for number, rows in groupby(db.session.execute(query), lambda row: row.number):
        entries = list(rows)
        changes = [LoggedChange(CodeState(row.state), row.happened_at, row.reason) for row in entries]
        expires_on = parse_slip_code(entries[-1].digits).code.expires_on
        statuses[number] = judge_slip(changes, CodeState(entries[-1].row_state), expires_on, today)
    return statuses
