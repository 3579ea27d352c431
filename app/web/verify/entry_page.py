"""The entry page of verification: the ways in, above them what was wrong with what came, and what was typed once more, to be
compared with the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import jsonify, make_response
from flask.typing import ResponseReturnValue

from app.domain.slip_code import SHORT_CODE_LENGTH, Verdict, find_strange_signs
from app.domain.texts import fold_code, group_code
from app.services.verification.verification import Verification
from app.web.language import render_template
from app.web.limits import describe_wait, get_retry_after
from app.web.page_context import get_installation
from app.web.verify.answers import wants_json
from app.web.verify.verdicts import MAX_UPLOAD_BYTES, TYPED_TEXTS, Problem


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


def show_entry(problem: Problem | None = None, typed: str = "") -> ResponseReturnValue:
    """The entry page, headed by what was wrong, with what was typed."""
    response = make_response(render_entry(typed, problem=problem), problem.status if problem else 200)
    response.headers["Cache-Control"] = "no-store"
    return response


def show_problem(problem: Problem, typed: str = "") -> ResponseReturnValue:
    """What was wrong, as a page or as JSON."""
    if wants_json():
        told = jsonify(error=problem.name, title=problem.title, what_to_do=problem.what_to_do)
        response = make_response(told, problem.status)
    else:
        response = make_response(show_entry(problem, typed))
    if problem.retry_after:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


def render_entry(
    typed: str,
    problem: Problem | None = None,
    verification: Verification | None = None,
    *,
    is_staff: bool = False,
) -> str:
    """The page with a `problem`, or with the `verification` of what was typed, above its ways in."""
    is_limited = verification is not None and verification.verdict is Verdict.RATE_LIMITED
    return render_template(
        "verify/enter.html",
        base_url=get_installation().settings.service.base_url,
        problem=problem,
        typed=read_typed_code(typed) if typed else None,
        verification=verification,
        text=TYPED_TEXTS[verification.verdict] if verification else None,
        wait=describe_wait(get_retry_after()) if is_limited else "",
        is_staff=is_staff,
        megabytes=MAX_UPLOAD_BYTES // 1024**2,
    )
