"""`/staff/<app>/<period>/students`: finding a student, one student with what was done, and what the school does about one:
waive, withdraw a waiver, ask for a revocation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, redirect, request, session
from flask.typing import ResponseReturnValue

from app.domain.decisions import MalformedReason, read_reason
from app.domain.errors import (
    AlreadySubmitted,
    AlreadyWaived,
    Conflict,
    DomainError,
    NotFound,
    NothingToWaive,
    NotRequired,
    NotWaived,
    OwnDecision,
    SlipRevoked,
    UnknownSlip,
    UnknownStep,
)
from app.domain.slip_log import SlipState, SlipStatus
from app.domain.staff import ALL, Right, Scope
from app.services.clock import get_now
from app.services.desk.deciding import make_nonce
from app.services.installation import InstalledMiniApp
from app.services.slips.slips import find_slip_number, get_slip_status
from app.services.staff.acts import ask_revocation, needs_two, waive, withdraw
from app.services.staff.approvals import Asked
from app.services.staff.approved_acts import Kind
from app.services.staff.finding import MOST_FOUND, find_students
from app.services.staff.grants import find_names
from app.services.staff.item_versions import Form, load_versions
from app.services.staff.requests import Request, find_change, list_open_about
from app.services.staff.roster import Listed, find_by_key
from app.services.staff.student_states import judge_items
from app.services.staff.timeline import Entry, What, limit_entries, read_timeline
from app.web.auth.access import current_person
from app.web.language import lazy_gettext as _l
from app.web.language import show_mini_app, show_moment
from app.web.page_context import get_installation, url_for
from app.web.slip_texts import SlipStateView, view_state
from app.web.staff.access import get_grants, list_colleges, note_view, note_views, require, staff_required
from app.web.staff.forms import ASKED_BEFORE, read_form
from app.web.staff.home import render_staff
from app.web.staff.searches import ARGUMENT, find_search, keep_search
from app.web.staff.student_items import view_item
from app.web.staff.timeline_texts import EntryView, name_person, view_timeline

staff_students = Blueprint(
    "staff_students", __name__, url_prefix="/staff/<mini_app:app_path>/<period>/students"
)

PROBLEMS: dict[type[DomainError], Any] = {
    AlreadySubmitted: _l("该生已提交离校，离校单已经签发：不能再豁免或撤回豁免，只能申请撤销离校单。"),
    AlreadyWaived: _l("这个环节已经豁免，不能再豁免一次。"),
    NotWaived: _l("这个环节现在没有豁免，没有可以撤回的。"),
    Conflict: _l(
        "您打开页面之后，这个环节的记录有了变化，您的操作没有执行。请核对现在的记录，再决定是否重新填写。"
    ),
    NothingToWaive: _l("这个环节现在已经通过，不必豁免。"),
    NotRequired: _l("按统一身份认证提供的信息，这个环节不需要该生办理，不必豁免。"),
    OwnDecision: _l("这是您本人的事项，不能由您办理。请由同事办理。"),
    SlipRevoked: _l("该生的离校单已经撤销，不必再申请。"),
    UnknownSlip: _l("该生还没有离校单，没有可以撤销的。"),
}
"""Why something could not be done about a student, said on the student's page."""
MOVES = frozenset(
    {
        *(What.WAIVED, What.WITHDRAWN, What.DONE, What.NOT_DONE),
        *(What.UNDONE, What.RECORDED, What.IMPORTED, What.REMOVED),
    }
)
"""What changes how an item stands: the newest of them is told to whom it went before."""
NO_REASON = _l("请写明原因，1 至 200 字。只有空格、标点，或“无”这样的字，不算原因。没有更改任何记录。")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a form did nothing: the fact's name for the mark, in words, and which form and step it was of, with what was typed."""

    name: str
    message: str
    form: str
    step: str
    typed: str

    @property
    def is_reason(self) -> bool:
        """Whether the reason is to be written anew."""
        return self.name == "ReasonMissing"


@dataclass(frozen=True, slots=True)
class Student:
    """One who is looked at, in their mini-app; `steps` are those that the person who looks may see."""

    installed: InstalledMiniApp
    listed: Listed
    steps: tuple[str, ...]

    def get_scope(self, step_key: str = ALL) -> Scope:
        """Where a right must hold for this student, at a step or at all."""
        college = self.listed.college or ALL
        return Scope(self.installed.mini_app.slug, step_key, college, self.installed.settings.period)

    def may(self, right: Right, step_key: str = ALL) -> bool:
        """Whether the person who looks may do this."""
        return get_grants().allows(right, self.get_scope(step_key))

    @property
    def address(self) -> str:
        """Of the student's page."""
        return url_for(
            "staff_students.show",
            app_path=self.installed.mini_app.path,
            period=self.installed.settings.period,
            key=self.listed.key,
        )


