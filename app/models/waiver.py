"""A waiver 豁免: a person decided that a student need not pass a step."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base
from app.models.types import UtcDateTime


class Waiver(Base):
    """`granted_by` is the staff number of who granted it; `reason` is shown and printed. A waiver stands until it is
    withdrawn: by whom, when and why is kept, and the step can be waived again.
    """

    __tablename__ = "waivers"
    __table_args__ = (
        Index(
            "uq_waivers_standing",
            "mini_app",
            "period",
            "student_number",
            "step",
            unique=True,
            sqlite_where=text("withdrawn_at IS NULL"),
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mini_app: Mapped[str] = mapped_column(String(40))
    period: Mapped[str] = mapped_column(String(20))
    student_number: Mapped[str] = mapped_column(String(32))
    step: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(String(200))
    granted_by: Mapped[str] = mapped_column(String(40))
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn_by: Mapped[str | None] = mapped_column(String(40))
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawal_reason: Mapped[str | None] = mapped_column(String(200))
