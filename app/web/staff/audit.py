"""`/staff/audit` 审计: who did what to whom, who looked at whom, and whether the records are whole. What is searched for is
POSTed and kept in the session; whichever student is shown, that look is logged too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import Blueprint, redirect, request, session
from flask.typing import ResponseReturnValue

from app.domain.days import read_day
from app.domain.person import MalformedNumber
from app.domain.staff import Right, Scope
from app.services.clock import get_now
from app.services.staff.records import PAGE, Wanted, list_events, list_looks, verify_all
from app.web.language import gettext
from app.web.language import lazy_gettext as _l
from app.web.page_context import get_installation, url_for
from app.web.staff.access import get_grants, note_views, require, require_somewhere, staff_required
from app.web.staff.event_words import KIND_WORDS, describe_details, name_page
from app.web.staff.home import render_staff
from app.web.staff.searches import ARGUMENT, find_search, keep_search

staff_audit = Blueprint("staff_audit", __name__)

LOOK = "audit"
"""The page's name in the log of looks."""
VERIFIED = "staff_verified"
FIELDS = ("student", "actor", "kind", "day")
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_PROBLEMS: Mapping[str, str] = {}
MALFORMED_NUMBER = _l("这不是学号或工号：请填写完整的号码。")
MALFORMED_DAY = _l("这不是日期：请按 2026-06-30 的样子填写。")
UNKNOWN_KIND = _l("没有这一类记录：请在列表中重新选择。")


@dataclass(frozen=True, slots=True)
class Search:
    """What was typed, what it means, and by which fields it was not understood."""

    typed: dict[str, str]
    wanted: Wanted
    problems: dict[str, str]


@staff_audit.get("/staff/audit")
@staff_required
def events() -> ResponseReturnValue:
    """Who did what to whom, a page of events."""
    scopes = require_somewhere(Right.AUDIT)
    kept = find_search()
    found = []
    if kept is not None:
        wanted = _read_search(kept).wanted
        found = list_events(get_installation(), scopes, wanted, _read_whole("before"))
        note_views([each.student for each in found if each.student], LOOK)
    rows = [(each, describe_details(each)) for each in found]
    later = found[-1].id if len(found) == PAGE else None
    return _show("events", kept, rows=rows, later=later)


@staff_audit.post("/staff/audit")
@staff_required
def search_events() -> ResponseReturnValue:
    """Search the events."""
    require_somewhere(Right.AUDIT)
    return _keep("events")


@staff_audit.get("/staff/audit/looks")
@staff_required
def looks() -> ResponseReturnValue:
    """Who looked at whom, a page of days."""
    scopes = require_somewhere(Right.AUDIT)
    kept = find_search()
    found = []
    if kept is not None:
        wanted = _read_search(kept).wanted
        before = _read_whole("before")
        found = list_looks(scopes, wanted, None if before is None else EPOCH + before * MICROSECOND)
        note_views([each.look.subject for each in found], LOOK)
    later = (found[-1].look.last_at - EPOCH) // MICROSECOND if len(found) >= PAGE else None
    return _show("looks", kept, rows=found, later=later)


@staff_audit.post("/staff/audit/looks")
@staff_required
def search_looks() -> ResponseReturnValue:
    """Search the looks."""
    require_somewhere(Right.AUDIT)
    return _keep("looks")


@staff_audit.post("/staff/audit/verify")
@staff_required
def verify() -> ResponseReturnValue:
    """Read every event and every row that decides; the page then says what was found."""
    require(Right.AUDIT, Scope())
    found = verify_all(get_installation())
    session[VERIFIED] = {
        "at": get_now().isoformat(),
        "events": found.events,
        "broken": found.broken,
        "faults": list(found.faults),
        "more": found.more,
    }
    return redirect(f"{url_for('staff_audit.events')}#verified", 303)


def _keep(what: str) -> ResponseReturnValue:
    typed = {name: request.form.get(name, "").strip() for name in FIELDS}
    search = _read_search(typed)
    if search.problems:
        return _show(what, typed, problems=search.problems, rows=[], later=None), 422
    return redirect(url_for(f"staff_audit.{what}", **{ARGUMENT: keep_search(typed)}), 303)


def _read_search(typed: dict[str, str]) -> Search:
    form, problems = get_installation().settings.numbers, {}
    numbers, day = {"student": "", "actor": ""}, None
    for name in numbers:
        try:
            numbers[name] = form.fold("".join(typed[name].split())) if typed[name] else ""
        except MalformedNumber:
            problems[name] = str(MALFORMED_NUMBER)
    try:
        day = read_day(typed["day"]) if typed["day"] else None
    except ValueError:
        problems["day"] = str(MALFORMED_DAY)
    if typed["kind"] and typed["kind"] not in KIND_WORDS:
        problems["kind"] = str(UNKNOWN_KIND)
    return Search(typed, Wanted(numbers["student"], numbers["actor"], typed["kind"], day), problems)


def _read_whole(name: str) -> int | None:
    """A whole number of the address, or None: as microseconds since 1970 one of 17 digits is still a moment."""
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 17 else None


def _show(
    what: str, typed: dict[str, str] | None, problems: Mapping[str, str] = NO_PROBLEMS, **data: object
) -> str:
    key = request.args.get(ARGUMENT, "") if typed is not None else ""
    return render_staff(
        "staff/audit.html",
        what=what,
        typed=typed or dict.fromkeys(FIELDS, ""),
        problems=problems,
        searched=typed is not None and not problems,
        key=key,
        kinds=KIND_WORDS,
        name_page=name_page,
        show_time=_show_time,
        may_verify=get_grants().allows(Right.AUDIT),
        verified=_describe_verified(),
        **data,
    )


def _describe_verified() -> dict[str, object] | None:
    """What this browser's last verification found, in words."""
    found = session.get(VERIFIED)
    if not found:
        return None
    if found["broken"] is not None:
        words = gettext(
            "第 %(number)s 条记录对不上：这一条或它之前的某一条被改动、删除或移动过。请立即联系信息化部门。",
            number=found["broken"],
        )
    elif found["faults"]:
        words = gettext(
            "审计链逐条相符，但有 %(count)s 处数据与记录对不上。请立即联系信息化部门。",
            count=len(found["faults"]) + found["more"],
        )
    else:
        words = gettext(
            "审计记录完整：%(count)s 条逐条相符，豁免、授权、办理等数据与记录一一对应。",
            count=found["events"],
        )
    is_whole = found["broken"] is None and not found["faults"]
    at = _show_time(datetime.fromisoformat(found["at"]))
    return {"words": words, "is_whole": is_whole, "faults": found["faults"], "at": at}


def _show_time(moment: datetime) -> str:
    """A moment on the service's wall clock, to the second."""
    return f"{get_installation().get_local_time(moment):%Y-%m-%d %H:%M:%S}"
