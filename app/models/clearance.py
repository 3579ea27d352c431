"""The tables of clearance: submissions 提交 (one for each student, mini-app and period), waivers 豁免, actions 操作 taken in a
department's system, and the last answers of the departments, shown with their age and never counted at submit. And
those of desks: what clerks recorded, the rows that could not be read, and the lists declared complete.

`mac` authenticates a row that lets somebody pass, see `app.services.authenticated_rows`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text, UniqueConstraint, text
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, UtcDateTime


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


class StoredAnswer(Base):
    """What one step's department last said of one student. `records` is what it held, `learnt_at` when it
    said so; both are empty while it never answered. `failing_since` is set while it does not answer.
    `system` is empty where the step is not for the student, which was decided at `learnt_at`, and where nobody can tell
    whether it is, since `failing_since`.
    """

    __tablename__ = "known_answers"

    mini_app: Mapped[str] = mapped_column(String(40), primary_key=True)
    student_number: Mapped[str] = mapped_column(String(32), primary_key=True)
    step: Mapped[str] = mapped_column(String(40), primary_key=True)
    system: Mapped[str] = mapped_column(String(40))
    records: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)
    learnt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)


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
    mac: Mapped[str | None] = mapped_column(String(64))


class DeskEntry(Base):
    """`connector` is the desk's name in the configuration; `facts` holds each fact's text or flag by its key."""

    __tablename__ = "desk_entries"

    connector: Mapped[str] = mapped_column(String(40), primary_key=True)
    student_number: Mapped[str] = mapped_column(String(32), primary_key=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    recorded_by: Mapped[str] = mapped_column(String(40))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    mac: Mapped[str | None] = mapped_column(String(64))


class DeskRefusal(Base):
    """A student whose status at a desk is unknown until a later row or entry mends it. `cause`: the row about the
    student was `refused`, or a row whose number was `unread` may be about anybody.
    """

    __tablename__ = "desk_refusals"

    connector: Mapped[str] = mapped_column(String(40), primary_key=True)
    student_number: Mapped[str] = mapped_column(String(32), primary_key=True)
    cause: Mapped[str] = mapped_column(String(10))
    message: Mapped[str] = mapped_column("says", String(400))
    refused_by: Mapped[str] = mapped_column(String(40))
    refused_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DeskCompletion(Base):
    """A clerk's declaration that whoever has no entry at a desk has nothing to settle there. No row: nobody said so,
    or a row that could not be read came later. `roll` has the numbers of those who had an entry or a refused row then or
    since, a line each: an entry that is gone passes nobody. NULL: a declaration of before there was one.
    """

    __tablename__ = "desk_completions"

    connector: Mapped[str] = mapped_column(String(40), primary_key=True)
    declared_by: Mapped[str] = mapped_column(String(40))
    declared_at: Mapped[datetime] = mapped_column(UtcDateTime)
    roll: Mapped[str | None] = mapped_column(Text)
    mac: Mapped[str | None] = mapped_column(String(64))
