"""A submission 提交: the one time in a period that a student hands in a mini-app."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base
from app.models.types import UtcDateTime


class Submission(Base):
    """`student` is what the paper says of the person; `evidence` holds, by step, what each system
    answered and when, as it stood when the submission was decided.
    """

    __tablename__ = "submissions"
    __table_args__ = (UniqueConstraint("mini_app", "period", "student_number", name="uq_submissions_once"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    mini_app: Mapped[str] = mapped_column(String(40))
    period: Mapped[str] = mapped_column(String(20))
    student_number: Mapped[str] = mapped_column(String(32), index=True)
    student: Mapped[dict[str, Any]] = mapped_column(JSON)
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON)
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime)
