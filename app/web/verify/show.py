"""The page that a slip's QR opens: a verification as the page or the JSON that the client prefers, and its line in the
scan log.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from urllib.parse import urlsplit

from flask import jsonify, make_response, request
from flask.typing import ResponseReturnValue

from app.domain.errors import UnknownSlip
from app.domain.person import Person, Role
from app.domain.slip_code import Verdict
from app.domain.slip_log import CodeState
from app.extensions import DATABASE_ERRORS, csrf
from app.services.clock import get_now
from app.services.verification.full_views import record_view
from app.services.verification.scan_log import Viewer, record_scan
from app.services.verification.verification import FullSlip, Verification, get_full_view, verify_code
from app.web.auth.access import is_session_over
from app.web.language import lazy_gettext as _l
from app.web.language import render_template, show_moment
from app.web.limits import count, describe_wait, get_address, get_counted, get_retry_after
from app.web.page_context import get_installation, url_for
from app.web.slip_texts import show_public_slip, show_record
from app.web.verify.answers import STATUSES, finish_answer, wants_json
from app.web.verify.comparison import Comparison, ComparisonText, compare, may_compare
from app.web.verify.entry_page import show_problem
from app.web.verify.openings import is_check
from app.web.verify.verdicts import (
    TEXTS,
    FileText,
    Problem,
    describe_verdict,
    get_staff,
    read_digits,
    verify_pages,
)

log = logging.getLogger(__name__)
STATE_WORDS = {CodeState.ISSUED: _l("签发"), CodeState.REVOKED: _l("撤销"), CodeState.SUPERSEDED: _l("换发")}
VIEWER_WORDS = {
    Viewer.PUBLIC: _l("访客"),
    Viewer.GUARD: _l("门卫"),
    Viewer.CLERK: _l("研究生院"),
    Viewer.OFFLINE: _l("门岗离线"),
}
RATE_LIMITED = Verification(Verdict.RATE_LIMITED)


def log_scan(verification: Verification, staff: Person | None, address: str) -> None:
    """Enter a check in the log; one that was refused is none, nor is a program's look."""
    if verification.verdict is not Verdict.RATE_LIMITED and is_check():
        viewer = _get_viewer(staff) if staff else Viewer.PUBLIC
        record_scan(get_installation(), verification, viewer, address)


def _get_viewer(staff: Person) -> Viewer:
    return Viewer.GUARD if staff.role is Role.GUARD else Viewer.CLERK


def show_verification(
    verification: Verification,
    staff: Person | None = None,
    *,
    comparison: Comparison | None = None,
    file: FileText | None = None,
) -> ResponseReturnValue:
    """The verdict with what this viewer may see of the slip. Never stored by anybody on the way."""
    message = comparison.value if comparison else None
    status = STATUSES.get(verification.verdict, message.status if message else 200)
    if verification.is_lost:
        status = 200  # it is certain, and the same at the next scan
    if wants_json():
        response = jsonify(describe_verification(verification, message, file))
    else:
        response = make_response(render_verification(verification, staff, message, file))
    return finish_answer(response, status, staff)


def describe_verification(
    verification: Verification, message: ComparisonText | None = None, file: FileText | None = None
) -> dict[str, object]:
    data: dict[str, object] = {"verdict": verification.verdict}
    if verification.slip:
        shown = show_public_slip(verification.slip, verification.mini_app)
        labels = {"number_label": shown.number_label, "level_label": shown.level_label}
        data |= asdict(verification.slip) | labels | {"check_count": verification.check_count}
    if file and file.state:
        data["file"] = file.state
    return data | ({"comparison": message.value} if message else {})


