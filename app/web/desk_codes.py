"""The student's code 办理码: the page on which a student shows it, and `/c/<token>`, which it opens in any camera. Whoever may
decide at a counter lands on the student's item there; everybody else reads what such a code is for, and nothing of whose
it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, make_response, redirect, session
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import TooManyRequests

from app.documents.qr import build_qr_matrix
from app.domain.desk_code import LIFETIME
from app.domain.person import Person
from app.domain.staff import Grants, Right
from app.services.clock import get_now
from app.services.desk.buttons import list_desk_steps
from app.services.desk.desk_code import CodeTooOld, MalformedCode, make_address, make_code, read_code
from app.services.installation import InstalledMiniApp
from app.services.staff.finding import find_student
from app.services.staff.roster import Listed
from app.web.auth.access import find_person, signed_in_required
from app.web.language import render_template, show_mini_app
from app.web.limits import count, get_counted, get_retry_after
from app.web.mini_app.views import open_with_consent, render_page
from app.web.page_context import get_installation, url_for
from app.web.staff.access import get_grants, list_colleges
from app.web.staff.counter import SCANNED

desk_codes = Blueprint("desk_codes", __name__)
NOBODY = Grants("", ())


@dataclass(frozen=True, slots=True)
class CounterView:
    """A counter where the code's student may be handled, and the address of the item there."""

    step: str
    title: str
    department: str
    service: str
    key: str
    address: str


@desk_codes.get("/<mini_app:app_path>/desk-code")
@signed_in_required
def show(app_path: str) -> ResponseReturnValue:
    """A new code of the student, large, and the number, which needs no network."""
    installation, installed, person = open_with_consent(app_path)
    now = get_now()
    matrix = build_qr_matrix(make_address(installation, make_code(installation, person.number, now)))
    return render_page(
        installed,
        "desk_code",
        person=person,
        qr={"size": matrix.size, "path": matrix.to_path()},
        seconds=int(LIFETIME.total_seconds()),
        ends_at=f"{installation.get_local_time(now + LIFETIME):%H:%M:%S}",
    )


@desk_codes.get("/c/<any_text:token>")
def open_code(token: str) -> ResponseReturnValue:
    """Staff of a counter go on to the item, or choose among several counters; others read what the code is for. Too old or
    forged: the same page, 410.
    """
    person = find_person()
    grants = get_grants() if person else NOBODY
    number = _read(token, person if grants else None)
    counters = _list_counters(grants, number) if number and grants else []
    if counters:
        session[SCANNED] = counters[0].key
    if len(counters) == 1:
        response = make_response(redirect(counters[0].address, 303))
    else:
        page = render_template(
            "verify/desk_code.html",
            is_dead=not number,
            is_staff=bool(grants),
            counters=counters,
            sign_in_address=_make_sign_in_address(token) if number and person is None else "",
        )
        response = make_response(page, 200 if number else 410)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.vary.add("Cookie")
    return response


def _make_sign_in_address(token: str) -> str:
    return url_for("auth.sign_in", next=url_for("desk_codes.open_code", token=token))


def _read(token: str, staff: Person | None) -> str:
    """Whose code it is, "" for one that is dead or none. Counted as scans of slips are: true ones one by one, all others
    together; staff by person alone.
    """
    limits, who = get_installation().settings.rate_limit, get_counted(staff)
    try:
        number = read_code(get_installation(), token, get_now())
        is_allowed = count(limits.verification, "desk code", number, who)
    except (MalformedCode, CodeTooOld):
        number = ""
        is_allowed = count(limits.unproven, "unproven", who)
    if not is_allowed:
        raise TooManyRequests(retry_after=get_retry_after())
    return number


def _list_counters(grants: Grants, number: str) -> list[CounterView]:
    """Where these grants let somebody decide of this student."""
    found = []
    for desk_step in list_desk_steps(get_installation()):
        installed, step_key = desk_step.installed, desk_step.step.key
        colleges = list_colleges(grants, Right.DECIDE, installed, step_key)
        if colleges is None:
            continue
        student = find_student(get_installation(), installed, number, colleges)
        if student is not None:
            found.append(_view_counter(installed, step_key, student))
    return found


def _view_counter(installed: InstalledMiniApp, step_key: str, student: Listed) -> CounterView:
    mini_app = show_mini_app(installed).mini_app
    step = show_mini_app(installed).get_step(step_key)
    address = url_for("staff_desk.item", app=mini_app.path, step=step_key, key=student.key)
    return CounterView(step_key, step.title, step.department, mini_app.title, student.key, address)
