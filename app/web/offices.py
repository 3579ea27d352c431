"""An office in the words of a page: where it is, how it is reached, and whether it is open now; whom guidance and steps
are for; and the names of online systems in a text as links.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from flask import Flask
from markupsafe import Markup, escape

from app.domain.applies import Condition
from app.domain.mini_app import MiniApp
from app.domain.office import Link, Office
from app.domain.opening_hours import Hours, Opening, Span, format_span
from app.services.clock import get_now
from app.web.language import Language, get_language, gettext, localized, show_day
from app.web.page_context import get_installation


@dataclass(frozen=True, slots=True)
class OfficeView:
    """`week` says when the office is usually open, `changes` on which of the next days it differs, and `now` whether it
    is open; empty where nothing is known.
    """

    office: Office
    week: str = ""
    changes: tuple[str, ...] = ()
    now: str = ""
    is_open: bool = False


def register_offices(app: Flask) -> None:
    """Give templates the functions of this file."""
    app.jinja_env.globals |= {
        "link_names": link_names,
        "name_condition": name_condition,
        "name_people": name_people,
        "view_office": view_office,
    }


def view_office(office: Office) -> OfficeView:
    """The office, as at this moment."""
    if office.hours is None:
        return OfficeView(office)
    minute = get_now().replace(second=0, microsecond=0)
    return _view_at(office, office.hours, get_language(), get_installation().get_local_time(minute))


@lru_cache(maxsize=256)
def _view_at(office: Office, hours: Hours, _language: Language, now: datetime) -> OfficeView:
    opening = hours.find_opening(now)
    changes = tuple(
        gettext("%(day)s %(hours)s", day=show_day(day), hours=_show_spans(spans))
        for day, spans in hours.list_changes(now.date())
    )
    is_open = opening is not None and opening.is_open
    return OfficeView(
        office, _show_week(hours), changes, _show_opening(opening, now) if opening else "", is_open
    )


def _show_week(hours: Hours) -> str:
    runs = hours.list_week()
    return gettext("；").join(
        gettext("%(days)s %(hours)s", days=_name_days(first, last), hours=_show_spans(spans))
        for first, last, spans in runs
    )


def _name_days(first: int, last: int) -> str:
    names = gettext("周一 周二 周三 周四 周五 周六 周日").split()
    if (first, last) == (0, len(names) - 1):
        return gettext("每日")
    if first == last:
        return names[first]
    return gettext("%(first)s至%(last)s", first=names[first], last=names[last])


def _show_spans(spans: tuple[Span, ...]) -> str:
    return gettext("，").join(map(format_span, spans)) or gettext("不开放")


def _show_opening(opening: Opening, now: datetime) -> str:
    at = opening.changes_at
    if at is None:
        return gettext("近期不开放")
    if opening.is_open:
        is_midnight = at.date() > now.date()
        return gettext("现在开放，至 %(time)s", time="24:00" if is_midnight else _show_time(at))
    time = _show_time(at)
    if at.date() == now.date():
        return gettext("现在不开放，今天 %(time)s 开放", time=time)
    if at.date() == now.date() + timedelta(days=1):
        return gettext("现在不开放，明天 %(time)s 开放", time=time)
    return gettext("现在不开放，%(day)s %(time)s 开放", day=show_day(at.date()), time=time)


def _show_time(moment: datetime) -> str:
    return f"{moment.hour}:{moment.minute:02}"


def name_people(mini_app: MiniApp, conditions: Iterable[Condition]) -> str:
    """For whom alone a step is that has these conditions, in words."""
    whom = gettext("，或者").join(_describe(mini_app, condition) for condition in conditions)
    return gettext("仅限：%(whom)s", whom=whom)


def name_condition(mini_app: MiniApp, condition: Condition) -> str:
    """Whom a condition means, in words."""
    return gettext("（%(whom)s）", whom=_describe(mini_app, condition))


def _describe(mini_app: MiniApp, condition: Condition) -> str:
    told = [
        gettext("%(label)s为%(values)s", label=mini_app.label_field(key), values=_join(texts))
        for key, texts in condition.where.items()
    ]
    told += [
        gettext("%(label)s不是%(values)s", label=mini_app.label_field(key), values=_join(texts))
        for key, texts in condition.where_not.items()
    ]
    return gettext("；").join(told)


def _join(texts: Iterable[str]) -> str:
    return gettext("、").join(map(localized, texts))


def link_names(text: str, links: Iterable[Link]) -> Markup:
    """A text with each online system that it names as a link; of two names that overlap the longer one."""
    for link in sorted(links, key=lambda each: len(each.name), reverse=True):
        before, found, after = text.partition(link.name)
        if found:
            anchor = Markup('<a class="named" href="{}">{}</a>').format(link.address, link.name)
            return link_names(before, links) + anchor + link_names(after, links)
    return escape(text)
