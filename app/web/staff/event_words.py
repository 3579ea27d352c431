"""What audit events are called on pages of staff, and which of their details are shown there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.services.installation import InstalledMiniApp
from app.services.staff.records import ToldEvent
from app.web.language import gettext, show_mini_app
from app.web.language import lazy_gettext as _l
from app.web.page_context import get_installation
from app.web.staff.grant_texts import ROLES

KIND_WORDS: Mapping[str, Any] = {
    "desk_recorded": _l("办理"),
    "desk_undone": _l("撤销办理"),
    "desk_imported": _l("导入办理名单"),
    "desk_row_refused": _l("名单中的一行未被接受"),
    "desk_entry_removed": _l("删除登记"),
    "desk_entries_removed": _l("成批删除登记"),
    "desk_declared_complete": _l("声明名单已完整"),
    "desk_declared_incomplete": _l("声明名单不再完整"),
    "waiver_asked": _l("申请豁免"),
    "step_waived": _l("豁免环节"),
    "waiver_withdrawn": _l("撤回豁免"),
    "waiver_withdrawn_with_another": _l("随另一条一并撤回豁免"),
    "approval_asked": _l("提出申请"),
    "approval_decided": _l("复核申请"),
    "grant_given": _l("授予权限"),
    "grant_ended": _l("结束授权"),
    "slip_issued": _l("签发离校单"),
    "slip_revoked": _l("撤销离校单"),
    "slip_reissued": _l("换发离校单"),
    "consent_given": _l("同意隐私说明"),
    "consent_withdrawn": _l("撤回同意"),
    "action_intended": _l("确认办理"),
    "action_finished": _l("办理结果"),
    "student_shown": _l("在服务器上查看学生"),
    "connector_tried": _l("在服务器上试查"),
    "sessions_ended": _l("结束登录"),
    "number_noted": _l("登记到名单"),
    "number_folded": _l("统一号码写法"),
    "second_row_removed": _l("删除重复的一行"),
    "rows_changed": _l("数据变动的后续部分"),
    "rows_adopted": _l("认领数据"),
    "rows_purged": _l("到期删除数据"),
    "personal_data_purged": _l("到期删除个人信息"),
    "audit_purged": _l("到期删除审计记录"),
    "restore_declared": _l("声明从备份恢复"),
}
"""By kind; one that is not here is shown by its key."""
PAGE_WORDS: Mapping[str, Any] = {
    "student": _l("学生页面"),
    "search": _l("查找学生的结果"),
    "handled": _l("今天办理的名单"),
    "approvals": _l("等待复核的名单"),
    "approval": _l("复核页面"),
    "audit": _l("审计页面"),
}
"""By the name of a page in the log of looks; a counter's is that of its step."""
_LABELS: Mapping[str, Any] = {
    "mini_app": _l("事项"),
    "step": _l("环节"),
    "desk": _l("办理点"),
    "role": _l("角色"),
    "outcome": _l("结果"),
    "slip": _l("离校单"),
    "reason": _l("原因"),
    "reason_key": _l("未办结的原因"),
    "note": _l("备注"),
    "decision": _l("决定"),
    "asked_by": _l("申请人"),
    "persons": _l("决定人数"),
    "via": _l("途径"),
    "count": _l("数量"),
    "granted_before_by": _l("此前的授权人"),
}
VALUES: Mapping[str, Mapping[str, Any]] = {
    "outcome": {
        "done": _l("办结"),
        "not_done": _l("未办结"),
        "undone": _l("已撤销办理"),
        "recorded": _l("录入"),
        "imported": _l("导入"),
        "removed": _l("删除"),
    },
    "decision": {
        "approved": _l("批准"),
        "refused": _l("不批准"),
        "expired": _l("过期失效"),
        "void": _l("记录不可信，作废"),
        "withdrawn": _l("申请人撤回"),
        "changed": _l("情况已变化，作废"),
    },
    "role": {str(role): words for role, words in ROLES.items()},
    "via": {
        "scan": _l("扫码"),
        "typed": _l("输入号码"),
        "list": _l("从今天的名单"),
        "import": _l("导入"),
        "command": _l("服务器命令"),
        "page": _l("工作台"),
    },
}
OF_MINI_APPS = ("mini_app", "step", "reason_key")
"""Details whose words a mini-app has."""
_KEYBOARD = _l("在服务器上操作的用户")


def describe_details(event: ToldEvent) -> list[tuple[str, str]]:
    """What an event says besides, a label and a value each; what programs alone read is left out."""
    details = event.details
    installed = _find_installed(details.get("mini_app"))
    is_only_one = len(get_installation().mini_apps) == 1
    described = [
        (str(label), _describe(name, details, installed))
        for name, label in _LABELS.items()
        if not (name == "mini_app" and is_only_one)
        and not (name == "desk" and details.get("step"))
        and isinstance(details.get(name), str | int)
        and details[name] != ""
    ]
    keyboard = details.get("keyboard")
    if isinstance(keyboard, dict):
        described.append((str(_KEYBOARD), " / ".join(map(str, keyboard.values()))))
    return described


def name_page(page: str) -> str:
    """What a page of the log of looks is called."""
    if page in PAGE_WORDS:
        return str(PAGE_WORDS[page])
    for installed in get_installation().mini_apps.values():
        step = show_mini_app(installed).mini_app.get_step(page)
        if step is not None:
            return gettext(
                "%(department)s %(title)s 的办理页面", department=step.department, title=step.title
            )
    return page


def _describe(name: str, details: Mapping[str, Any], installed: InstalledMiniApp | None) -> str:
    value = str(details[name])
    if installed is not None and name in OF_MINI_APPS:
        mini_app = show_mini_app(installed).mini_app
        step = mini_app.get_step(str(details.get("step", "")))
        if name == "mini_app":
            return mini_app.title
        if name == "step" and step is not None:
            return f"{step.department} {step.title}"
        reason = step.get_desk_reason(value) if step is not None and name == "reason_key" else None
        return reason.message if reason is not None else value
    return str(VALUES.get(name, {}).get(value, value))


def _find_installed(slug: object) -> InstalledMiniApp | None:
    """The mini-app of this slug; where an event names none, the only one."""
    apps = list(get_installation().mini_apps.values())
    if slug is None and len(apps) == 1:
        return apps[0]
    return next((each for each in apps if each.mini_app.slug == slug), None)
