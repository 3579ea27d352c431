"""What a verification answers, and where a code stands in the issued log: the one row that it reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Text, and_, bindparam, func, or_, select, type_coerce
from sqlalchemy import cast as cast_column
from sqlalchemy.orm import aliased

from app.domain.errors import UnknownSlip
from app.domain.slip import SlipRecord, parse_slip_record
from app.domain.slip_code import Verdict
from app.domain.slip_log import CodeState
from app.extensions import db
from app.models import IssuedCode, Scan, Slip, SlipLogEntry, Submission, read_connection

_Newest = aliased(SlipLogEntry)
_LOGGED_STATE = (
    select(_Newest.state)
    .where(_Newest.short_code == IssuedCode.short_code)
    .order_by(_Newest.sequence.desc())
    .limit(1)
    .scalar_subquery()
)
_OWN_SCANS = (
    select(func.count(Scan.id))
    .where(
        Scan.slip_id == IssuedCode.slip_id,
        Scan.checked_at > bindparam("since"),
        Scan.address_hash == bindparam("address_hash"),
    )
    .scalar_subquery()
)
_ISSUED_CODE = (
    select(
        IssuedCode.short_code,
        IssuedCode.digits,
        IssuedCode.state,
        _LOGGED_STATE,
        IssuedCode.slip_id,
        Slip.check_count - _OWN_SCANS,
        cast_column(type_coerce(Slip.record, Text), Text),
        Submission.mini_app,
    )
    .join(Slip, Slip.id == IssuedCode.slip_id)
    .join(Submission, Submission.id == Slip.submission_id)
    .join(
        SlipLogEntry,
        and_(
            SlipLogEntry.sequence == IssuedCode.log_sequence,
            SlipLogEntry.short_code == IssuedCode.short_code,
            SlipLogEntry.state == CodeState.ISSUED.value,
        ),
    )
    .where(IssuedCode.short_code == bindparam("short_code"))
)
_RECORD = select(Slip.record).where(Slip.id == bindparam("slip_id"))
_REVOKED_CODES = (
    select(IssuedCode.id)
    .join(SlipLogEntry, SlipLogEntry.short_code == IssuedCode.short_code)
    .where(
        IssuedCode.slip_id == bindparam("slip_id"),
        or_(
            SlipLogEntry.state == CodeState.REVOKED.value,
            IssuedCode.state == CodeState.REVOKED.value,
        ),
    )
)


@dataclass(frozen=True, slots=True)
class PublicSlip:
    """What a stranger may see of a slip; the labels are those of its last four and its level, as printed."""

    title: str
    masked_name: str
    last_four: str
    college: str
    level: str
    issued_on: str
    number_label: str
    level_label: str


@dataclass(frozen=True, slots=True)
class RecentViewer:
    """Whose own checks `since` then are the one that goes on, not checks before it: a page that is loaded again tells
    the same number. `address_hash` is that of the scan log.
    """

    address_hash: str
    since: datetime


UNKNOWN_VIEWER = RecentViewer("", datetime.max.replace(tzinfo=UTC))
"""Nobody's check is left out."""


@dataclass(frozen=True, slots=True)
class Verification:
    """A verdict, and where the slip stands in the issued log what may be shown of it, the code's digits, and
    how often the slip was checked before. `slip_id` is the slip's row, for the log of checks alone, `mini_app` the slug
    of the slip's service. A code `is_lost` that the service signed and that a restored backup lacks.
    """

    verdict: Verdict
    slip: PublicSlip | None = None
    digits: str = ""
    check_count: int = 0
    slip_id: int | None = None
    is_lost: bool = False
    mini_app: str = ""


class LoggedCode(NamedTuple):
    """A code that was issued for a submitted slip. `row_state` is what its row says of it, `logged_state` the
    log's newest entry; `slip_id` is the slip's row, `record` its record as it stands there now, as JSON.
    """

    short_code: str
    digits: str
    row_state: str
    logged_state: str
    slip_id: int
    check_count: int
    record: str
    mini_app: str

    @property
    def state(self) -> str:
        """Issued only where row and log say so: nobody brings a code back by writing over its row."""
        return self.row_state if self.logged_state == CodeState.ISSUED else self.logged_state


def find_issued_code(short_code: str, viewer: RecentViewer = UNKNOWN_VIEWER) -> LoggedCode | None:
    """The code of this short code, or None where no slip that was submitted has it. Raises SQLAlchemyError."""
    values = {"short_code": short_code, "address_hash": viewer.address_hash, "since": viewer.since}
    with read_connection(db.engine) as connection:
        row = connection.execute(_ISSUED_CODE, values).first()
    return LoggedCode(*row) if row else None


def is_revoked(slip_id: int) -> bool:
    """Whether the slip of this row is revoked, by whichever of its codes. Raises SQLAlchemyError."""
    with read_connection(db.engine) as connection:
        return connection.execute(_REVOKED_CODES, {"slip_id": slip_id}).first() is not None


def load_record(slip_id: int) -> SlipRecord:
    """A slip's record by its row. Raises UnknownSlip, or SQLAlchemyError."""
    with read_connection(db.engine) as connection:
        row = connection.execute(_RECORD, {"slip_id": slip_id}).first()
    if row is None:
        raise UnknownSlip
    return parse_slip_record(row.record)
