"""The counter's page: the one input, whom it finds, what was handled today; and scan mode, where a scan decides at once."""

from __future__ import annotations

from dataclasses import replace

from flask import make_response, redirect, request, session
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from app.domain.desk_code import list_codes
from app.domain.errors import UnknownNumber
from app.domain.person import MalformedNumber
from app.services.clock import get_now
from app.services.desk.desk_code import CodeTooOld, MalformedCode, read_code
from app.services.staff.finding import MOST_FOUND, find_student, find_students, note_number
from app.services.staff.noting import Obstacle, find_obstacle
from app.services.staff.roster import Listed
from app.services.verification import uploads
from app.services.verification.uploads import MAX_BYTES, UnreadableCode, read_desk_code
from app.web.auth.access import current_person
from app.web.language import gettext
from app.web.limits import count
from app.web.offices import view_office
from app.web.page_context import UPLOADS, get_installation
from app.web.staff.access import note_view, note_views, staff_required
from app.web.staff.desk import Counter, open_counter, show_time, staff_desk
from app.web.staff.desk_problems import (
    CODE_TOO_OLD,
    MALFORMED_CODE,
    NOTHING_FOUND,
    NOTHING_GIVEN,
    OBSTACLES,
    PHOTO_PROBLEMS,
    PHOTOS_TOO_OFTEN,
    SEVERAL_SCANNED,
    Problem,
)
from app.web.staff.handled import MOST_SHOWN, read_today
from app.web.staff.home import render_staff
from app.web.staff.scanning import scan

MOST_TYPED = 500
LOOK = "handled"
"""In the log of looks: the page's list of whom one handled today."""
SCANNED = "desk_scanned"
"""In the session: the key of who was found by a code last."""

UPLOADS["staff_desk.read_photo"] = MAX_BYTES


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
    if not _find_nobody(opened, number)[1]:
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
        return _show_nobody(opened, number, text)
    if len(found) > 1:
        return _show_several(opened, found, text)
    (student,) = found
    if number:
        session[SCANNED] = student.key
    return redirect(f"{opened.address}/{student.key}", 303)


def _scan(opened: Counter, found: list[Listed], text: str, *, has_code: bool) -> ResponseReturnValue:
    problem = scan(opened, found, text, has_code=has_code)
    if problem is not None:
        is_to_mend = problem in (NOTHING_FOUND, SEVERAL_SCANNED) and not has_code
        return _show(opened, problem, text if is_to_mend else "")
    return redirect(f"{opened.address}?mode=scan", 303)


def _is_scan_mode() -> bool:
    return request.values.get("mode") == "scan"


def _show_nobody(opened: Counter, number: str, typed: str) -> ResponseReturnValue:
    """That nobody was found; the number that a code holds (else "") is a student's, whom the code alone tells."""
    if number:
        note_view(number, opened.step.key)
    return _show(opened, NOTHING_FOUND, number or typed)


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
    today = read_today(opened, wants_told=problem is None)
    note_views([view.number for view in today.handled], LOOK)
    notable = ""
    if problem is NOTHING_FOUND:
        problem, notable = _find_nobody(opened, typed)
    return make_response(
        render_staff(
            "staff/counter.html",
            step=opened.step,
            address=opened.address,
            problem=problem,
            typed=typed,
            note_number=notable,
            today=today,
            most_shown=MOST_SHOWN,
            is_scan=_is_scan_mode(),
            office_view=view_office(opened.step.office),
            base_url=get_installation().settings.service.base_url,
            as_of=show_time(get_now()),
        ),
        problem.status if problem else 200,
    )


def _find_nobody(opened: Counter, typed: str) -> tuple[Problem, str]:
    """What to say where nobody was found, and the number that was typed, where it may be put on the roster."""
    installation = get_installation()
    part = installation.settings.numbers.fold_part(typed)
    nobody = NOTHING_FOUND
    if part.isdigit():
        nobody = replace(nobody, title=gettext("没有尾号 %(digits)s 的学生", digits=part))
    if opened.colleges:  # of whom nothing but the number is known is of no college
        return nobody, ""
    try:
        number = installation.settings.numbers.fold(typed)
    except MalformedNumber:
        return nobody, ""
    pattern = opened.desk_step.desk.config.number_pattern
    obstacle = find_obstacle(installation, opened.installed, pattern, number)
    if obstacle is None:
        return NOTHING_FOUND, number
    return nobody if obstacle is Obstacle.NOT_WHOLE and part.isdigit() else OBSTACLES[obstacle], ""
