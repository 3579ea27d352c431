"""All that is stored of a slip, for signed-in guards and clerks and for the command line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.domain.errors import UnknownSlip
from app.domain.slip import SlipRecord, parse_slip_record
from app.domain.slip_code import Verdict
from app.domain.slip_log import CodeState
from app.extensions import db
from app.models import IssuedCode, Slip, SlipLogEntry
from app.services.verification.scan_log import LoggedScan, list_scans


@dataclass(frozen=True, slots=True)
class LogLine:
    """What the issued log says of a code of the slip: since when, by whom and why. Times are UTC."""

    happened_at: datetime
    state: CodeState
    short_code: str
    kid: int
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class FullSlip:
    """`verdict` is that on the code that was asked about, None where a slip was asked about by its number.
    `history` is the issued log's part of it, oldest first; `checks` the newest checks first.
    """

    verdict: Verdict | None
    number: str
    mini_app: str
    record: SlipRecord
    state: CodeState
    submitted_at: datetime
    history: tuple[LogLine, ...]
    check_count: int
    checks: tuple[LoggedScan, ...]

    @property
    def reason(self) -> str:
        """Why the slip is in its state; empty for one that was issued and nothing else."""
        return self.history[-1].reason


def load_full_slip(slip_id: int, verdict: Verdict | None = None) -> FullSlip:
    """The slip of this row. Raises UnknownSlip."""
    query = select(Slip).where(Slip.id == slip_id)
    slip = db.session.scalar(query.options(joinedload(Slip.submission)))
    if slip is None:
        raise UnknownSlip
    return _describe(slip, verdict)


def get_full_slip(number: str) -> FullSlip:
    """The slip of this number. Raises UnknownSlip."""
    query = select(Slip).where(Slip.number == number)
    slip = db.session.scalar(query.options(joinedload(Slip.submission)))
    if slip is None:
        raise UnknownSlip(number)
    return _describe(slip, None)


def _describe(slip: Slip, verdict: Verdict | None) -> FullSlip:
    return FullSlip(
        verdict=verdict,
        number=slip.number,
        mini_app=slip.submission.mini_app,
        record=parse_slip_record(slip.record),
        state=CodeState(slip.codes[-1].state),
        submitted_at=slip.submission.submitted_at,
        history=_list_history(slip.id),
        check_count=slip.check_count,
        checks=list_scans(slip.id),
    )


def _list_history(slip_id: int) -> tuple[LogLine, ...]:
    query = (
        select(SlipLogEntry, IssuedCode.kid)
        .join(IssuedCode, IssuedCode.short_code == SlipLogEntry.short_code)
        .where(IssuedCode.slip_id == slip_id)
        .order_by(SlipLogEntry.sequence)
    )
    return tuple(
        LogLine(entry.happened_at, CodeState(entry.state), entry.short_code, kid, entry.actor, entry.reason)
        for entry, kid in db.session.execute(query)
    )
