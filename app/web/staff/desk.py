"""A counter 现场办理 as its pages share it: which desk it is, whom of its students the signed-in person may see, and what
was decided, in words.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import Blueprint

from app.domain.errors import NotFound
from app.domain.staff import Right
from app.domain.step import Step
from app.services.clock import get_now
from app.services.desk.deciding import Decision, DeskStep, Outcome, Via, open_desk_step
from app.services.installation import InstalledMiniApp
from app.services.staff.grants import find_names
from app.services.staff.roster import Listed, find_by_key
from app.web.auth.access import current_person
from app.web.language import gettext, show_mini_app, show_moment
from app.web.language import lazy_gettext as _l
from app.web.page_context import get_installation, url_for
from app.web.staff.access import fits_for_some, get_grants, get_scope, list_colleges, require

staff_desk = Blueprint("staff_desk", __name__)

WORDS: Mapping[Outcome, tuple[Any, str]] = {
    Outcome.DONE: (_l("办结"), "good-text"),
    Outcome.NOT_DONE: (_l("未办结"), "bad-text"),
    Outcome.UNDONE: (_l("已撤销办理"), "quiet"),  # by a reason it was 撤回, see `describe_decision`
    Outcome.RECORDED: (_l("命令行登记"), "quiet"),
    Outcome.IMPORTED: (_l("表格导入"), "quiet"),
    Outcome.REMOVED: (_l("从表格移出"), "quiet"),
}
"""The word and the tone of each outcome."""
WAYS: Mapping[Via, Any] = {
    Via.SCAN: _l("扫码"),
    Via.TYPED: _l("输入"),
    Via.LIST: _l("从今天的名单"),
    Via.IMPORT: _l("导入"),
    Via.COMMAND: _l("命令行"),
}


@dataclass(frozen=True, slots=True)
class Counter:
    """A desk at which the signed-in person may decide, of students of these `colleges`, or of all where there are none;
    `step` is as it is shown.
    """

    desk_step: DeskStep
    step: Step
    colleges: tuple[str, ...]
    address: str

    @property
    def installed(self) -> InstalledMiniApp:
        """The mini-app of the step."""
        return self.desk_step.installed


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A decision in words: `word` is its outcome with its `tone`, `text` says who decided it when, and why."""

    word: str
    tone: str
    text: str
    note: str


def open_counter(app_path: str, step_key: str) -> Counter:
    """The counter at this address. Raises NotFound where there is none that this person may decide at, GrantEnded for a
    form that is sent after the right ended.
    """
    desk_step = open_desk_step(get_installation(), app_path, step_key)
    colleges = require_step(Right.DECIDE, desk_step.installed, step_key)
    step = show_mini_app(desk_step.installed).get_step(step_key)
    address = url_for("staff_desk.counter", app=app_path, step=step_key)
    return Counter(desk_step, step, colleges, address)


def require_step(right: Right, installed: InstalledMiniApp, step_key: str) -> tuple[str, ...]:
    """The colleges of whose students the person has this right at a step; none are named where it is all of them. Raises
    as `require` does.
    """
    grants, scope = get_grants(), get_scope(installed, step_key)
    colleges = list_colleges(grants, right, installed, step_key)
    if colleges is None:
        for one in grants.ended:
            if one.grant.allows(right) and fits_for_some(one.grant.scope, scope):
                require(right, replace(scope, college=one.grant.scope.college))
        require(right, scope)
    return colleges or ()


def open_student(counter: Counter, key: str) -> Listed:
    """The student of this key. Raises NotFound for who is outside the person's colleges, or on no roster of the period."""
    listed = find_by_key(counter.installed, key)
    if listed is None:
        raise NotFound
    scope = replace(get_scope(counter.installed, counter.step.key), college=listed.college)
    if counter.colleges:
        require(Right.DECIDE, scope)
    return listed


def may_reverse(counter: Counter, student: Listed) -> bool:
    """Whether the person may take back what others decided of this student."""
    scope = replace(get_scope(counter.installed, counter.step.key), college=student.college)
    return get_grants().allows(Right.REVERSE, scope)


def name_staff(numbers: Collection[str]) -> dict[str, str]:
    """How these people of the staff are called on pages: oneself, or name and number, or the number alone."""
    own = current_person().number
    names = find_names([number for number in numbers if number != own])
    told = {
        number: gettext("%(name)s（%(number)s）", name=name, number=number) if name else number
        for number, name in names.items()
    }
    return {number: told.get(number, number) for number in numbers} | {own: gettext("您")}


def describe_decision(counter: Counter, decision: Decision, names: Mapping[str, str]) -> DecisionView:
    """A decision in words; `names` are those of `name_staff`."""
    word, tone = WORDS[decision.outcome]
    who, time = names.get(decision.actor, decision.actor), show_time(decision.decided_at)
    if decision.outcome is Outcome.UNDONE and decision.note:  # who takes back others' has to say why
        word = _l("已撤回此前的办理")
    way = str(WAYS[decision.via])
    reason = describe_reason(counter.step, decision.reason_key)
    values = {"who": who, "time": time, "way": way, "word": str(word), "reason": reason}
    if decision.outcome is Outcome.UNDONE and decision.via is not Via.LIST:
        text = gettext("%(time)s，%(who)s：%(word)s。", **values)
    elif reason:
        text = gettext("%(time)s，%(who)s：%(word)s（%(way)s）。原因：%(reason)s", **values)
    else:
        text = gettext("%(time)s，%(who)s：%(word)s（%(way)s）。", **values)
    return DecisionView(str(word), tone, text, decision.note)


def describe_reason(step: Step, reason_key: str) -> str:
    """What one of the step's reasons says, the key itself where the manifest has it no more, "" for none."""
    found = next((reason.message for reason in step.desk_reasons if reason.key == reason_key), reason_key)
    return str(found)


def show_time(moment: datetime) -> str:
    """A moment of today by the second, another by day and minute."""
    installation = get_installation()
    local, today = installation.get_local_time(moment), installation.get_local_time(get_now()).date()
    return f"{local:%H:%M:%S}" if local.date() == today else show_moment(moment)
