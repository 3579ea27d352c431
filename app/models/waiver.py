"""A waiver 豁免: a person decided that a student need not pass a step."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base
from app.models.types import UtcDateTime


class Waiver(Base):
    """`granted_by` is the staff number of who granted it; `reason` is shown and printed."""

    __tablename__ = "waivers"
    __table_args__ = (
        UniqueConstraint("mini_app", "period", "student_number", "step", name="uq_waivers_once"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mini_app: Mapped[str] = mapped_column(String(40))
    period: Mapped[str] = mapped_column(String(20))
    student_number: Mapped[str] = mapped_column(String(32))
    step: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(String(200))
    granted_by: Mapped[str] = mapped_column(String(40))
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime)