@staff_students.get("")
@staff_required
def search(app_path: str, period: str) -> ResponseReturnValue:
    """The search, and whom it found."""
    installed, colleges = _open_list(app_path, period)
    text = (find_search() or {}).get("q", "")
    found = find_students(get_installation(), installed, text, colleges) if text else []
    note_views([one.student_number for one in found], "search")
    return render_staff(
        "staff/students.html",
        mini_app=show_mini_app(installed).mini_app,
        found=found,
        text=text,
        is_searched=ARGUMENT in request.args,
        most=MOST_FOUND,
    )


@staff_students.post("")
@staff_required
def find(app_path: str, period: str) -> ResponseReturnValue:
    """Keep what is searched for in the session, and show whom it finds."""
    _open_list(app_path, period)
    text = request.form.get("q", "").strip()[:100]
    address = url_for("staff_students.search", app_path=app_path, period=period)
    return redirect(f"{address}?{ARGUMENT}={keep_search({'q': text})}" if text else address, 303)


@staff_students.get("/<key>")
@staff_required
def show(app_path: str, period: str, key: str) -> ResponseReturnValue:
    """One student: the items, and what was done."""
    return _render(_open(app_path, period, key))


@staff_students.post("/<key>/waive")
@staff_required
def waive_step(app_path: str, period: str, key: str) -> ResponseReturnValue:
    """Waive a step, or ask a second person for it."""
    return _act_on_step(_open(app_path, period, key), "waive", waive)


@staff_students.post("/<key>/withdraw")
@staff_required
def withdraw_waiver(app_path: str, period: str, key: str) -> ResponseReturnValue:
    """Take a waiver back, or ask a second person for it."""
    return _act_on_step(_open(app_path, period, key), "withdraw", withdraw)


@staff_students.post("/<key>/revoke")
@staff_required
def revoke(app_path: str, period: str, key: str) -> ResponseReturnValue:
    """Ask that the slip be revoked; a second person decides it."""
    student = _open(app_path, period, key)
    require(Right.ASK, student.get_scope())
    return _act(
        student,
        "revoke",
        "",
        lambda reason, by, form: ask_revocation(
            get_installation(), student.installed, student.listed, reason, by, form
        ),
    )


def open_period(app_path: str, period: str) -> InstalledMiniApp:
    """The mini-app of an address, with its present period. Raises NotFound."""
    installed = get_installation().get_mini_app(app_path)
    if period != installed.settings.period:
        raise NotFound
    return installed


def _open_list(app_path: str, period: str) -> tuple[InstalledMiniApp, tuple[str, ...]]:
    """The mini-app, and the colleges whose students may be listed (none are named where it is all). Raises NotFound."""
    installed = open_period(app_path, period)
    colleges = list_colleges(get_grants(), Right.STATUS, installed, ALL)
    if colleges is None:
        require(Right.STATUS, Scope(installed.mini_app.slug, period=period))
        raise NotFound
    return installed, colleges


def _open(app_path: str, period: str, key: str) -> Student:
    """The student of this key, with the steps that the person may see. Raises NotFound where there is none of them, and
    GrantEnded for a form.
    """
    installed = open_period(app_path, period)
    listed = find_by_key(installed, key)
    if listed is None:
        raise NotFound
    student = Student(installed, listed, ())
    steps = [step for step in installed.mini_app.step_keys if student.may(Right.STATUS, step)]
    if not steps:
        require(Right.STATUS, student.get_scope())
    return Student(installed, listed, tuple(steps))


def _act_on_step(student: Student, form: str, act: Callable[..., Asked | None]) -> ResponseReturnValue:
    step_key = request.form.get("step", "")
    require(Right.ASK, student.get_scope(step_key) if step_key else student.get_scope())
    if step_key not in student.installed.mini_app.step_keys:
        raise NotFound
    return _act(
        student,
        form,
        step_key,
        lambda reason, by, sent: act(
            get_installation(), student.installed, student.listed, step_key, reason, by, sent
        ),
    )


def _act(
    student: Student, form: str, step_key: str, act: Callable[[str, str, Form], Asked | None]
) -> ResponseReturnValue:
    """Do it, and lead to where it is to be seen; what was typed is kept where it cannot be done."""
    typed, sent = request.form.get("reason", ""), read_form()
    try:
        reason = read_reason(typed, get_installation().settings.conventions)
    except MalformedReason:
        return _render(student, Problem("ReasonMissing", str(NO_REASON), form, step_key, typed), 422)
    try:
        asked = act(reason, current_person().number, sent)
    except UnknownStep as error:
        raise NotFound from error
    except tuple(PROBLEMS) as fact:
        problem = Problem(type(fact).__name__, str(PROBLEMS[type(fact)]), form, step_key, typed)
        return _render(student, problem, 409)
    if asked is None:
        return redirect(f"{student.address}#{step_key}", 303)
    address = url_for("staff_approvals.show", request_id=asked.id)
    if asked.is_new:
        return redirect(address, 303)
    session[ASKED_BEFORE] = {"id": asked.id, "reason": reason}
    return redirect(f"{address}?asked=before", 303)


