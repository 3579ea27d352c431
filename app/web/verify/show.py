"""The page that a slip's QR opens."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from app.domain.person import Person
from app.domain.slip_code import Verdict
from app.domain.typed_text import fold_name, trim_appended
from app.extensions import csrf
from app.services.verification import Likeness, Verification, compare_name, verify_code
from app.web.shell import get_installation
from app.web.verify.answers import RATE_LIMITED, Comparison, log_check, show_verification
from app.web.verify.limits import count, get_address, get_counted
from app.web.verify.pages import verify_pages
from app.web.verify.verdicts import FileText
from app.web.verify.viewer import get_staff

COMPARISONS = {
    Likeness.SAME: Comparison.MATCH,
    Likeness.NEARLY: Comparison.NEARLY,
    Likeness.OTHER: Comparison.NO_MATCH,
}


@verify_pages.get("/v/<any_text:code>")
def show(code: str) -> ResponseReturnValue:
    """The verdict on a code, as a page, or as JSON for `Accept: application/json`."""
    staff = get_staff()
    return show_checked(check_code(trim_appended(code), get_counted(staff)), staff)


@verify_pages.post("/v/<any_text:code>")
def compare(code: str) -> ResponseReturnValue:
    """Whether the name that was typed from the paper is the slip's: it says match, nearly (accents and
    tones apart) or no match, nothing else.
    """
    staff = get_staff()
    verification = check_code(trim_appended(code), get_counted(staff))
    if verification.verdict is not Verdict.VALID:
        return show_verification(verification, staff)
    return show_verification(verification, staff, comparison=_compare(verification.digits, staff))


# It changes nothing, needs no session, and no other site can read its answer.
csrf.exempt(compare)


def show_checked(
    verification: Verification, staff: Person | None, file: FileText | None = None
) -> ResponseReturnValue:
    """Log a check and show it."""
    answer = show_verification(verification, staff, file=file)
    log_check(verification, staff, get_address())
    return answer


def check_code(text: str, who: str) -> Verification:
    """The verdict on a code's digits, within the limits of `get_counted`."""
    return limit_check(verify_code(get_installation(), text), who)


def limit_check(verification: Verification, who: str) -> Verification:
    """Count a check: true codes one by one, all others together. Past the limit it says so instead."""
    limits = get_installation().settings.rate_limit
    if verification.digits:
        is_allowed = count(limits.verification, "code", verification.digits, who)
    else:
        is_allowed = count(limits.unproven, "unproven", who)
    return verification if is_allowed else RATE_LIMITED


def _compare(digits: str, staff: Person | None) -> Comparison:
    name = request.form.get("name", "")[:100]
    if not fold_name(name):
        return Comparison.NOTHING
    limit = get_installation().settings.rate_limit.comparison
    is_allowed = count(limit, "name", digits, get_counted(staff))
    if not (is_allowed and (staff is not None or count(limit, "name", digits, times=10))):
        return Comparison.TOO_OFTEN
    return COMPARISONS[compare_name(get_installation(), digits, name)]
