"""Why a mini-app takes nobody now, or not this person, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask import request

from app.domain.errors import Mismatch, NotGraduating, OutsidePeriod
from app.services.clock import get_now
from app.services.installation import InstalledMiniApp
from app.web.language import (
    ENGLISH,
    get_language,
    gettext,
    localized,
    show_day,
    show_mini_app,
)
from app.web.page_context import get_installation


@dataclass(frozen=True, slots=True)
class Notice:
    """What keeps somebody from submitting, and what to do about it; `mark` is for machines and the support."""

    mark: str
    title: str
    what_to_do: str


def find_closed_notice(installed: InstalledMiniApp) -> Notice | None:
    """Why a mini-app takes no submissions today; None where it does."""
    today: date = get_installation().get_local_time(get_now()).date()
    try:
        installed.require_open(today)
    except OutsidePeriod as fact:
        return describe_closed(fact)
    return None


def describe_closed(fact: OutsidePeriod) -> Notice:
    """Whether submissions have not begun or are over, and since or until when."""
    first, last = show_day(fact.opens_on), show_day(fact.closes_on) if fact.closes_on else ""
    if not last:
        message = gettext("%(first)s起可以提交。现在可以先登录查询各事项是否通过。", first=first)
        return Notice("not_yet", gettext("还没有开始办理"), message)
    if not fact.is_over:
        message = gettext(
            "%(first)s起可以提交，%(last)s截止。现在可以先登录查询各事项是否通过。", first=first, last=last
        )
        return Notice("not_yet", gettext("还没有开始办理"), message)
    support = localized(get_installation().settings.service.support)
    message = gettext(
        "本批次的提交已于%(last)s截止，现在不能提交。还没有提交的，请联系：%(support)s",
        last=last,
        support=support,
    )
    return Notice("over", gettext("办理已截止"), message)


def describe_mismatch(fact: NotGraduating) -> Notice:
    """Why this student is not one of those that the mini-app is for, or why nobody can tell."""
    told, wanted = localized(fact.told), gettext("、").join(map(localized, fact.wanted))
    ask_school = gettext("如果登记有误，请联系所在学院更正。")
    ask_support = gettext("这不表示您不能毕业。请把下面的代号和请求编号告诉技术支持，补上后即可办理。")
    label = _name_attribute(fact.name)
    titles = {
        Mismatch.LEVEL_MISSING: gettext("统一身份认证没有提供您的培养层次"),
        Mismatch.PERIOD_MISSING: gettext("统一身份认证没有提供您的毕业批次"),
        Mismatch.OTHER_LEVEL: gettext("您的培养层次“%(level)s”不在本批次离校名单中", level=told),
        Mismatch.OTHER_PERIOD: gettext("您的毕业批次“%(period)s”不是本服务现在办理的批次", period=told),
        Mismatch.ATTRIBUTE_MISSING: gettext("统一身份认证没有提供您的%(label)s", label=label),
        Mismatch.OTHER_ATTRIBUTE: gettext(
            "您的%(label)s是“%(told)s”，不是本服务办理的", label=label, told=told
        ),
    }
    if fact.mismatch in (Mismatch.LEVEL_MISSING, Mismatch.OTHER_LEVEL):
        serves = gettext("本服务面向的培养层次：%(levels)s。", levels=wanted)
    elif fact.name:
        serves = gettext("本服务面向的%(label)s：%(wanted)s。", label=label, wanted=wanted)
    else:
        serves = gettext("现在办理的批次：%(period)s。", period=wanted)
    gap = " " if get_language() is ENGLISH else ""
    asks = ask_school if fact.told else ask_support
    return Notice(fact.mismatch, titles[fact.mismatch], f"{serves}{gap}{asks}")


def _name_attribute(name: str) -> str:
    """What the mini-app of this address calls an attribute of people; its name where it shows none."""
    installed = find_mini_app()
    fields = show_mini_app(installed).mini_app.fields if installed else ()
    return next((field.label for field in fields if field.key == name), name)


def find_mini_app() -> InstalledMiniApp | None:
    """The mini-app of this address, if it is one of a mini-app's pages."""
    return get_installation().mini_apps.get((request.view_args or {}).get("app_path", ""))
