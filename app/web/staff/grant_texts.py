"""Grants in the words of a page: roles, scopes, and why one cannot be given, extended or ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

from app.domain.giving import MAX_DELEGATED_DAYS, CannotGive, Fault, get_last_day
from app.domain.staff import Scope, StaffRole
from app.services.staff.doubts import Doubt
from app.web.language import gettext, show_day, show_mini_app, show_moment
from app.web.language import lazy_gettext as _l
from app.web.page_context import get_installation

ROLES: Mapping[StaffRole, str] = {
    StaffRole.DESK: _l("环节办理人"),
    StaffRole.HEAD: _l("部门负责人"),
    StaffRole.COLLEGE: _l("学院（只看本学院）"),
    StaffRole.SCHOOL: _l("研究生院"),
    StaffRole.AUDITOR: _l("审计"),
    StaffRole.ADMIN: _l("系统管理员"),
}
STANDS_IN: Mapping[StaffRole, str] = {
    StaffRole.DESK: _l("环节办理人：登记办结、未办结，撤销本人的办理"),
    StaffRole.HEAD: _l("代行部门负责人：还可以撤回他人的办理"),
    StaffRole.COLLEGE: _l("学院：查看本学院学生的办理状态"),
}
"""What a colleague may do who stands in."""
DOUBTS: Mapping[Doubt, tuple[str, str]] = {
    Doubt.NUMBER: (
        "number",
        _l("还没有人用这个工号登录过本系统，请核对。确认无误的，勾选下面一项后再提交。"),
    ),
    Doubt.STUDENT: (
        "number",
        _l("这是一名学生的学号，请核对。确实要授权给这名学生的，勾选下面一项后再提交。"),
    ),
    Doubt.COLLEGE: (
        "college",
        _l("名单中没有这个学院，请核对全称。确认无误的，勾选下面一项后再提交。"),
    ),
    Doubt.PERIOD: ("period", _l("现在没有这个批次，请核对。确认无误的，勾选下面一项后再提交。")),
}
"""What looks mistyped: the field where it is mended, and what to say there."""
FIELDS: Mapping[Fault, str] = {
    Fault.ONESELF: "number",
    Fault.LATER_THAN_OWN: "until",
    Fault.TOO_LONG: "until",
    Fault.ENDLESS: "until",
    Fault.OVER: "until",
    Fault.STANDS: "until",
    Fault.NOT_ONES_TO_EXTEND: "until",
    Fault.NEEDED: "place",
    Fault.NOT_POSSIBLE: "place",
    Fault.MALFORMED: "place",
}
"""Where on the form a fault is mended; parts of a scope that have a field of their own are told there."""
_FAULTS: Mapping[Fault, str] = {
    Fault.ONESELF: _l("不能给本人授权，请由另一位同事授权。"),
    Fault.ENDLESS: _l("请填写最后一天：委托必须有期限。"),
    Fault.OVER: _l("这一天已经过去，请填写今天或以后的日期。"),
    Fault.ONWARDS: _l("您的权限是他人委托的，不能再委托给别人。请联系本部门负责人。"),
    Fault.NOT_OWN: _l("您没有这项权限，不能授予别人。"),
    Fault.NOT_ONES_TO_EXTEND: _l("这项授权由系统管理员授予，请联系系统管理员延长。"),
    Fault.CONFIGURED: _l("这位管理员由配置文件指定，只能在配置文件中取消。"),
    Fault.NOT_ONES_TO_END: _l("这项授权不由您管理，请联系系统管理员结束。"),
    Fault.LAST_OF_SCHOOL: _l(
        "这是研究生院的最后一项授权，前一项也由您结束：须由两人办理的事项将无人办理。请先授权给另一位同事，或者由另一位管理员结束。"
    ),
    Fault.LAST_ADMINISTRATOR: _l("您是最后一位系统管理员，结束后再无人可以授权。请先授权给另一位管理员。"),
}


def describe_fault(fault: CannotGive) -> tuple[str, str]:
    """The field where a fault is mended ("" for none), and what to say there."""
    part = fault.part
    own_field = part if part in ("college", "period") else FIELDS.get(fault.fault, "")
    return own_field, _describe(fault)


def _describe(fault: CannotGive) -> str:
    day = show_day(get_last_day(fault.until, _get_zone())) if fault.until else ""
    match fault.fault:
        case Fault.TOO_LONG:
            return gettext(
                "委托最长 %(days)s 天，最后一天不能晚于 %(day)s。", days=MAX_DELEGATED_DAYS, day=day
            )
        case Fault.LATER_THAN_OWN:
            return gettext("您自己的权限到 %(day)s 为止，不能委托到更晚。", day=day)
        case Fault.STANDS if day:
            return gettext("对方已有这项授权，有效期到 %(day)s。需要延长的，请填写更晚的日期。", day=day)
        case Fault.STANDS:
            return gettext("对方已有这项授权，长期有效，不用再授权。")
        case Fault.NEEDED:
            return _describe_needed(fault.part)
        case Fault.NOT_POSSIBLE:
            return _describe_impossible(fault.part)
        case Fault.MALFORMED if fault.part == "college":
            return gettext("请填写学院的全称，不超过 80 字。")
        case Fault.MALFORMED:
            return gettext("请填写批次，例如 2026-06，不超过 20 字。")
        case Fault.ENDED:
            return _describe_ended(fault)
    return str(_FAULTS[fault.fault])


def _describe_needed(part: str) -> str:
    if part == "college":
        return gettext("这个角色须指定学院，请填写学院的全称。")
    return gettext("这个角色须指定服务和环节，请在“范围”中选择一个环节。")


def _describe_impossible(part: str) -> str:
    if part == "college":
        return gettext("这个角色不分学院，请把学院留空。")
    if part == "period":
        return gettext("这个角色不分批次，请把批次留空。")
    if part == "step":
        return gettext("这个角色不分环节，请在“范围”中选择全部服务，或者一项服务。")
    return gettext("这个角色不分服务，请在“范围”中选择全部服务。")


def _describe_ended(fault: CannotGive) -> str:
    assert fault.until is not None
    moment = show_moment(fault.until)
    if fault.by:
        return gettext(
            "这项授权已由 %(number)s 于 %(moment)s 结束，不用再结束。", number=fault.by, moment=moment
        )
    return gettext("这项授权已于 %(moment)s 到期，不用再结束。", moment=moment)


def describe_scope(scope: Scope) -> str:
    """Where a grant holds, by the titles of services and steps."""
    installation = get_installation()
    found = [one for one in installation.mini_apps.values() if one.mini_app.slug == scope.mini_app]
    mini_app = show_mini_app(found[0]).mini_app if found else None
    step = mini_app.get_step(scope.step) if mini_app and scope.step else None
    parts = (
        mini_app.title if mini_app else scope.mini_app or gettext("全部服务"),
        step.title if step else scope.step,
        scope.college,
        scope.period,
    )
    return " · ".join(filter(None, parts))


def _get_zone() -> tzinfo:
    return get_installation().settings.service.time_zone
