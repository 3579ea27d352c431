"""A student's timeline in words: whole sentences, one for each kind of entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from app.services.installation import InstalledMiniApp
from app.services.staff.approved_acts import Kind
from app.services.staff.timeline import Entry, What
from app.web.language import gettext, show_moment
from app.web.language import lazy_gettext as _l

OF_STEPS = {
    What.WAIVED: _l("%(who)s豁免了“%(step)s”"),
    What.WITHDRAWN: _l("%(who)s撤回了“%(step)s”的豁免"),
    What.DONE: _l("%(who)s把“%(step)s”记为办结"),
    What.NOT_DONE: _l("%(who)s把“%(step)s”记为未办结"),
    What.UNDONE: _l("%(who)s撤销了“%(step)s”的上一次办理"),
    What.RECORDED: _l("%(who)s登记了“%(step)s”"),
    What.IMPORTED: _l("%(who)s导入了“%(step)s”的登记"),
    What.REMOVED: _l("%(who)s删除了“%(step)s”的登记"),
    What.ACTED: _l("学生本人在“%(step)s”办理了“%(action)s”"),
}
OF_SLIPS = {
    What.SUBMITTED: _l("学生本人提交离校，签发离校单 %(slip)s"),
    What.REVOKED: _l("%(who)s撤销了离校单"),
    What.REISSUED: _l("%(who)s换发了离校单，旧的打印件失效"),
    What.SCANNED: _l("%(who)s核验过离校单，共 %(times)s 次，这是最近一次"),
}
ASKED = {
    Kind.REVOKE: _l("%(who)s申请撤销离校单，等待另一人复核"),
    Kind.WAIVE: _l("%(who)s申请豁免“%(step)s”，等待另一人复核"),
    Kind.WITHDRAW: _l("%(who)s申请撤回“%(step)s”的豁免，等待另一人复核"),
}
APPROVED = {
    Kind.REVOKE: _l("%(who)s批准了撤销离校单的申请"),
    Kind.WAIVE: _l("%(who)s批准了豁免“%(step)s”的申请"),
    Kind.WITHDRAW: _l("%(who)s批准了撤回“%(step)s”豁免的申请"),
}
REFUSED = {
    Kind.REVOKE: _l("%(who)s不批准撤销离校单"),
    Kind.WAIVE: _l("%(who)s不批准豁免“%(step)s”"),
    Kind.WITHDRAW: _l("%(who)s不批准撤回“%(step)s”的豁免"),
}
EXPIRED = {
    Kind.REVOKE: _l("撤销离校单的申请已过期"),
    Kind.WAIVE: _l("豁免“%(step)s”的申请已过期"),
    Kind.WITHDRAW: _l("撤回“%(step)s”豁免的申请已过期"),
}
TAKEN_BACK = {
    Kind.REVOKE: _l("%(who)s撤回了撤销离校单的申请"),
    Kind.WAIVE: _l("%(who)s撤回了豁免“%(step)s”的申请"),
    Kind.WITHDRAW: _l("%(who)s收回了撤回“%(step)s”豁免的申请"),
}
OVERTAKEN = {
    Kind.REVOKE: _l("撤销离校单的申请因情况变化而作废"),
    Kind.WAIVE: _l("豁免“%(step)s”的申请因情况变化而作废"),
    Kind.WITHDRAW: _l("撤回“%(step)s”豁免的申请因情况变化而作废"),
}
WITH_REASON = {What.WAIVED, What.WITHDRAWN, What.REVOKED, What.REISSUED, What.ASKED, What.UNDONE}
"""What is done for a reason that somebody wrote; with the rest a note may stand."""
OF_REQUESTS = {
    What.ASKED: ASKED,
    What.APPROVED: APPROVED,
    What.REFUSED: REFUSED,
    What.EXPIRED: EXPIRED,
    What.TAKEN_BACK: TAKEN_BACK,
    What.OVERTAKEN: OVERTAKEN,
}
WAYS = {
    "page": _l("通过工作台"),
    "command": _l("通过命令行"),
    "scan": _l("扫描办理码"),
    "typed": _l("输入学号"),
    "list": _l("从今天的名单"),
    "import": _l("导入表格"),
}


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry: when (local time), what happened, what somebody chose or wrote, and by which way; `number` is the request's id that
    it leads to, 0 for none.
    """

    at: str
    sentence: str
    texts: tuple[str, ...]
    way: str
    what: str
    number: int


def view_timeline(
    installed: InstalledMiniApp, entries: Iterable[Entry], names: Mapping[str, str]
) -> list[EntryView]:
    """The entries in words; `installed` is as it is shown in the language of this request."""
    return [
        EntryView(
            show_moment(entry.at),
            _tell(installed, entry, names),
            tuple(_tell_texts(installed, entry)),
            _tell_way(entry, names),
            entry.what,
            entry.approval,
        )
        for entry in entries
    ]


def name_person(number: str, names: Mapping[str, str]) -> str:
    """Somebody of the staff, by name where one is known."""
    name = names.get(number, "")
    return gettext("%(name)s（%(number)s）", name=name, number=number) if name else number


def _tell(installed: InstalledMiniApp, entry: Entry, names: Mapping[str, str]) -> str:
    step = installed.mini_app.get_step(entry.step)
    action = step.get_action(entry.action) if step else None
    values = {
        "who": name_person(entry.actor, names),
        "step": step.title if step else entry.step,
        "action": action.title if action else entry.action,
        "slip": entry.slip,
        "times": entry.times,
    }
    if entry.what in OF_REQUESTS:
        return str(OF_REQUESTS[entry.what][Kind(entry.asked_for)]) % values
    return str(OF_STEPS.get(entry.what) or OF_SLIPS[entry.what]) % values


def _tell_texts(installed: InstalledMiniApp, entry: Entry) -> Iterator[str]:
    """The reason that a clerk chose, and what somebody wrote."""
    step = installed.mini_app.get_step(entry.step)
    reason = step.get_desk_reason(entry.reason_key) if step and entry.reason_key else None
    if reason is not None:
        yield gettext("原因：%(reason)s", reason=reason.message)
    if entry.text and entry.what in WITH_REASON:
        yield gettext("原因：%(reason)s", reason=entry.text)
    elif entry.text:
        yield gettext("备注：%(note)s", note=entry.text)


def _tell_way(entry: Entry, names: Mapping[str, str]) -> str:
    """How many decided it and by which way; empty where nobody noted that."""
    way = str(WAYS.get(entry.via, ""))
    if entry.what in OF_REQUESTS:
        return ""
    if entry.persons > 1:
        asked_by = name_person(entry.asked_by, names)
        return gettext("两人复核：由%(who)s申请", who=asked_by)
    if entry.persons == 1 and way:
        return gettext("%(way)s，由一人决定", way=way)
    return way
