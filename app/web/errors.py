"""Error pages: each named fact and each HTTP error becomes one friendly page, in one place; for whom a mini-app is and
when is told by what is true of this student and this day.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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
from app.web.auth.access import get_person
from app.web.language import (
    gettext,
    render_template,
    show_mini_app,
    show_moment,
)
from app.web.language import lazy_gettext as _l
from app.web.limits import describe_wait
from app.web.page_context import find_page_above, get_installation
from app.web.slip_texts import describe_unprintable
from app.web.staff.access import list_typed, staff_required

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ErrorText:
    """What happened, and what to do about it; with the wrong account, to sign in with another."""

    title: str
    what_to_do: str
    is_about_account: bool = False


TEXTS = {
    400: ErrorText(_l("请求无法识别"), _l("请返回上一页，刷新后重试。")),
    403: ErrorText(_l("没有权限查看此页"), _l("请确认登录的是本人账号。"), is_about_account=True),
    404: ErrorText(_l("页面不存在"), _l("请检查地址，或从服务首页重新进入。")),
    405: ErrorText(_l("不支持这样的操作"), _l("请从服务首页重新进入。")),
    410: ErrorText(_l("链接已过期"), _l("请回到离校单页面，重新获取链接。")),
    413: ErrorText(_l("提交的内容太大"), _l("请选择较小的文件后重试。")),
    422: ErrorText(_l("提交未被接受"), _l("请按提示处理后再提交。")),
    429: ErrorText(_l("操作过于频繁"), _l("请稍等一分钟后再试。")),
    500: ErrorText(
        _l("系统出现故障"), _l("您的数据没有丢失。请稍后重试；如仍有问题，请把下面的请求编号告诉技术支持。")
    ),
    503: ErrorText(_l("系统暂时繁忙"), _l("您的数据没有丢失。请等待十几秒后重试。")),
}

STAFF_TEXT = ErrorText(
    _l("您登录的是工作人员账号"),
    _l("毕业生办理离校，要用本人的学生账号登录。核验离校单请从这里进入："),
    is_about_account=True,
)
"""Of who is no student and has pages of their own."""
STAFF_ELSEWHERE = _l("您登录的是工作人员账号。办理离校，要用办理对象本人的账号登录。核验离校单请从这里进入：")
OTHER_ROLE = _l("您登录的身份不在其中。在学校有几种身份的，请退出后换一种身份登录。")
FIELDS = {
    "q": _l("查找的内容"),
    "reason": _l("原因"),
    "note": _l("备注"),
    "text": _l("说明"),
    "answer": _l("答复"),
    "number": _l("同事的工号"),
    "until": _l("最后一天"),
}
"""What people type into forms of staff, by the fields' names."""
RETRIED = frozenset({429, 500, 503})
"""Errors after which the same may work a moment later."""

