"""The page that a slip's QR opens: a verification as the page or the JSON that the client prefers, and its line in the
scan log.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from functools import lru_cache

from flask import Response, jsonify, make_response, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from app.domain.errors import UnknownSlip
from app.domain.person import Person, Role
from app.domain.slip_code import Verdict
from app.domain.slip_log import CodeState
from app.domain.texts import fold_name, trim_appended
from app.extensions import csrf
from app.services.clock import get_now
from app.services.verification.scan_log import Viewer, record_scan
from app.services.verification.verification import (
    FullSlip,
    Likeness,
    Verification,
    compare_name,
    get_full_view,
    verify_code,
)
from app.web.language import lazy_gettext as _l
from app.web.language import render_template, show_moment
from app.web.limits import count, describe_wait, get_address, get_counted, get_retry_after
from app.web.page_context import get_installation
from app.web.slip_texts import show_record
from app.web.verify.openings import is_check
from app.web.verify.verdicts import TEXTS, FileText, describe_verdict, get_staff, verify_pages

STATUSES = {Verdict.STATUS_UNKNOWN: 503, Verdict.RATE_LIMITED: 429}
STATE_WORDS = {CodeState.ISSUED: _l("签发"), CodeState.REVOKED: _l("撤销"), CodeState.SUPERSEDED: _l("换发")}
VIEWER_WORDS = {
    Viewer.PUBLIC: _l("访客"),
    Viewer.GUARD: _l("门卫"),
    Viewer.CLERK: _l("研究生院"),
    Viewer.OFFLINE: _l("门岗离线"),
}
RATE_LIMITED = Verification(Verdict.RATE_LIMITED)


@dataclass(frozen=True, slots=True)
class ComparisonText:
    """What the comparison of a name says; `status` is the answer's when the verdict has none of its own."""

    value: str
    tone: str
    sign: str
    word: str
    status: int = 200
    hint: str = ""


class Comparison(Enum):
    """How a typed name compares with the one on the slip."""

    MATCH = ComparisonText("match", "good", "✓", _l("一致"))
    NEARLY = ComparisonText(
        "nearly", "unsure", "!", _l("几乎一致"), hint=_l("只差声调或变音符号，请与纸面和证件逐字核对。")
    )
    NO_MATCH = ComparisonText(
        "no_match",
        "bad",
        "✕",
        _l("不一致"),
        hint=_l("请先检查是否输错：逐字对照纸面，外文姓名连同变音符号一起核对。"),
    )
    NOTHING = ComparisonText("nothing_given", "unsure", "!", _l("请输入纸面上的姓名，再比对。"), 422)
    TOO_OFTEN = ComparisonText("rate_limited", "bad", "!", _l("比对过于频繁，请稍后再试"), 429)


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
    if wants_json():
        response = jsonify(describe_verification(verification, message, file))
    else:
        now = show_moment(get_now())
        wait = describe_wait(get_retry_after()) if verification.verdict is Verdict.RATE_LIMITED else ""
        response = make_response(render_verification(verification, now, staff, message, file, wait))
    return finish_answer(response, status, staff)


def finish_answer(response: Response, status: int, staff: Person | None) -> Response:
    """The answer with its status, which nobody on the way stores."""
    response.status_code = status
    response.headers["Cache-Control"] = "private, no-store" if staff else "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.vary.update(("Accept", "Cookie"))
    if status in (429, 503):
        response.headers["Retry-After"] = str(get_retry_after())
    return response


def wants_json() -> bool:
    """Whether the client prefers JSON to a page."""
    return _prefers_json(request.headers.get("Accept", ""))


@lru_cache(maxsize=256)
def _prefers_json(accept: str) -> bool:
    accepted = parse_accept_header(accept, MIMEAccept)
    return accepted.best_match(("text/html", "application/json")) == "application/json"


def describe_verification(
    verification: Verification, message: ComparisonText | None = None, file: FileText | None = None
) -> dict[str, object]:
    data: dict[str, object] = {"verdict": verification.verdict}
    if verification.slip:
        data |= asdict(verification.slip) | {"check_count": verification.check_count}
    if file:
        data["file"] = file.state
    return data | ({"comparison": message.value} if message else {})


def render_verification(
    verification: Verification,
    checked_at: str,
    staff: Person | None = None,
    message: ComparisonText | None = None,
    file: FileText | None = None,
    wait: str = "",
) -> str:
    """The page that shows a verification; `wait` says for how long a limit refuses it."""
    full = _find_full(verification) if staff else None
    return render_template(
        "verify/verdict.html",
        verification=verification,
        text=describe_verdict(verification.verdict, file),
        wait=wait,
        file=file,
        checked_at=checked_at,
        comparison=message,
        full=full,
        record=show_record(full.record, full.mini_app) if full else None,
        is_staff=staff is not None,
        state_words=STATE_WORDS,
        viewer_words=VIEWER_WORDS,
        verdict_texts=TEXTS,
    )


def _find_full(verification: Verification) -> FullSlip | None:
    try:
        return get_full_view(get_installation(), verification, get_address())
    except UnknownSlip:
        return None


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


def _compare(digits: str, staff: Person | None) -> Comparison:
    name = request.form.get("name", "")[:100]
    if not fold_name(name):
        return Comparison.NOTHING
    limit = get_installation().settings.rate_limit.comparison
    is_allowed = count(limit, "name", digits, get_counted(staff))
    if not (is_allowed and (staff is not None or count(limit, "name", digits, times=10))):
        return Comparison.TOO_OFTEN
    return COMPARISONS[compare_name(get_installation(), digits, name)]