def _render(student: Student, problem: Problem | None = None, status: int = 200) -> ResponseReturnValue:
    """The page, after the look was logged."""
    installed, listed = student.installed, student.listed
    installation, shown = get_installation(), show_mini_app(installed)
    note_view(listed.student_number, "student")
    # Before the states: a form may be drawn on less than the page shows, never on more.
    versions = load_versions(installed, listed.student_number)
    states = judge_items(installation, installed, listed.student_number)
    slip = find_slip_number(installed, listed.student_number)
    slip_status = get_slip_status(installation, slip) if slip else None
    sees_all = student.may(Right.STATUS)
    items = [
        view_item(
            shown.get_step(key),
            states[key],
            with_facts=student.may(Right.FACTS, key),
            may_ask=student.may(Right.ASK, key),
            is_submitted=slip is not None,
        )
        for key in student.steps
    ]
    entries = _read_entries(student, sees_all=sees_all)
    waiting = [
        one
        for one in list_open_about(installation, installed, listed.student_number, get_now())
        if (sees_all and student.may(Right.ASK)) or (one.step and student.may(Right.ASK, one.step))
    ]
    names = find_names({*_list_people(entries), *(one.asked_by for one in waiting)})
    lines = [view_waiting(one, shown, names) for one in waiting]
    told = view_timeline(shown, entries, names)
    may_revoke = slip_status is not None and slip_status.state is not SlipState.REVOKED
    page = render_staff(
        "staff/student.html",
        mini_app=shown.mini_app,
        period=installed.settings.period,
        student=listed,
        address=student.address,
        items=items,
        slip=slip if sees_all else None,
        slip_state=_view_slip(student, slip_status) if sees_all else None,
        may_revoke=may_revoke
        and student.may(Right.ASK)
        and not any(line["kind"] == Kind.REVOKE and not line["is_dead"] for line in lines),
        waiting=lines,
        versions={key: version.total for key, version in versions.items()},
        nonces={key: make_nonce() for key in ("", *student.steps)},
        two_for=[key for key in student.steps if needs_two(installation, installed, key)],
        may_approve=student.may(Right.APPROVE),
        may_search=list_colleges(get_grants(), Right.STATUS, installed, ALL) is not None,
        entries=told,
        problem=problem,
        newest=_find_newest(problem, entries, told),
        as_of=show_moment(get_now()),
    )
    return page, status


def _view_slip(student: Student, status: SlipStatus | None) -> SlipStateView | None:
    """What the slip is worth; why it was revoked is for who may read what was written."""
    if status is None:
        return None
    return view_state(status if student.may(Right.FACTS) else replace(status, reason=""))


def view_waiting(one: Request, shown: InstalledMiniApp, names: dict[str, str]) -> dict[str, Any]:
    """An open request in a line."""
    step = shown.mini_app.get_step(one.step)
    return {
        "id": one.id,
        "kind": one.kind,
        "step": step.title if step else "",
        "who": name_person(one.asked_by, names),
        "at": show_moment(one.asked_at),
        "is_dead": bool(find_change(get_installation(), one)),
    }


def _find_newest(
    problem: Problem | None, entries: Sequence[Entry], told: Sequence[EntryView]
) -> EntryView | None:
    """Who changed the item last of which a form could not be taken, and when."""
    if problem is None or problem.is_reason:
        return None
    pairs = zip(entries, told, strict=True)
    return next((view for entry, view in pairs if entry.step == problem.step and entry.what in MOVES), None)


def _read_entries(student: Student, *, sees_all: bool) -> list[Entry]:
    """What of the timeline is for the person who looks: of steps that are not for them nothing, and what was written
    only where facts are for them.
    """
    about_all = [""] if sees_all else []
    with_texts = [key for key in student.steps if student.may(Right.FACTS, key)]
    about_all_texts = [""] if student.may(Right.FACTS) else []
    entries = read_timeline(student.installed, student.listed.student_number)
    return limit_entries(entries, [*student.steps, *about_all], [*with_texts, *about_all_texts])


def _list_people(entries: list[Entry]) -> set[str]:
    return {number for entry in entries for number in (entry.actor, entry.asked_by) if number}
