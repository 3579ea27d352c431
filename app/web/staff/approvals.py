"""`/staff/approvals`: what others asked for, with the subject as it was then and as it is now, to approve or refuse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, redirect, request, session
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from app.domain.decisions import MalformedReason, read_note
from app.domain.errors import ChangedSinceAsked, Conflict, NeedsSecondPerson, NotFound, OwnDecision
from app.domain.slip_log import SlipState
from app.domain.staff import Right, Scope
from app.domain.step import Step
from app.services.clock import get_now
from app.services.desk.deciding import Outcome
from app.services.installation import InstalledMiniApp
from app.services.slips.slips import get_slip_status
from app.services.staff.approvals import decide, take_back
from app.services.staff.approved_acts import Kind
from app.services.staff.grants import find_names
from app.services.staff.requests import Request, Verdict, find_change, find_request, find_subject, list_open
from app.services.staff.student_states import describe_item
from app.web.auth.access import current_person
from app.web.language import gettext, show_mini_app, show_moment
from app.web.language import lazy_gettext as _l
from app.web.page_context import get_installation, url_for
from app.web.slip_texts import WORDS as SLIP_WORDS
from app.web.staff.access import get_grants, note_view, note_views, require, staff_required
from app.web.staff.desk import WORDS, describe_reason
from app.web.staff.forms import ASKED_BEFORE
from app.web.staff.home import render_staff
from app.web.staff.student_items import get_look
from app.web.staff.timeline_texts import name_person

staff_approvals = Blueprint("staff_approvals", __name__, url_prefix="/staff/approvals")

WHATS = {
    Kind.REVOKE: _l("申请撤销离校单"),
    Kind.WAIVE: _l("豁免“%(step)s”"),
    Kind.WITHDRAW: _l("撤回“%(step)s”的豁免"),
}
VERDICTS = {"approve": Verdict.APPROVED, "refuse": Verdict.REFUSED}
DECIDED = {
    Verdict.APPROVED: _l("%(who)s已于 %(at)s 批准，并已按申请执行。"),
    Verdict.REFUSED: _l("%(who)s已于 %(at)s 决定不批准，没有更改任何记录。"),
    Verdict.EXPIRED: _l("这项申请在 72 小时内没有人复核，已于 %(at)s 失效。"),
    Verdict.VOID: _l("这项申请的记录不可信，已于 %(at)s 作废。"),
    Verdict.WITHDRAWN: _l("申请人已于 %(at)s 撤回这项申请，没有更改任何记录。"),
    Verdict.CHANGED: _l("这项申请因情况变化不能再执行，已于 %(at)s 由新的申请代替。"),
}
CHANGES = {
    "AlreadySubmitted": _l("该生已经提交离校。"),
    "AlreadyWaived": _l("这个环节已经豁免。"),
    "NotWaived": _l("这项豁免已经撤回。"),
    "NotRequired": _l("这个环节不需要该生办理。"),
    "NothingToWaive": _l("这个环节现在已经通过，不必豁免。"),
    "SlipRevoked": _l("这张离校单已经撤销。"),
    "GrantEnded": _l("申请人现在已没有提出这项申请的权限。"),
}
OF_WAIVERS = ("NotWaived", "ChangedSinceAsked")
"""Changes that are the waiver's that was to be withdrawn."""
OTHERWISE_CHANGED = _l("申请时所依据的记录已经不同。")
PROBLEMS: dict[str, tuple[Any, Any]] = {
    "Conflict": (_l("已由他人决定"), _l("您的决定没有执行：这项申请刚刚已由他人决定，结果见下面。")),
    "ChangedSinceAsked": (
        _l("情况已经变化"),
        _l(
            "提出申请之后，情况已经变化，或申请已过期，不能再按原申请执行，没有更改任何记录。请核对现状后重新申请。"
        ),
    ),
    "NeedsSecondPerson": (
        _l("须由另一人复核"),
        _l("申请人本人不能复核自己的申请，互相委托的两人也不能互相复核。请由另一位有复核权限的同事处理。"),
    ),
    "OwnDecision": (_l("这是您本人的事项"), _l("您是这项申请所涉及的本人，不能由您决定。请由同事办理。")),
    "NoteTooLong": (_l("说明太长"), _l("说明最多 200 字，不能有控制字符。没有更改任何记录。")),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing of the subject, as it was when it was asked and as it is now."""

    label: str
    then: str
    now: str

    @property
    def is_changed(self) -> bool:
        """Whether it is another now."""
        return self.then != self.now


@staff_approvals.get("")
@staff_required
def index() -> ResponseReturnValue:
    """What waits, the oldest first."""
    _require_some()
    waiting = list_open(get_installation(), get_grants(), get_now())
    note_views([one.student_number for one in waiting], "approvals")
    names = find_names({one.asked_by for one in waiting})
    rows = [_view(one, names) for one in waiting]
    return render_staff("staff/approvals.html", rows=rows, as_of=show_moment(get_now()))


@staff_approvals.get("/<int(max=2147483647):request_id>")
@staff_required
def show(request_id: int) -> ResponseReturnValue:
    """Who asks what and why, and the subject then and now."""
    return _render(request_id)


@staff_approvals.post("/<int(max=2147483647):request_id>")
@staff_required
def decide_request(request_id: int) -> ResponseReturnValue:
    """Approve or refuse it; who asked takes it back."""
    if request.form.get("decision") == "withdraw":
        return _take_back(request_id)
    verdict = VERDICTS.get(request.form.get("decision", ""))
    if verdict is None:
        raise BadRequest
    typed = request.form.get("note", "")
    try:
        note = read_note(typed)
    except MalformedReason:
        return _render(request_id, "NoteTooLong", typed, 422)
    try:
        decide(get_installation(), request_id, verdict, note, current_person().number)
    except (ChangedSinceAsked, Conflict, NeedsSecondPerson, OwnDecision) as fact:
        try:
            return _render(request_id, type(fact).__name__, typed, 409)
        except NotFound:  # it is not authentic, and shown to nobody
            raise fact from None
    return redirect(url_for("staff_approvals.show", request_id=request_id), 303)


def _take_back(request_id: int) -> ResponseReturnValue:
    try:
        take_back(get_installation(), request_id, current_person().number)
    except (ChangedSinceAsked, Conflict) as fact:
        return _render(request_id, type(fact).__name__, status=409)
    return redirect(url_for("staff_approvals.show", request_id=request_id), 303)


def _require_some() -> None:
    """Raise NotFound for who may decide nothing, wherever."""
    if not get_grants().list(Right.APPROVE):
        require(Right.APPROVE, Scope())


def _render(request_id: int, problem: str = "", typed: str = "", status: int = 200) -> ResponseReturnValue:
    _require_some()
    one = find_request(get_installation(), get_grants(), request_id)
    note_view(one.student_number, "approval")
    names = find_names({one.asked_by, one.decided_by} - {""})
    is_open = one.is_open(get_now())
    change = find_change(get_installation(), one) if is_open else ""
    title, what_to_do = PROBLEMS.get(problem, ("", ""))
    page = render_staff(
        "staff/approval.html",
        row=_view(one, names),
        lines=_compare(one) if is_open else (),
        change=str(CHANGES.get(change, OTHERWISE_CHANGED)) if change else "",
        decided=_tell_decided(one, names),
        is_open=is_open,
        is_own=one.asked_by == current_person().number,
        was_asked_before=request.args.get("asked") == "before",
        typed_before=_find_typed_before(one),
        problem={"name": problem, "title": title, "what_to_do": what_to_do} if problem else None,
        typed=typed,
        as_of=show_moment(get_now()),
    )
    return page, status


def _find_typed_before(one: Request) -> str:
    """The reason that somebody typed who asked for what was asked for already, once; "" where it is the same."""
    if request.args.get("asked") != "before" or ASKED_BEFORE not in session:
        return ""
    kept = session.pop(ASKED_BEFORE)
    return str(kept["reason"]) if kept["id"] == one.id and kept["reason"] != one.reason else ""


def _view(one: Request, names: dict[str, str]) -> dict[str, Any]:
    """A request as text."""
    shown = _find_shown(one)
    step = shown.mini_app.get_step(one.step) if shown else None
    address = ""
    if shown and one.key and shown.settings.period == one.period:
        address = url_for("staff_students.show", app_path=shown.mini_app.path, period=one.period, key=one.key)
    return {
        "id": one.id,
        "what": str(WHATS[one.kind]) % {"step": step.title if step else one.step},
        "mini_app": shown.mini_app.title if shown else one.mini_app,
        "name": one.student_name,
        "number": one.student_number,
        "college": one.college,
        "address": address,
        "who": name_person(one.asked_by, names),
        "is_own": one.asked_by == current_person().number,
        "at": show_moment(one.asked_at),
        "until": show_moment(one.expires_at),
        "reason": one.reason,
        "note": one.note,
    }


def _find_shown(one: Request) -> InstalledMiniApp | None:
    found = (app for app in get_installation().mini_apps.values() if app.mini_app.slug == one.mini_app)
    installed = next(found, None)
    return show_mini_app(installed) if installed else None


def _compare(one: Request) -> list[Line]:
    """The subject then and now."""
    seen, shown = one.payload["seen"], one.payload["shown"]
    change = find_change(get_installation(), one)
    other = str(CHANGES.get(change, OTHERWISE_CHANGED))
    if one.kind is Kind.REVOKE:
        return _compare_slips(seen["slip"], shown, other if change and change != "GrantEnded" else "")
    subject = find_subject(get_installation(), one.mini_app, one.student_number, one.step)
    item = describe_item(get_installation(), subject.installed, one.student_number, one.step)
    lines = [
        Line(gettext("环节状态"), _say(shown), _say(item)),
        Line(gettext("查询时间"), _say_time(shown), _say_time(item)),
    ]
    if "decided" in item:
        step = show_mini_app(subject.installed).get_step(one.step)
        names = find_names({told["decided_by"] for told in (shown, item) if told.get("decided")})
        then, now = (_say_decision(told, step, names) for told in (shown, item))
        lines.append(Line(gettext("办理记录"), then, now))
    if one.kind is Kind.WITHDRAW:
        waived = gettext("%(reason)s（批准人 %(who)s）", reason=seen["granted_for"], who=seen["granted_by"])
        return [Line(gettext("豁免原因"), waived, other if change in OF_WAIVERS else waived), *lines]
    is_waived = change == "AlreadyWaived"
    return [Line(gettext("豁免"), gettext("没有"), other if is_waived else gettext("没有")), *lines]


def _compare_slips(number: str, shown: dict[str, str], other: str) -> list[Line]:
    """A slip then and now; `other` is what changed, "" for nothing, said where its state has the same word."""
    then = str(SLIP_WORDS[SlipState(shown.get("slip_state", SlipState.VALID))])
    now = str(SLIP_WORDS[get_slip_status(get_installation(), number).state])
    return [
        Line(gettext("离校单"), number, number),
        Line(gettext("状态"), then, other if other and then == now else now),
    ]


def _say_decision(told: dict[str, str], step: Step, names: dict[str, str]) -> str:
    """What a desk decided last, by whom, when and why."""
    if not told.get("decided"):
        return gettext("没有办理记录。")
    why = (describe_reason(step, told["decided_for"]), told["note"])
    values = {
        "time": show_moment(datetime.fromisoformat(told["decided_at"])),
        "who": name_person(told["decided_by"], names),
        "word": str(WORDS[Outcome(told["decided"])][0]),
        "reason": gettext("；").join(text for text in why if text),
    }
    if values["reason"]:
        return gettext("%(time)s，%(who)s：%(word)s。原因：%(reason)s", **values)
    return gettext("%(time)s，%(who)s：%(word)s。", **values)


def _say(shown: dict[str, str]) -> str:
    return str(get_look(shown["status"]).word) if shown.get("status") else gettext("没有记录")


def _say_time(shown: dict[str, str]) -> str:
    text = shown.get("learnt_at", "")
    return show_moment(datetime.fromisoformat(text)) if text else gettext("尚未查询")


def _tell_decided(one: Request, names: dict[str, str]) -> str:
    """What became of it; empty while it is open."""
    if one.verdict is None:
        if one.is_open(get_now()):
            return ""
        return str(DECIDED[Verdict.EXPIRED]) % {"who": "", "at": show_moment(one.expires_at)}
    at = show_moment(one.decided_at) if one.decided_at else ""
    return str(DECIDED[one.verdict]) % {"who": name_person(one.decided_by, names), "at": at}
