"""How the answers of verification leave: as a page or as JSON, with the status of the verdict, kept by nobody on the way and
found by no search engine.
"""

from __future__ import annotations

from functools import lru_cache

from flask import Response, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from app.domain.person import Person
from app.domain.slip_code import Verdict
from app.web.limits import get_retry_after
from app.web.page_context import get_header
from app.web.verify.verdicts import verify_pages

STATUSES = {Verdict.STATUS_UNKNOWN: 503, Verdict.RATE_LIMITED: 429}
_RESULTS = frozenset({"verify.show", "verify.compare", "verify.verify"})


def finish_answer(response: Response, status: int, staff: Person | None) -> Response:
    """The answer with its status, which nobody on the way stores."""
    response.status_code = status
    response.headers["Cache-Control"] = "private, no-store" if staff else "no-store"
    response.vary.update(("Accept", "Cookie"))
    if status in (429, 503):
        response.headers["Retry-After"] = str(get_retry_after())
    return response


def wants_json() -> bool:
    """Whether the client prefers JSON to a page."""
    return _prefers_json(get_header("Accept"))


@lru_cache(maxsize=256)
def _prefers_json(accept: str) -> bool:
    accepted = parse_accept_header(accept, MIMEAccept)
    return accepted.best_match(("text/html", "application/json")) == "application/json"


@verify_pages.after_request
def _forbid_indexing(response: Response) -> Response:
    """Keep verdicts out of search engines, whoever linked to them."""
    if request.endpoint in _RESULTS:
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response
