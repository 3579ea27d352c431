"""The page that a slip's QR opens."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from app.domain.person import Person
from app.domain.slip_code import Verdict
from app.extensions import csrf
from app.services.verification import Verification, compare_name, verify_code
from app.web.shell import get_installation
from app.web.verify.answers import RATE_LIMITED, Comparison, log_check, show_verification
from app.web.verify.limits import count, get_address
from app.web.verify.pages import verify_pages
from app.web.verify.verdicts import FileText
from app.web.verify.viewer import get_staff


@verify_pages.get("/v/<any_text:code>")
def show(code: str) -> ResponseReturnValue:
    """The verdict on a code, as a page, or as JSON for `Accept: application/json`."""
    staff = get_staff()
    return show_checked(check_code(code, get_address()), staff)


@verify_pages.post("/v/<any_text:code>")
def compare(code: str) -> ResponseReturnValue:
    """Whether the name that was typed from the paper is the slip's: it says match or no match, nothing else."""
    verification = check_code(code, get_address())
    if verification.verdict is not Verdict.VALID:
        return show_verification(verification, get_staff())
    return show_verification(verification, get_staff(), comparison=_compare(verification.digits))


# It changes nothing, needs no session, and no other site can read its answer.
csrf.exempt(compare)


def show_checked(
    verification: Verification, staff: Person | None, file: FileText | None = None
) -> ResponseReturnValue:
    """Log a check and show it."""
    answer = show_verification(verification, staff, file=file)
    log_check(verification, staff, get_address())
    return answer


def check_code(text: str, address: str) -> Verification:
    """The verdict on a code's digits, within the limits."""
    return limit_check(verify_code(get_installation(), text), address)


def limit_check(verification: Verification, address: str) -> Verification:
    """Count a check: true codes one by one, all others by address. Past the limit it says so instead."""
    limits = get_installation().settings.rate_limit
    if verification.digits:
        is_allowed = count(limits.verification, "code", verification.digits, address)
    else:
        is_allowed = count(limits.unproven, "unproven", address)
    return verification if is_allowed else RATE_LIMITED


def _compare(digits: str) -> Comparison:
    limit = get_installation().settings.rate_limit.comparison
    by_address = count(limit, "name", digits, get_address())
    if not (by_address and count(limit, "name", digits, times=10)):
        return Comparison.TOO_OFTEN
    matches = compare_name(get_installation(), digits, request.form.get("name", "")[:100])
    return Comparison.MATCH if matches else Comparison.NO_MATCH