FACTS: dict[type[facts.DomainError], tuple[int, ErrorText]] = {
    facts.UnknownMiniApp: (404, TEXTS[404]),
    facts.UnknownStep: (404, TEXTS[404]),
    facts.UnknownSlip: (
        404,
        ErrorText(_l("没有找到这张离校单"), _l("请从“已完成事项”进入查看本人的离校单。")),
    ),
    facts.LinkExpired: (
        410,
        ErrorText(
            _l("链接已过期"),
            _l(
                "下载链接十五分钟内有效，退出登录后也不再有效。请打开离校单页面，登录后从那里重新下载或查看。"
            ),
        ),
    ),
    facts.SlipRevoked: (
        410,
        ErrorText(
            _l("离校单已撤销"),
            _l(
                "学校已撤销这张离校单，不再提供它的 PDF 和图片；以前保存、打印的也都作废。有疑问请联系下面的技术支持。"
            ),
        ),
    ),
    facts.NotAStudent: (
        403,
        ErrorText(
            _l("本服务面向毕业生"),
            _l("您登录的不是学生账号。如需核验离校单，请扫描单上的二维码。"),
            is_about_account=True,
        ),
    ),
    facts.NotGraduating: (
        403,
        ErrorText(
            _l("您不在本批次离校名单中"),
            _l("请在服务指南页核对办理对象和批次。如果您应在本批次毕业，请联系所在学院。"),
            is_about_account=True,
        ),
    ),
    facts.OutsidePeriod: (403, ErrorText(_l("现在不是办理时间"), _l("请在服务指南页查看办理时间。"))),
    facts.ActionNotOffered: (
        409,
        ErrorText(_l("现在不能办理此操作"), _l("信息可能已经变化，请回到离校信息查询页查看最新状态。")),
    ),
    facts.NothingRequired: (
        422,
        ErrorText(
            _l("没有需要您办理的事项"),
            _l(
                "按统一身份认证提供的信息，各项都不需要您办理，提交后没有可以证明的内容，所以不签发离校单。"
                "如果信息有误，请联系所在学院更正后重新登录；确实需要凭证的，请联系下面的技术支持。"
            ),
        ),
    ),
    facts.AskedTooOften: (429, TEXTS[429]),
    facts.SigningUnavailable: (
        503,
        ErrorText(
            _l("现在不能签发离校单"),
            _l(
                "离校单还没有提交，您办理的各项都没有丢失。请过几分钟回到离校信息查询页重新提交；"
                "如仍不能提交，请把下面的请求编号告诉技术支持。"
            ),
        ),
    ),
    facts.BelowCheckpoint: (
        503,
        ErrorText(
            _l("系统正在恢复数据"),
            _l("现在不能提交或更改。请过一段时间再来；如仍不能办理，请把下面的请求编号告诉技术支持。"),
        ),
    ),
    facts.NoGrant: (
        403,
        ErrorText(
            _l("您还没有工作台的权限"),
            _l(
                "请把下面的工号告诉本部门负责人或系统管理员，由其在“授权”页面为您授权；授权后刷新本页即可，不用重新登录。"
            ),
            is_about_account=True,
        ),
    ),
    facts.NotFound: (404, TEXTS[404]),
    facts.GrantEnded: (
        403,
        ErrorText(
            _l("您在这里的授权已经结束"),
            _l(
                "刚才的操作没有执行，没有更改任何记录。下面是您填写的内容，可以复制保存。如需继续办理，请联系本部门负责人或系统管理员重新授权。"
            ),
        ),
    ),
    facts.Conflict: (
        409,
        ErrorText(
            _l("刚刚有人更改了同一条记录"),
            _l("您的操作没有执行，没有更改任何记录。请返回查看现在的情况，再决定是否继续。"),
        ),
    ),
    facts.OwnDecision: (
        403,
        ErrorText(_l("这是您本人的事项"), _l("本人的事项不能由本人办理，没有更改任何记录。请由同事办理。")),
    ),
    facts.UndoTooLate: (
        409,
        ErrorText(
            _l("已不能撤销"),
            _l(
                "没有更改任何记录。超过撤销时限的，或者由他人办理的，请部门负责人在该生的办理页面填写原因后撤回。"
            ),
        ),
    ),
    facts.NeedsSecondPerson: (
        409,
        ErrorText(
            _l("须由另一人复核"),
            _l("申请人本人不能复核自己的申请，也不能由其委托的人复核。请由另一位有复核权限的同事处理。"),
        ),
    ),
    facts.ChangedSinceAsked: (
        409,
        ErrorText(
            _l("情况已经变化"),
            _l("提出申请之后，情况已经变化，不能再按原申请执行，没有更改任何记录。请核对现状后重新申请。"),
        ),
    ),
    facts.FieldRefused: (
        422,
        ErrorText(_l("填写的内容不能记录"), _l("没有更改任何记录。请返回核对各栏内容，改正后再提交。")),
    ),
    facts.DesksBusy: (
        503,
        ErrorText(
            _l("办理部门正在更新您的记录"),
            _l("离校单还没有提交，您办理的各项都没有丢失。请稍等一分钟，重新查询后再提交。"),
        ),
    ),
    facts.ReasonMissing: (422, ErrorText(_l("请填写原因"), _l("没有更改任何记录。请返回填写原因后再提交。"))),
    facts.AlreadySubmitted: (
        409,
        ErrorText(
            _l("该生已提交离校"),
            _l(
                "离校单已经签发，各环节的记录不能再改，没有更改任何记录。确有问题的，请研究生院在该生页面申请撤销离校单。"
            ),
        ),
    ),
    facts.SlipNotPrintable: (
        422,
        ErrorText(
            _l("离校单放不下全部内容"),
            _l("离校单还没有提交，数据没有丢失。请把下面的请求编号告诉技术支持。"),
        ),
    ),
    facts.CharacterMissing: (
        422,
        ErrorText(
            _l("有暂时无法打印的字"),
            _l(
                "离校单还没有提交，数据没有丢失。如果下面的字写错了，请联系所在学院更正；如果没有写错，请把它和请求编号告诉技术支持，补充字库后即可提交。"
            ),
        ),
    ),
}


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
    typed = fact.typed or list_typed()  # a service that finds the right gone knows no form
    return tuple(
        (str(FIELDS[name]), _name_reason(value) if name == "reason" else value)
        for name, value in typed.items()
        if name in FIELDS
    )


def _name_reason(typed: str) -> str:
    """What a reason says that was chosen at a counter; another as it was typed."""
    places = request.view_args or {}
    installed = get_installation().mini_apps.get(places.get("app", ""))
    step = show_mini_app(installed).mini_app.get_step(places.get("step", "")) if installed else None
    chosen = step.get_desk_reason(typed) if step else None
    return chosen.message if chosen else typed


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
