"""The log of checks 核验记录: that a slip was looked at, never who it belongs to or from where."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base
from app.models.types import UtcDateTime


class SlipCheck(Base):
    """`slip_id` is None where no slip was found. `address_hash` is salted anew each day. `offline_id` is
    the id that a gate without network gave its check, so that the check counts once.
    """

    __tablename__ = "slip_checks"

    id: Mapped[int] = mapped_column(primary_key=True)
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    viewer: Mapped[str] = mapped_column(String(8))
    verdict: Mapped[str] = mapped_column(String(16))
    address_hash: Mapped[str] = mapped_column(String(32))
    slip_id: Mapped[int | None] = mapped_column(ForeignKey("slips.id"), index=True)
    offline_id: Mapped[str | None] = mapped_column(String(36), unique=True)
