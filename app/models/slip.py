"""A slip 离校单 and the codes issued for it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.extensions import Base
from app.models.submission import Submission
from app.models.types import UtcDateTime


class CodeState(StrEnum):
    """What became of an issued code."""

    ISSUED = "issued"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"


class Slip(Base):
    """`record` is a domain `SlipRecord` as JSON: the paper is rendered from it alone."""

    __tablename__ = "slips"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(24), unique=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id"), unique=True)
    record: Mapped[dict[str, Any]] = mapped_column(JSON)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)

    submission: Mapped[Submission] = relationship()
    codes: Mapped[list[IssuedCode]] = relationship(back_populates="slip", order_by="IssuedCode.id")


class IssuedCode(Base):
    """One line of the issued log: a code that was signed for a slip.

    `short_code` is the slip id as 16 Crockford characters, `digits` the whole code as the QR carries it,
    `status_index` its random place in the status list.
    """

    __tablename__ = "issued_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    slip_id: Mapped[int] = mapped_column(ForeignKey("slips.id"), index=True)
    short_code: Mapped[str] = mapped_column(String(16), unique=True)
    digits: Mapped[str] = mapped_column(String(400))
    kid: Mapped[int]
    status_index: Mapped[int] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(String(12), default=CodeState.ISSUED)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)

    slip: Mapped[Slip] = relationship(back_populates="codes")
