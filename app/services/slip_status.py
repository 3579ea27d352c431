"""What slips are worth to their holders now."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from sqlalchemy import select

from app.domain.errors import UnknownSlip
from app.domain.slip_code import parse_slip_code
from app.domain.slip_log import CodeState
from app.domain.slip_state import LoggedChange, SlipStatus, judge_slip
from app.extensions import db
from app.models import IssuedCode, Slip, SlipLogEntry
from app.services.clock import get_now
from app.services.installation import Installation


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
