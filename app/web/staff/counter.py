"""The counter's page: the one input, whom it finds, what was handled today; and scan mode, where a scan decides at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import make_response, redirect, request, session
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from app.domain.desk_code import list_codes
from app.domain.errors import UnknownNumber
from app.domain.person import MalformedNumber
from app.services.clock import get_now
from app.services.desk.deciding import (
    Decision,
    Outcome,
    list_handled,
    make_nonce,
    may_undo,
)
from app.services.desk.desk_code import CodeTooOld, MalformedCode, read_code
from app.services.staff.finding import MOST_FOUND, find_student, find_students, note_number
from app.services.staff.roster import Listed, list_by_numbers
from app.services.verification import uploads
from app.services.verification.uploads import MAX_BYTES, UnreadableCode, read_desk_code
from app.web.auth.access import current_person
from app.web.language import gettext
from app.web.limits import count
from app.web.offices import view_office
from app.web.page_context import UPLOADS, get_installation
from app.web.staff.access import note_views, staff_required
from app.web.staff.desk import WORDS, Counter, name_staff, open_counter, open_student, show_time, staff_desk
from app.web.staff.desk_problems import (
    CODE_TOO_OLD,
    MALFORMED_CODE,
    NOTHING_FOUND,
    NOTHING_GIVEN,
    PHOTO_PROBLEMS,
    PHOTOS_TOO_OFTEN,
    Problem,
)
from app.web.staff.home import render_staff
from app.web.staff.scanning import scan

MOST_TYPED = 500
MOST_SHOWN = 50
TOLD_FOR = timedelta(minutes=1)
"""For so long the counter is headed by what was just done."""
SCANNED, TOLD = "desk_scanned", "desk_told"
"""In the session: the key of who was found by a code last; and what was found done by somebody else."""

UPLOADS["staff_desk.read_photo"] = MAX_BYTES


@dataclass(frozen=True, slots=True)
class Undo:
    """What a form that takes back a decision sends, and where."""

    address: str
    version: int
    nonce: str


@dataclass(frozen=True, slots=True)
class HandledView:
    """One of today's decisions."""

    key: str
    name: str
    number: str
    word: str
    tone: str
    time: str
    undo: Undo | None


@dataclass(frozen=True, slots=True)
class Told:
    """The line above the input: what was just done."""

    tone: str
    text: str
    name: str = ""
    undo: Undo | None = None


@staff_desk.get("/staff/desk/<app>/<step>")
@staff_required
def counter(app: str, step: str) -> ResponseReturnValue:
    """The input, and what was handled today; `?mode=scan` decides whoever is scanned."""
    return _show(open_counter(app, step))


@staff_desk.post("/staff/desk/<app>/<step>")
@staff_required
def find(app: str, step: str) -> ResponseReturnValue:
    """Whom `q` means: a number, its last digits, a name, or a desk code as it was scanned."""
    return _answer(open_counter(app, step), request.form.get("q", "").strip()[:MOST_TYPED])


@staff_desk.post("/staff/desk/<app>/<step>/photo")
@staff_required
def read_photo(app: str, step: str) -> ResponseReturnValue:
    """The same by a photo of a desk code, for where no browser reads it."""
    opened = open_counter(app, step)
    if not count(
        get_installation().settings.rate_limit.upload, "upload", f"person {current_person().number}"
    ):
        return _show(opened, PHOTOS_TOO_OFTEN)
    try:
        file = request.files.get("file")
        data = file.read() if file else b""
    except RequestEntityTooLarge:
        return _show(opened, PHOTO_PROBLEMS[uploads.FileTooLarge])
    if not data:
        return _show(opened, NOTHING_GIVEN)
    try:
        return _answer(opened, read_desk_code(get_installation(), data))
    except UnreadableCode as error:
        return _show(opened, PHOTO_PROBLEMS[type(error)])


@staff_desk.post("/staff/desk/<app>/<step>/note")
@staff_required
def note(app: str, step: str) -> ResponseReturnValue:
    """Put a number on the roster that is on none, once the clerk has confirmed that it is right."""
    opened = open_counter(app, step)
    number, is_confirmed = request.form.get("number", ""), request.form.get("confirmed") == "1"
    if opened.colleges:  # of whom nothing but the number is known is of no college
        return _show(opened, NOTHING_FOUND, number)
    try:
        actor = current_person().number
        listed = note_number(get_installation(), opened.installed, number, actor, is_confirmed=is_confirmed)
    except (MalformedNumber, UnknownNumber) as error:
        raise BadRequest from error
    return redirect(f"{opened.address}/{listed.key}", 303)


