"""The student's code 办理码: the page on which a student shows it, and `/c/<token>`, which it opens in any camera. Everybody
but staff of a counter reads there what such a code is for, and nothing of whose it is.
"""

from __future__ import annotations

from flask import Blueprint, make_response
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import TooManyRequests

from app.documents.qr import build_qr_matrix
from app.domain.desk_code import LIFETIME
from app.domain.person import Person
from app.services.clock import get_now
from app.services.desk.desk_code import CodeTooOld, MalformedCode, make_address, make_code, read_code
from app.web.auth.access import find_person, signed_in_required
from app.web.language import render_template
from app.web.limits import count, get_counted, get_retry_after
from app.web.mini_app.views import open_with_consent, render_page
from app.web.page_context import get_installation, url_for

desk_codes = Blueprint("desk_codes", __name__)


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
    """What the code is for. Too old or forged: the same, 410."""
    person = find_person()
    number = _read(token, None)
    page = render_template(
        "verify/desk_code.html",
        is_dead=not number,
        sign_in_address=url_for("auth.sign_in", next=url_for("desk_codes.open_code", token=token))
        if number and person is None
        else "",
    )
    response = make_response(page, 200 if number else 410)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.vary.add("Cookie")
    return response


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