def render_verification(
    verification: Verification,
    staff: Person | None = None,
    message: ComparisonText | None = None,
    file: FileText | None = None,
) -> str:
    """The page that shows a verification: all of the slip to staff, as far as that can be logged."""
    full = _open_full(verification, staff) if staff else None
    is_limited = verification.verdict is Verdict.RATE_LIMITED
    is_valid = verification.verdict is Verdict.VALID
    return render_template(
        "verify/verdict.html",
        verification=verification,
        slip=verification.slip and show_public_slip(verification.slip, verification.mini_app),
        text=describe_verdict(
            verification.verdict, file, message.verdict if message else None, is_lost=verification.is_lost
        ),
        wait=describe_wait(get_retry_after()) if is_limited else "",
        file=file,
        checked_at=show_moment(get_now()),
        comparison=message,
        may_compare=is_valid and full is None and may_compare(verification, staff),
        full=full,
        record=show_record(full.record, full.mini_app) if full else None,
        is_staff=staff is not None,
        is_unlogged=staff is not None and full is None and verification.slip is not None,
        is_session_over=is_session_over(),
        this_page=_find_this_page(verification),
        scan_page=_find_scan_page(staff) if staff else "",
        state_words=STATE_WORDS,
        viewer_words=VIEWER_WORDS,
        verdict_texts=TEXTS,
    )


def _open_full(verification: Verification, staff: Person) -> FullSlip | None:
    """All of the slip, once it is logged that this person sees it; None where there is no slip, or no log."""
    if verification.slip_id is None:
        return None
    try:
        record_view(staff, verification.slip_id, get_now())
        return get_full_view(get_installation(), verification, get_address())
    except UnknownSlip:
        return None
    except DATABASE_ERRORS:
        log.warning("a full view could not be logged: shown as to a stranger")
        return None


def _find_this_page(verification: Verification) -> str:
    """Where a sign-in leads back to: to this slip, or where there is none, to the entry page."""
    if verification.digits:
        return url_for("verify.show", code=verification.digits)
    return url_for("verify.enter")


def _find_scan_page(staff: Person) -> str:
    """Where this guard or clerk checks the next slip: on the page that led here, else a guard at the gate."""
    gate, entry = url_for("verify.gate"), url_for("verify.enter")
    came_from = urlsplit(request.referrer or "").path
    if came_from in (gate, entry):
        return came_from
    return gate if staff.role is Role.GUARD and request.path != entry else entry


@verify_pages.get("/v/<any_text:code>")
def show(code: str) -> ResponseReturnValue:
    """The verdict on a code, as a page, or as JSON for `Accept: application/json`."""
    staff = get_staff()
    digits = read_digits(code)
    if isinstance(digits, Problem):
        return show_problem(digits)
    return show_checked(check_code(digits or code, get_counted(staff)), staff)


@verify_pages.post("/v/<any_text:code>", endpoint="compare")
def compare_typed(code: str) -> ResponseReturnValue:
    """Whether the name that was typed from the paper is the slip's: it says match, nearly (accents and
    tones apart) or no match, nothing else.
    """
    staff = get_staff()
    digits = read_digits(code)
    if isinstance(digits, Problem):
        return show_problem(digits)
    verification = check_code(digits or code, get_counted(staff))
    if verification.verdict is not Verdict.VALID:
        return show_verification(verification, staff)
    return show_verification(
        verification, staff, comparison=compare(verification, request.form.get("name", ""), staff)
    )


# It changes nothing, needs no session, and no other site can read its answer.
csrf.exempt(compare_typed)


def show_checked(
    verification: Verification, staff: Person | None, file: FileText | None = None
) -> ResponseReturnValue:
    """Log a check and show it."""
    answer = show_verification(verification, staff, file=file)
    log_scan(verification, staff, get_address())
    return answer


def check_code(text: str, who: str) -> Verification:
    """The verdict on a code's digits, within the limits of `get_counted`."""
    return limit_check(verify_code(get_installation(), text, get_address()), who)


def limit_check(verification: Verification, who: str) -> Verification:
    """Count a check: true codes one by one, all others together. Past the limit it says so instead."""
    limits = get_installation().settings.rate_limit
    if verification.digits:
        is_allowed = count(limits.verification, "code", verification.digits, who)
    else:
        is_allowed = count(limits.unproven, "unproven", who)
    return verification if is_allowed else RATE_LIMITED
