"""The tables of slips 离校单: slips, the codes issued for them, the issued log of those codes, codes that a restored backup
lacks, the digests of files handed out 发出的文件, the scan log 核验记录, which never says whose slip it was or who looked from
where, and the log of full views 查看记录, which says which guard or clerk saw all of a slip.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.domain.hash_chain import START
from app.domain.slip_log import CodeState
from app.extensions import Base, UtcDateTime
from app.models.clearance import Submission


class HandedOutFile(Base):
    """The SHA-256 of exactly the bytes that somebody got of a slip with this code. Rows are added and never
    changed. `seal` is the signature of the slip key `kid` over the digest, so that nobody makes a file genuine by
    writing to the database.
    """

    __tablename__ = "handed_out_files"

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    short_code: Mapped[str] = mapped_column(ForeignKey("issued_codes.short_code"), index=True)
    kid: Mapped[int]
    seal: Mapped[str] = mapped_column(String(128))
    handed_out_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Slip(Base):
    """`record` is a domain `SlipRecord` as JSON: the paper is rendered from it alone. `check_count` is how
    often the slip was checked; `slip_checks` has the checks.
    """

    __tablename__ = "slips"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(24), unique=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id"), unique=True)
    record: Mapped[dict[str, Any]] = mapped_column(JSON)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    check_count: Mapped[int] = mapped_column(default=0)

    submission: Mapped[Submission] = relationship()
    codes: Mapped[list[IssuedCode]] = relationship(back_populates="slip", order_by="IssuedCode.id")


class SlipLogEntry(Base):
    """One entry of the issued log, see domain/slip_log.py. Rows are added and never changed."""

    __tablename__ = "slip_log_entries"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    happened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(12))
    short_code: Mapped[str] = mapped_column(String(16), index=True)
    content_hash: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(String(200))
    previous_hash: Mapped[str] = mapped_column(String(64))
    chain_hash: Mapped[str] = mapped_column(String(64), unique=True)


class SlipLogHead(Base):
    """The one row with the newest entry's sequence and hash; locking it puts writers in line."""

    __tablename__ = "slip_log_heads"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(default=0)
    chain_hash: Mapped[str] = mapped_column(String(64), default=START)


class IssuedCode(Base):
    """A code that was signed for a slip and stands in the issued log at `log_sequence`.

    `short_code` is the slip id as 16 Crockford characters, `digits` the whole code as the QR carries it,
    `status_index` its random place in the status list. `state` repeats what the log says of it last.
    """

    __tablename__ = "issued_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    slip_id: Mapped[int] = mapped_column(ForeignKey("slips.id"), index=True)
    short_code: Mapped[str] = mapped_column(String(16), unique=True)
    digits: Mapped[str] = mapped_column(String(400))
    kid: Mapped[int] = mapped_column(index=True)
    status_index: Mapped[int] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(String(12), default=CodeState.ISSUED)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    log_sequence: Mapped[int] = mapped_column(ForeignKey("slip_log_entries.sequence"), unique=True)

    slip: Mapped[Slip] = relationship(back_populates="codes")


class LostCode(Base):
    """A code that was issued and that a restored backup lacks, as the checkpoints tell of it; see `domain/checkpoints.py`.
    Its place is never given to another. `log_sequence` and `state` are those of the last entry about it that was lost,
    `declared_sequence` the entry `restored` that confirms it. Rows are added and never changed.
    """

    __tablename__ = "lost_codes"

    code_hash: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[str] = mapped_column(String(24), index=True)
    status_index: Mapped[int] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(12))
    log_sequence: Mapped[int]
    declared_sequence: Mapped[int] = mapped_column(ForeignKey("slip_log_entries.sequence"), index=True)


class JournalMark(Base):
    """The one row says since when this database has a journal of checkpoints outside of it; see `domain/checkpoints.py`."""

    __tablename__ = "journal_marks"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Scan(Base):
    """`slip_id` is None in old rows where no slip was found. `address_hash` is salted anew each day. `offline_id` is
    the id that a gate without network gave its check, so that the check counts once.
    """

    __tablename__ = "slip_checks"
    __table_args__ = (Index("ix_slip_checks_slip_id_checked_at", "slip_id", "checked_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    viewer: Mapped[str] = mapped_column(String(8))
    verdict: Mapped[str] = mapped_column(String(16))
    address_hash: Mapped[str] = mapped_column(String(32))
    slip_id: Mapped[int | None] = mapped_column(ForeignKey("slips.id"))
    offline_id: Mapped[str | None] = mapped_column(String(36), unique=True)


class ScanCount(Base):
    """How often codes behind which no slip stands were checked on a day of the service's time zone: anybody can make any
    number of them, so that none has a row of its own.
    """

    __tablename__ = "scan_counts"

    day: Mapped[date] = mapped_column(primary_key=True)
    viewer: Mapped[str] = mapped_column(String(8), primary_key=True)
    verdict: Mapped[str] = mapped_column(String(16), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


class SlipView(Base):
    """A signed-in guard or clerk was shown all of a slip. `viewer_number` is the staff number, `role` the one that opened
    it then.
    """

    __tablename__ = "slip_views"
    __table_args__ = (Index("ix_slip_views_slip_id_viewed_at", "slip_id", "viewed_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    viewed_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    viewer_number: Mapped[str] = mapped_column(String(32), index=True)
    role: Mapped[str] = mapped_column(String(16))
    slip_id: Mapped[int] = mapped_column(ForeignKey("slips.id"))
