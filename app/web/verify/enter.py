"""Verification without scanning: a typed short code, a photo of the slip, or its PDF file. What was typed is
shown again, to be compared with the paper.
"""

from __future__ import annotations

from flask import make_response, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from app.domain.person import Person
from app.domain.slip_code import MAX_TYPED_LENGTH, SHORT_CODE_LENGTH, Verdict
from app.extensions import csrf
from app.services.verification.verification import Verification, verify_short_code
from app.web.limits import count, get_address, get_counted, has_room
from app.web.page_context import MAX_FORM_BYTES, get_installation
from app.web.verify import verdicts
from app.web.verify.answers import STATUSES, finish_answer, wants_json
from app.web.verify.entry_page import read_typed_code, render_entry, show_entry, show_problem
from app.web.verify.show import (
    RATE_LIMITED,
    check_code,
    limit_check,
    log_scan,
    show_checked,
    show_verification,
)
from app.web.verify.verdicts import (
    MAX_UPLOAD_BYTES,
    Problem,
    describe_file,
    get_staff,
    read_digits,
    verify_pages,
    verify_upload,
)

TYPED_AGAIN = frozenset({Verdict.NEVER_ISSUED, Verdict.STATUS_UNKNOWN, Verdict.RATE_LIMITED})
"""Verdicts after which the same or nearly the same code is typed once more."""


@verify_pages.get("/verify")
def enter() -> ResponseReturnValue:
    """The three ways in."""
    return show_entry()


@verify_pages.post("/verify")
def verify() -> ResponseReturnValue:
    """The verdict on what was typed in `code`, or on the file."""
    has_files = request.mimetype == "multipart/form-data"
    staff = get_staff()
    if has_files:
        if not _may_upload(staff):  # before anything of the file is read
            return show_verification(RATE_LIMITED, staff)
        request.max_content_length = MAX_UPLOAD_BYTES + MAX_FORM_BYTES
    try:
        typed = request.form.get("code", "").strip()
        uploads = [file for _, file in request.files.items(multi=True) if file.filename]
    except RequestEntityTooLarge:
        return show_problem(verdicts.BODY_TOO_LARGE if has_files else verdicts.MALFORMED_SHORT_CODE)
    if len(uploads) + bool(typed) > 1:
        return show_problem(verdicts.TOO_MUCH_GIVEN, typed)
    if uploads:
        return _answer_upload(uploads[0], staff)
    return _answer_typed(typed, staff) if typed else show_problem(verdicts.NOTHING_GIVEN)


# Verifying changes nothing, needs no session, and no other site can read its answer.
csrf.exempt(verify)


def _answer_typed(typed: str, staff: Person | None) -> ResponseReturnValue:
    """A short code; an address or the digits of a QR are taken as if scanned."""
    digits = read_digits(typed)
    if isinstance(digits, Problem):
        return show_problem(digits, typed)
    if digits or len(typed) > MAX_TYPED_LENGTH:
        verification = check_code(digits or typed, get_counted(staff))
        if verification.verdict is Verdict.MALFORMED and not wants_json():
            return show_problem(verdicts.MALFORMED_DIGITS, typed)
        return show_checked(verification, staff)
    verification = _check_short_code(typed, staff)
    if verification.verdict is Verdict.MALFORMED:
        return show_problem(_find_mistake(typed), typed)
    if verification.verdict in TYPED_AGAIN and not verification.is_lost and not wants_json():
        return _show_typed_again(verification, typed, staff)
    return show_checked(verification, staff)


def _find_mistake(typed: str) -> Problem:
    """Why what was typed can be no short code."""
    code = read_typed_code(typed)
    if code.count > SHORT_CODE_LENGTH:
        return verdicts.TOO_LONG_CODE
    return verdicts.STRANGE_SIGNS if code.count == SHORT_CODE_LENGTH else verdicts.MALFORMED_SHORT_CODE


def _show_typed_again(verification: Verification, typed: str, staff: Person | None) -> ResponseReturnValue:
    """The verdict on a code behind which no slip is found now, above the field with what was typed."""
    page = render_entry(typed, verification=verification, is_staff=staff is not None)
    response = finish_answer(make_response(page), STATUSES.get(verification.verdict, 200), staff)
    log_scan(verification, staff, get_address())
    return response


def _check_short_code(typed: str, staff: Person | None) -> Verification:
    """Only wrong codes are counted, those of guards and clerks by person alone: a gate is not held up by others."""
    limits, who = get_installation().settings.rate_limit, get_counted(staff)
    if not has_room(limits.typed, "typed", who):
        return RATE_LIMITED
    if staff is None and not has_room(limits.typed_everywhere, "typed"):
        return RATE_LIMITED
    verification = verify_short_code(get_installation(), typed, get_address())
    if verification.verdict is Verdict.NEVER_ISSUED:
        count(limits.typed, "typed", who)
        if staff is None:
            count(limits.typed_everywhere, "typed")
    return verification


def _may_upload(staff: Person | None) -> bool:
    """Count an upload: guards and clerks by person alone, strangers by address, and then all of them together."""
    limits = get_installation().settings.rate_limit
    if not count(limits.upload, "upload", get_counted(staff)):
        return False
    return staff is not None or count(limits.upload_everywhere, "upload")


def _answer_upload(upload: FileStorage, staff: Person | None) -> ResponseReturnValue:
    found = verify_upload(upload.read())
    if isinstance(found, Problem):
        return show_problem(found)
    digits, who = found.verification.digits, get_counted(staff)
    # The row is read again for this viewer: how often others checked the slip.
    verification = check_code(digits, who) if digits else limit_check(found.verification, who)
    file = describe_file(verification.verdict, found.state, is_lost=verification.is_lost)
    return show_checked(verification, staff, file)
