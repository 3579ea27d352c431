"""The last answers that the departments gave about a student: shown with their age, never counted at submit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base
from app.models.types import UtcDateTime


class KnownAnswer(Base):
    """What one step's department last said of one student. `records` is what it held, `learnt_at` when it
    said so; both are empty while it never answered. `failing_since` is set while it does not answer.
    """

    __tablename__ = "known_answers"

    mini_app: Mapped[str] = mapped_column(String(40), primary_key=True)
    student_number: Mapped[str] = mapped_column(String(32), primary_key=True)
    step: Mapped[str] = mapped_column(String(40), primary_key=True)
    system: Mapped[str] = mapped_column(String(40))
    records: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)
    learnt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
