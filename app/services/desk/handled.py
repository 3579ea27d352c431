"""Whom somebody handled at a desk on a day, and what stands of each of them now: a decision may have been taken back or
followed by a colleague's since, or be closed by a submission.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import cast

from sqlalchemy import RowMapping, Table, and_, func, select

from app.extensions import db
from app.models import DeskDecision, Slip, Submission, read_connection
from app.services.authenticated_rows import is_authentic
from app.services.desk.buttons import DeskStep
from app.services.desk.deciding import list_handled
from app.services.desk.history import Decision, make_decision

_DECISIONS = cast("Table", DeskDecision.__table__)


@dataclass(frozen=True, slots=True)
class Handled:
    """A student whom somebody handled: `own` is that person's newest decision of the day, `newest` whosever stands now, None
    where that cannot be trusted. After a submission nothing can be taken back.
    """

    own: Decision
    newest: Decision | None
    is_submitted: bool

    @property
    def stands(self) -> bool:
        """Whether the own decision is still the newest."""
        return self.newest is not None and self.newest.id == self.own.id


def list_students_handled(desk_step: DeskStep, actor: str, day: date, most: int) -> tuple[list[Handled], int]:
    """The students whom this person handled at a desk on a day of the service's wall clock, each once, the latest handled
    first and `most` at most; and how many they are in all.
    """
    own: dict[str, Decision] = {}
    for one in list_handled(desk_step, actor, day):
        own.setdefault(one.student_number, one)
    shown = list(own)[:most]
    newest, submitted = _read_standing(desk_step, shown)
    handled = [Handled(own[number], newest.get(number), number in submitted) for number in shown]
    return handled, len(own)


def _read_standing(desk_step: DeskStep, numbers: Collection[str]) -> tuple[dict[str, Decision], set[str]]:
    """The newest decision of each of these students (folded numbers) where it is authentic, and who of them submitted."""
    if not numbers:
        return {}, set()
    desk, installed = desk_step.desk, desk_step.installed
    of_students = and_(_DECISIONS.c.connector == desk.name, _DECISIONS.c.student_number.in_(numbers))
    version = func.max(_DECISIONS.c.version).label("version")
    tops = select(_DECISIONS.c.student_number, version).where(of_students)
    top = tops.group_by(_DECISIONS.c.student_number).subquery()
    is_top = and_(_DECISIONS.c.student_number == top.c.student_number, _DECISIONS.c.version == top.c.version)
    submissions = (
        select(Submission.person_number)
        .join(Slip, Slip.submission_id == Submission.id)
        .where(
            Submission.mini_app == installed.mini_app.slug,
            Submission.period == installed.settings.period,
            Submission.person_number.in_(numbers),
            Submission.repeat == 0,
        )
    )
    with read_connection(db.engine) as connection:
        rows = connection.execute(select(_DECISIONS).join(top, is_top).where(of_students)).mappings().all()
        submitted = {number for number in connection.scalars(submissions) if number}
    return {row["student_number"]: make_decision(row) for row in rows if _is_true(desk_step, row)}, submitted


def _is_true(desk_step: DeskStep, row: RowMapping) -> bool:
    return is_authentic(desk_step.desk.row_keys, DeskDecision, row)
