"""Whom the signed-in person handled today at a counter, each as it stands now, and the line that tells what was just done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import session

from app.services.clock import get_now
from app.services.desk.deciding import Outcome, make_nonce, may_undo
from app.services.desk.handled import Handled, list_students_handled
from app.services.staff.roster import Listed, list_by_numbers
from app.web.auth.access import current_person
from app.web.language import gettext
from app.web.page_context import get_installation
from app.web.staff.access import note_view
from app.web.staff.desk import WORDS, Counter, name_staff, open_student, show_time
from app.web.staff.desk_problems import name_student

MOST_SHOWN = 50
TOLD_FOR = timedelta(minutes=1)
"""For so long the counter is headed by what was just done."""
TOLD = "desk_told"
"""In the session: what was found done by somebody else."""


@dataclass(frozen=True, slots=True)
class Undo:
    """What a form that takes back a decision sends, and where."""

    address: str
    version: int
    nonce: str


@dataclass(frozen=True, slots=True)
class HandledView:
    """A student handled today, as it stands now; `who` recorded that, where it was not the signed-in person."""

    key: str
    name: str
    number: str
    word: str
    tone: str
    time: str
    who: str
    is_submitted: bool
    undo: Undo | None


@dataclass(frozen=True, slots=True)
class Told:
    """The line above the input: what was just done."""

    tone: str
    text: str
    name: str = ""
    undo: Undo | None = None


@dataclass(frozen=True, slots=True)
class Today:
    """The students handled today, the latest first and 50 at most, `count` of them in all; and what was just done."""

    handled: tuple[HandledView, ...]
    count: int
    told: Told | None


def read_today(opened: Counter, *, wants_told: bool) -> Today:
    """What the counter lists; without `wants_told` what another decided is kept for the next page."""
    now, me = get_now(), current_person().number
    day = get_installation().get_local_time(now).date()
    found, count = list_students_handled(opened.desk_step, me, day, MOST_SHOWN)
    students = list_by_numbers(opened.installed, {one.own.student_number for one in found})
    known = [(one, students[one.own.student_number]) for one in found if one.own.student_number in students]
    names = name_staff({one.newest.actor for one in found if one.newest is not None})
    views = [(one, _view(opened, one, student, names)) for one, student in known]
    told = _find_told(opened, views, students, names) if wants_told else None
    return Today(tuple(view for _, view in views), count, told)


def _view(opened: Counter, one: Handled, student: Listed, names: dict[str, str]) -> HandledView:
    me, now, newest = current_person().number, get_now(), one.newest
    undo = None
    if one.stands and not one.is_submitted and may_undo(opened.desk_step, one.own, me, now):
        undo = Undo(f"{opened.address}/{student.key}/undo", one.own.version, make_nonce())
    word, tone = WORDS[newest.outcome] if newest is not None else (gettext("请打开核对"), "bad-text")
    return HandledView(
        student.key,
        student.name or student.student_number,
        student.student_number,
        str(word),
        tone,
        show_time((newest or one.own).decided_at),
        names[newest.actor] if newest is not None and newest.actor != me else "",
        one.is_submitted,
        undo,
    )


def _find_told(
    opened: Counter,
    views: list[tuple[Handled, HandledView]],
    students: dict[str, Listed],
    names: dict[str, str],
) -> Told | None:
    told = session.pop(TOLD, None) if TOLD in session else None
    if told:
        return _tell_of_others(opened, told)
    if not views or get_now() - views[0][0].own.decided_at > TOLD_FOR:
        return None
    one, view = views[0]
    name = name_student(students[view.number])
    if one.newest is None:
        return Told("warn", gettext("%(name)s 的记录不能确认，请打开核对", name=name))
    if not one.stands:
        values = {"name": name, "who": names[one.newest.actor], "word": view.word}
        return Told("warn", gettext("%(name)s 的记录此后由%(who)s更改：%(word)s", **values))
    if one.own.outcome is Outcome.DONE:
        return Told("good", gettext("%(name)s 已办结", name=name), view.name, view.undo)
    if one.own.outcome is Outcome.NOT_DONE:
        return Told("good", gettext("%(name)s 已记为未办结", name=name), view.name, view.undo)
    return Told("info", gettext("%(name)s 的办理已撤销", name=name))


def _tell_of_others(opened: Counter, told: dict[str, Any]) -> Told:
    """What was wished had been done already by somebody else."""
    student = open_student(opened, told["key"])
    note_view(student.student_number, opened.step.key)
    who = name_staff([told["actor"]])[told["actor"]]
    text = gettext(
        "%(name)s 已由%(who)s于 %(time)s 办理，结果与您的相同",
        name=name_student(student),
        who=who,
        time=told["time"],
    )
    return Told("good", text)
