"""What a verification answers, and where a code stands in the issued log: the one row that it reads, by Core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import and_, bindparam, select

from app.domain.errors import UnknownSlip
from app.domain.slip import SlipRecord, parse_slip_record
from app.domain.slip_code import Verdict
from app.domain.slip_log import CodeState
from app.extensions import db
from app.models import IssuedCode, Slip, SlipLogEntry, Submission

_STANDING = (
    select(
        IssuedCode.short_code,
        IssuedCode.digits,
        IssuedCode.state,
        IssuedCode.slip_id,
        Slip.check_count,
    )
    .join(Slip, Slip.id == IssuedCode.slip_id)
    .join(Submission, Submission.id == Slip.submission_id)
    .join(
        SlipLogEntry,
        and_(
            SlipLogEntry.sequence == IssuedCode.log_sequence,
            SlipLogEntry.short_code == IssuedCode.short_code,
            SlipLogEntry.state == CodeState.ISSUED,
        ),
    )
    .where(IssuedCode.short_code == bindparam("short_code"))
)
_RECORD = select(Slip.record).where(Slip.id == bindparam("slip_id"))


@dataclass(frozen=True, slots=True)
class PublicSlip:
    """What a stranger may see of a slip."""

    title: str
    masked_name: str
    last_four: str
    college: str
    level: str
    issued_on: str


@dataclass(frozen=True, slots=True)
class Verification:
    """A verdict, and where the slip stands in the issued log what may be shown of it, the code's digits, and
    how often the slip was checked before. `slip_id` is the slip's row, for the log of checks alone.
    """

    verdict: Verdict
    slip: PublicSlip | None = None
    digits: str = ""
    check_count: int = 0
    slip_id: int | None = None


class Standing(NamedTuple):
    """A code that was issued for a submitted slip; `slip_id` is the slip's row."""

    short_code: str
    digits: str
    state: str
    slip_id: int
    check_count: int


def find_standing(short_code: str) -> Standing | None:
    """The code of this short code, or None where no slip that was submitted has it. Raises SQLAlchemyError."""
    with db.engine.connect() as connection:
        row = connection.execute(_STANDING, {"short_code": short_code}).first()
    return None if row is None else Standing(*row)


def load_record(slip_id: int) -> SlipRecord:
    """A slip's record by its row. Raises UnknownSlip, or SQLAlchemyError."""
    with db.engine.connect() as connection:
        record = connection.execute(_RECORD, {"slip_id": slip_id}).scalar()
    if record is None:
        raise UnknownSlip
    return parse_slip_record(record)
