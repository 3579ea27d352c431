"""Error pages: each named fact and each HTTP error becomes one friendly page, in one place; for whom a mini-app is and
when is told by what is true of this student and this day.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import quote

from flask import Flask, Response, current_app, g, jsonify, request
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, SecurityError

from app import metrics
from app.domain import errors as facts
from app.domain.mini_app import MiniApp
from app.domain.person import STAFF, Role
from app.extensions import DATABASE_ERRORS, NO_CONNECTION, find_reason
from app.services.slips.slips import list_slips
from app.services.staff.grants import find_names
from app.web.admission import Notice, describe_closed, describe_mismatch, find_mini_app
from app.web.auth.access import get_person, list_typed
from app.web.error_texts import (
    FACTS,
    OTHER_ROLE,
    RETRIED,
    STAFF_ELSEWHERE,
    STAFF_TEXT,
    TEXTS,
    ErrorText,
)
from app.web.language import (
    gettext,
    render_template,
    show_mini_app,
    show_moment,
)
from app.web.limits import describe_wait
from app.web.page_context import find_page_above, get_installation
from app.web.slip_texts import describe_unprintable
from app.web.staff.access import staff_required
from app.web.staff.typed import name_typed

log = logging.getLogger(__name__)


def register_errors(app: Flask) -> None:
    """Bind the handlers."""
    app.register_error_handler(facts.DomainError, _show_fact)
    app.register_error_handler(SecurityError, _show_foreign_host)
    app.register_error_handler(HTTPException, _show_http_error)
    for fault in DATABASE_ERRORS:
        app.register_error_handler(fault, _show_database_error)
    app.register_error_handler(Exception, _show_fault)


def _show_fact(fact: facts.DomainError) -> ResponseReturnValue:
    status, text = FACTS[type(fact)]
    notice = _find_notice(fact)
    reason = {"reason": notice.mark} if notice else {}
    log.info("request refused", extra={"fact": type(fact).__name__, **reason})
    if notice is not None:
        text = replace(text, title=notice.title, what_to_do=notice.what_to_do)
    is_staff = isinstance(fact, facts.NotAStudent) and fact.role in STAFF
    if isinstance(fact, facts.NotAStudent):
        text = _describe_audience(is_staff=is_staff) or text
    services = _list_services() if isinstance(fact, (facts.NotAStudent, facts.NotGraduating)) else []
    if services and isinstance(fact, facts.NotAStudent):
        titles = gettext("、").join(service.title for service in services)
        told = gettext("您的账号不能办理这项服务。您可以办理：%(titles)s。", titles=titles)
        text = ErrorText(text.title, told, is_about_account=True)
    slip_number = fact.number if isinstance(fact, (facts.LinkExpired, facts.SlipRevoked)) else ""
    if isinstance(fact, facts.AskedTooOften):
        return _show_limit(fact)
    again = request.path if isinstance(fact, facts.SigningUnavailable | facts.DesksBusy) else ""
    typed = _list_typed(fact) if isinstance(fact, facts.GrantEnded) else ()
    response = show_error(
        status,
        text,
        fact_name=type(fact).__name__,
        detail=_describe(fact),
        slip_number=slip_number,
        again_path=again,
        code=notice.mark if notice else "",
        is_staff=is_staff,
        services=services,
        typed=typed,
    )
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "60"
    return response


def _list_services() -> list[MiniApp]:
    """The mini-apps that let in who is signed in."""
    person = get_person()
    if person is None:
        return []
    found = []
    for installed in get_installation().mini_apps.values():
        with suppress(facts.NotAStudent, facts.NotGraduating):
            installed.require_graduate(person)
            found.append(show_mini_app(installed).mini_app)
    return found


def _describe_audience(*, is_staff: bool) -> ErrorText | None:
    """What is said to whom a mini-app is not for: whom it is for, where that is not students alone."""
    installed = find_mini_app()
    if installed is None or installed.settings.roles == (Role.STUDENT,):
        return STAFF_TEXT if is_staff else None
    audience = show_mini_app(installed).mini_app.audience
    title = gettext("本服务面向：%(audience)s", audience=audience)
    if is_staff:
        return ErrorText(title, str(STAFF_ELSEWHERE), is_about_account=True)
    return ErrorText(title, str(OTHER_ROLE), is_about_account=True)


def _find_notice(fact: facts.DomainError) -> Notice | None:
    """What is true of this student or day, where a fact may have several causes."""
    if isinstance(fact, facts.NotGraduating):
        return describe_mismatch(fact)
    return describe_closed(fact) if isinstance(fact, facts.OutsidePeriod) else None


def _describe(fact: facts.DomainError) -> str:
    """What a fact tells beyond its text: the characters, or the reason; empty for most."""
    if isinstance(fact, facts.CharacterMissing):
        return "; ".join(map(describe_unprintable, fact.fields))
    if isinstance(fact, facts.SlipRevoked) and fact.reason:
        return gettext("原因：%(reason)s", reason=fact.reason)
    if isinstance(fact, facts.NoGrant) and (person := get_person()) is not None:
        return gettext("您的工号：%(number)s", number=person.number)
    return _describe_end(fact) if isinstance(fact, facts.GrantEnded) else ""


def _describe_end(fact: facts.GrantEnded) -> str:
    """Who ended a grant, and when."""
    time = show_moment(fact.ended_at)
    if not fact.ended_by:
        return gettext("授权于 %(time)s 到期。", time=time)
    name = find_names([fact.ended_by]).get(fact.ended_by)
    who = f"{name}（{fact.ended_by}）" if name else fact.ended_by
    return gettext("授权于 %(time)s 由%(who)s结束。", time=time, who=who)


def _list_typed(fact: facts.GrantEnded) -> tuple[tuple[str, str], ...]:
    """What was typed, under the names that its fields have on the pages."""
    return name_typed(fact.typed or list_typed())  # a service that finds the right gone knows no form


def _find_staff_way_back(mark: str) -> str:
    """Where a page of staff leads back to: after a form the page that it stands on, else the first page; "" elsewhere, and
    for who has none of them.
    """
    if not request.path.startswith("/staff") or mark == facts.NoGrant.__name__:
        return ""
    if request.method in ("GET", "HEAD") or mark == facts.GrantEnded.__name__:
        return "/staff" if get_person() is not None else ""
    return find_page_above(request.path)


def _show_limit(fact: facts.AskedTooOften) -> Response:
    """For whom the limit is, and when it is over."""
    status, text = FACTS[type(fact)]
    what_to_do = gettext(
        "您在短时间内向各部门查询太多次，这一次没有再查询，也没有提交或办理任何事项。%(wait)s后可以再试。只限制您本人，其他人不受影响。",
        wait=describe_wait(fact.seconds),
    )
    response = show_error(status, ErrorText(text.title, what_to_do), fact_name=type(fact).__name__)
    response.headers["Retry-After"] = str(fact.seconds)
    return response


def _show_http_error(error: HTTPException) -> ResponseReturnValue:
    if request.url_rule is not None or not request.path.startswith("/staff/"):
        return _describe_http_error(error)
    # Whoever may not enter is not told which addresses of staff exist.
    try:
        return staff_required(lambda: _describe_http_error(error))()
    except facts.DomainError as fact:
        return _show_fact(fact)


def _describe_http_error(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status < 400:
        return error.get_response()
    known = status if status in TEXTS else (400 if status < 500 else 500)
    response = show_error(status, TEXTS[known])
    headers = [item for item in error.get_headers() if item[0] not in ("Content-Type", "Content-Length")]
    response.headers.extend(headers)
    return response


def _show_foreign_host(error: SecurityError) -> ResponseReturnValue:
    """A host that is not ours has no addresses; the page that says so takes those of `base_url`."""
    host = get_installation().settings.service.host
    request_ctx.url_adapter = current_app.url_map.bind(host)
    return _show_http_error(error)


def _show_database_error(error: Exception) -> ResponseReturnValue:
    reason = find_reason(error)
    if reason == NO_CONNECTION:  # no driver's error, which would be counted where it arises
        metrics.database_errors.labels("no_free_connection").inc()
    log.error("database unavailable", extra={"reason": reason})
    response = show_error(503, TEXTS[503])
    response.headers["Retry-After"] = "10"
    return response


def _show_fault(error: Exception) -> ResponseReturnValue:
    log.error("request failed", exc_info=error, extra={"endpoint": request.endpoint})
    return show_error(500, TEXTS[500])


def _find_own_slips(status: int, mark: str) -> str:
    """To whom 已完成事项 is offered: `held` for people who have slips and may not open this page, `listed` for who
    looks for something that is not there; else empty.
    """
    person = get_person() if status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND) else None
    may_hold = person is not None and person.role in get_installation().leavers
    if person is None or (not may_hold and mark != facts.UnknownSlip.__name__):
        return ""
    if mark == facts.UnknownSlip.__name__:
        return "held"
    has_slips = status == HTTPStatus.FORBIDDEN and list_slips(get_installation(), person.number)
    return "held" if has_slips else "listed"


def find_retry_path() -> str:
    """This page; after a form the page that it stands on, since a form is never repeated."""
    if request.method not in ("GET", "HEAD"):
        return find_page_above(request.path)
    query = request.query_string.decode("ascii", "replace")
    # A path that begins with two slashes would lead to another host.
    return "/" + quote(request.path).lstrip("/") + (f"?{query}" if query else "")


def show_error(
    status: int,
    text: ErrorText,
    *,
    fact_name: str = "",
    detail: str = "",
    slip_number: str = "",
    again_path: str = "",
    code: str = "",
    is_staff: bool = False,
    services: Sequence[MiniApp] = (),
    typed: Sequence[tuple[str, str]] = (),
) -> Response:
    """The error as a page, or as JSON for `Accept: application/json`; `fact_name` becomes its
    machine-readable mark, `slip_number` the way to that slip, `again_path` the way to submit once more, `code` what to
    tell the support, `is_staff` leads to the pages of guards and clerks, and `services` to the mini-apps that are for this person; `typed` is to be copied.
    """
    mark = fact_name or HTTPStatus(status).phrase.replace(" ", "")
    request_id = g.get("request_id", "")
    if request.accept_mimetypes.best_match(("text/html", "application/json")) == "application/json":
        told = {key: value for key, value in (("detail", detail), ("reason", code)) if value}
        response = jsonify(
            error=mark, title=text.title, what_to_do=text.what_to_do, request_id=request_id, **told
        )
    else:
        page = render_template(
            "errors/error.html",
            status=status,
            text=text,
            fact_name=mark,
            detail=detail,
            slip_number=slip_number,
            again_path=again_path,
            retry_path=find_retry_path() if status in RETRIED and not again_path else "",
            is_staff=is_staff,
            services=services,
            typed=typed,
            staff_path=_find_staff_way_back(mark),
            code=code,
            own_slips=_find_own_slips(status, mark),
            request_id=request_id,
        )
        response = current_app.make_response(page)
    response.status_code = status
    response.vary.add("Accept")
    return response
