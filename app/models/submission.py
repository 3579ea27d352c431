"""A submission 提交: the one time in a period that a student hands in a mini-app."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, UniqueConstraint
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base
from app.models.types import UtcDateTime


def _get_student_number(context: DefaultExecutionContext) -> str:
    """Numbers come in folded: what is signed is the one form."""
    number: str = context.get_current_parameters()["student_number"]  # type: ignore[no-untyped-call]
    return number


class Submission(Base):
    """`student` is what the paper says of the person; `evidence` holds, by step, what each system
    answered and when, as it stood when the submission was decided. `student_number` is what was signed, and
    `person_number` its one form, by which the person is found; they differ where a number was stored before there
    was one form. Then a person may have several: `repeat` is 0 in the one that counts.
    """

    __tablename__ = "submissions"
    __table_args__ = (
        UniqueConstraint("mini_app", "period", "student_number", name="uq_submissions_once"),
        Index("uq_submissions_person", "person_number", "mini_app", "period", "repeat", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mini_app: Mapped[str] = mapped_column(String(40))
    period: Mapped[str] = mapped_column(String(20))
    student_number: Mapped[str] = mapped_column(String(32))
    person_number: Mapped[str] = mapped_column(String(32), default=_get_student_number)
    repeat: Mapped[int] = mapped_column(default=0)
    student: Mapped[dict[str, Any]] = mapped_column(JSON)
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON)
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime)
