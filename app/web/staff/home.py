"""`/staff`: where somebody's grants lead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect
from flask.typing import ResponseReturnValue

from app.domain.staff import ALL, Grants, Right
from app.services.clock import get_now
from app.services.desk.deciding import list_desk_steps
from app.services.staff.requests import count_waiting
from app.web.language import gettext, render_template, show_mini_app
from app.web.page_context import get_installation, url_for
from app.web.staff.access import get_grants, list_colleges, staff_required

staff_home = Blueprint("staff_home", __name__)


@dataclass(frozen=True, slots=True)
class Door:
    """A page that somebody's grants open: what it is called, what waits there, and for the mark `data-waiting`."""

    address: str
    title: str
    detail: str = ""
    kind: str = ""
    waiting: int = 0


def list_doors(grants: Grants) -> list[Door]:
    """The pages that these grants open, the most used first, but the one that everybody has."""
    return [
        *_list_counters(grants),
        *_list_approval_doors(grants),
        *_list_student_doors(grants),
        *_list_audit_doors(grants),
    ]


def _list_approval_doors(grants: Grants) -> list[Door]:
    """What others asked for waits with its number."""
    if not grants.list(Right.APPROVE):
        return []
    waiting = count_waiting(get_installation(), grants, get_now())
    detail = gettext("同事的申请，须由另一人复核") if waiting else gettext("现在没有等待复核的申请")
    return [Door(url_for("staff_approvals.index"), gettext("复核"), detail, "approvals", waiting)]


def _list_student_doors(grants: Grants) -> list[Door]:
    """A search for each mini-app of whose students somebody sees all items."""
    doors = []
    for installed in get_installation().mini_apps.values():
        if list_colleges(grants, Right.STATUS, installed, ALL) is not None:
            mini_app, period = show_mini_app(installed).mini_app, installed.settings.period
            address = url_for("staff_students.search", app_path=mini_app.path, period=period)
            doors.append(Door(address, gettext("查找学生"), mini_app.title))
    return doors


def _list_audit_doors(grants: Grants) -> list[Door]:
    if not grants.list(Right.AUDIT):
        return []
    detail = gettext("谁对谁做了什么，谁查看过谁，审计链是否完整")
    return [Door(url_for("staff_audit.events"), gettext("审计"), detail)]


def _make_grants_door(grants: Grants) -> Door:
    """`/staff/grants`: everybody reads the own ones there."""
    address = url_for("staff_grants.show")
    if grants.allows(Right.GRANT):
        return Door(address, gettext("授权"), gettext("授予、延长、结束各类权限"))
    if grants.list(Right.DELEGATE):
        return Door(address, gettext("授权"), gettext("出差、休假时委托同事办理，随时可以结束"))
    return Door(address, gettext("我的授权"), gettext("您可以办理什么、到哪一天为止"))


def _list_counters(grants: Grants) -> Iterator[Door]:
    """The counters of the steps that these grants let somebody decide at."""
    for desk_step in list_desk_steps(get_installation()):
        installed, key = desk_step.installed, desk_step.step.key
        if list_colleges(grants, Right.DECIDE, installed, key) is None:
            continue
        shown = show_mini_app(installed)
        step = shown.get_step(key)
        title = gettext("现场办理：%(title)s", title=step.title)
        address = url_for("staff_desk.counter", app=installed.mini_app.path, step=key)
        yield Door(
            address,
            title,
            gettext("%(department)s，%(service)s", department=step.department, service=shown.mini_app.title),
        )


def render_staff(name: str, **data: Any) -> str:
    """A page of staff, which knows the grants of whoever is signed in."""
    return render_template(name, grants=get_grants(), **data)


@staff_home.get("/staff")
@staff_required
def home() -> ResponseReturnValue:
    """What waits for me, a number a line, and until when my grants hold. One grant that opens one page leads there."""
    grants = get_grants()
    doors = list_doors(grants)
    if len(grants.standing) == 1 and len(doors) == 1:
        return redirect(doors[0].address)
    return render_staff("staff/home.html", doors=[*doors, _make_grants_door(grants)])
