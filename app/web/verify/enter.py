"""Verification without scanning: a typed short code, a photo of the slip, or its PDF file. What was typed is
shown again, to be compared with the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import jsonify, make_response, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from app.domain.person import Person
from app.domain.slip_code import MAX_TYPED_LENGTH, SHORT_CODE_LENGTH, Verdict, find_strange_signs
from app.domain.texts import ForeignAddress, find_digits, fold_code, group_code
from app.extensions import csrf
from app.services.verification.verification import Verification, verify_short_code
from app.web.language import render_template
from app.web.limits import count, describe_wait, get_address, get_counted, get_retry_after, has_room
from app.web.page_context import MAX_FORM_BYTES, get_installation
from app.web.verify import verdicts
from app.web.verify.show import (
    RATE_LIMITED,
    STATUSES,
    check_code,
    finish_answer,
    limit_check,
    log_scan,
    show_checked,
    show_verification,
    wants_json,
)
from app.web.verify.verdicts import (
    MAX_UPLOAD_BYTES,
    TYPED_TEXTS,
    Problem,
    describe_file,
    get_staff,
    verify_pages,
    verify_upload,
)


@dataclass(frozen=True, slots=True)
class TypedCode:
    """`text` as it was typed, `groups` as it would be printed, `count` of its signs, and the `strange` ones, which
    stand in no code.
    """

    text: str
    groups: str
    count: int
    strange: str

    @property
    def can_be_one(self) -> bool:
        """Whether a short code can read so at all."""
        return self.count == SHORT_CODE_LENGTH and not self.strange


def read_typed_code(text: str) -> TypedCode:
    """What was typed, as a short code."""
    code = fold_code(text)
    return TypedCode(text, group_code(code), len(code), find_strange_signs(code))


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
    if has_files:
        request.max_content_length = MAX_UPLOAD_BYTES + MAX_FORM_BYTES
    try:
        typed = request.form.get("code", "").strip()
        uploads = [file for _, file in request.files.items(multi=True) if file.filename]
    except RequestEntityTooLarge:
        return show_problem(verdicts.BODY_TOO_LARGE if has_files else verdicts.MALFORMED_SHORT_CODE)
    if len(uploads) + bool(typed) > 1:
        return show_problem(verdicts.TOO_MUCH_GIVEN, typed)
    if uploads:
        return _answer_upload(uploads[0])
    return _answer_typed(typed) if typed else show_problem(verdicts.NOTHING_GIVEN)


# Verifying changes nothing, needs no session, and no other site can read its answer.
csrf.exempt(verify)


def show_entry(problem: Problem | None = None, typed: str = "") -> ResponseReturnValue:
    """The entry page, headed by what was wrong, with what was typed."""
    response = make_response(_render_entry(typed, problem=problem), problem.status if problem else 200)
    response.headers["Cache-Control"] = "no-store"
    return response


def show_problem(problem: Problem, typed: str = "") -> ResponseReturnValue:
    """What was wrong, as a page or as JSON."""
    if wants_json():
        return jsonify(error=problem.name, title=problem.title, what_to_do=problem.what_to_do), problem.status
    return show_entry(problem, typed)


def _render_entry(
    typed: str,
    problem: Problem | None = None,
    verification: Verification | None = None,
    *,
    is_staff: bool = False,
) -> str:
    is_limited = verification is not None and verification.verdict is Verdict.RATE_LIMITED
    return render_template(
        "verify/enter.html",
        problem=problem,
        typed=read_typed_code(typed) if typed else None,
        verification=verification,
        text=TYPED_TEXTS[verification.verdict] if verification else None,
        wait=describe_wait(get_retry_after()) if is_limited else "",
        is_staff=is_staff,
        megabytes=MAX_UPLOAD_BYTES // 1024**2,
    )


def _answer_typed(typed: str) -> ResponseReturnValue:
    """A short code; an address or the digits of a QR are taken as if scanned."""
    staff = get_staff()
    try:
        digits = find_digits(typed, get_installation().settings.service.base_url)
    except ForeignAddress:
        return show_problem(verdicts.FOREIGN_ADDRESS, typed)
    if digits or len(typed) > MAX_TYPED_LENGTH:
        verification = check_code(digits or typed, get_counted(staff))
        if verification.verdict is Verdict.MALFORMED and not wants_json():
            return show_problem(verdicts.MALFORMED_DIGITS, typed)
        return show_checked(verification, staff)
    verification = _check_short_code(typed, staff)
    if verification.verdict is Verdict.MALFORMED:
        return show_problem(_find_mistake(typed), typed)
    if verification.verdict in TYPED_AGAIN and not wants_json():
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
    page = _render_entry(typed, verification=verification, is_staff=staff is not None)
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


def _answer_upload(upload: FileStorage) -> ResponseReturnValue:
    staff = get_staff()
    if not count(get_installation().settings.rate_limit.upload, "upload", get_counted(staff)):
        return show_verification(RATE_LIMITED, staff)
    found = verify_upload(upload.read())
    if isinstance(found, Problem):
        return show_problem(found)
    digits, who = found.verification.digits, get_counted(staff)
    # The row is read again for this viewer: how often others checked the slip.
    verification = check_code(digits, who) if digits else limit_check(found.verification, who)
    return show_checked(verification, staff, describe_file(verification.verdict, found.state))