def _answer(opened: Counter, text: str) -> ResponseReturnValue:
    installation = get_installation()
    if not text:
        return _show(opened, NOTHING_GIVEN)
    try:
        number = read_code(installation, text, get_now())
    except CodeTooOld:
        return _show(opened, CODE_TOO_OLD)
    except MalformedCode:
        number = ""
        if list_codes(text):
            return _show(opened, MALFORMED_CODE)
    if number:  # never one whose number only ends so
        student = find_student(installation, opened.installed, number, opened.colleges)
        found = [student] if student else []
    else:
        found = find_students(installation, opened.installed, text, opened.colleges)
    if _is_scan_mode():
        return _scan(opened, found, text, has_code=bool(number))
    if not found:
        return _show(opened, NOTHING_FOUND, number or text)
    if len(found) > 1:
        return _show_several(opened, found, text)
    (student,) = found
    if number:
        session[SCANNED] = student.key
    return redirect(f"{opened.address}/{student.key}", 303)


def _scan(opened: Counter, found: list[Listed], text: str, *, has_code: bool) -> ResponseReturnValue:
    problem = scan(opened, found, text, has_code=has_code)
    if problem is not None:
        return _show(opened, problem, "" if has_code else text)
    return redirect(f"{opened.address}?mode=scan", 303)


def _is_scan_mode() -> bool:
    return request.values.get("mode") == "scan"


def _show_several(opened: Counter, found: list[Listed], typed: str) -> ResponseReturnValue:
    note_views([student.student_number for student in found], opened.step.key)
    return render_staff(
        "staff/several.html",
        step=opened.step,
        address=opened.address,
        found=found,
        most=MOST_FOUND,
        typed=typed,
    )


def _show(opened: Counter, problem: Problem | None = None, typed: str = "") -> ResponseReturnValue:
    now, is_scan = get_now(), _is_scan_mode()
    handled = _list_handled(opened)
    return make_response(
        render_staff(
            "staff/counter.html",
            step=opened.step,
            address=opened.address,
            problem=problem,
            typed=typed,
            note_number=_find_notable(opened, typed) if problem is NOTHING_FOUND else "",
            told=None if problem else _find_told(opened, handled),
            handled=[view for _, view in handled],
            most_shown=MOST_SHOWN,
            is_scan=is_scan,
            office_view=view_office(opened.step.office),
            base_url=get_installation().settings.service.base_url,
            as_of=show_time(now),
        ),
        problem.status if problem else 200,
    )


def _find_notable(opened: Counter, typed: str) -> str:
    """The number that was typed, where it may be put on the roster."""
    if opened.colleges:
        return ""
    try:
        number = get_installation().settings.numbers.fold(typed)
    except MalformedNumber:
        return ""
    return number if opened.desk_step.desk.numbers.is_folded(number) else ""


def _list_handled(opened: Counter) -> list[tuple[Decision, HandledView]]:
    """Today's decisions of the signed-in person, the newest first; the newest of each student may be taken back."""
    now, me = get_now(), current_person().number
    decisions = list_handled(opened.desk_step, me, get_installation().get_local_time(now).date())
    students = list_by_numbers(opened.installed, {one.student_number for one in decisions})
    handled, seen = [], set()
    for one in decisions:
        student = students.get(one.student_number)
        if student is None:
            continue
        undo = None
        if one.student_number not in seen and may_undo(opened.desk_step, one, me, now):
            undo = Undo(f"{opened.address}/{student.key}/undo", one.version, make_nonce())
        seen.add(one.student_number)
        word, tone = WORDS[one.outcome]
        name = student.name or student.student_number
        view = HandledView(
            student.key, name, student.student_number, str(word), tone, show_time(one.decided_at), undo
        )
        handled.append((one, view))
    return handled


def _find_told(opened: Counter, handled: list[tuple[Decision, HandledView]]) -> Told | None:
    told = session.pop(TOLD, None) if TOLD in session else None
    if told:
        return _tell_of_others(opened, told)
    if not handled or get_now() - handled[0][0].decided_at > TOLD_FOR:
        return None
    decision, view = handled[0]
    if decision.outcome is Outcome.DONE:
        return Told("good", gettext("%(name)s 已办结", name=view.name), view.name, view.undo)
    if decision.outcome is Outcome.NOT_DONE:
        return Told("good", gettext("%(name)s 已记为未办结", name=view.name), view.name, view.undo)
    return Told("info", gettext("%(name)s 的办理已撤销", name=view.name))


def _tell_of_others(opened: Counter, told: dict[str, Any]) -> Told:
    """What was wished had been done already by somebody else."""
    student = open_student(opened, told["key"])
    who = name_staff([told["actor"]])[told["actor"]]
    name = student.name or student.student_number
    text = gettext(
        "%(name)s 已由%(who)s于 %(time)s 办理，结果与您的相同", name=name, who=who, time=told["time"]
    )
    return Told("good", text)
