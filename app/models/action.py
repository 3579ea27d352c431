"""An action 操作 that a student took in a department's system, such as cancelling the library card."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base
from app.models.types import UtcDateTime


class Action(Base):
    """The intent is committed before the call, the outcome after it: `outcome` is None in between, and
    afterwards confirmed, refused or unknown.
    """

    __tablename__ = "actions"

    id: Mapped[int] = mapped_column(primary_key=True)
    mini_app: Mapped[str] = mapped_column(String(40))
    period: Mapped[str] = mapped_column(String(20))
    student_number: Mapped[str] = mapped_column(String(32), index=True)
    step: Mapped[str] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(40))
    outcome: Mapped[str | None] = mapped_column(String(12))
    intended_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
