"""`/staff`: where somebody's grants lead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.domain.staff import ALL, Grants, Right
from app.services.clock import get_now
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
    """The pages that these grants open, the most used first."""
    return [
        *_list_approval_doors(grants),
        *_list_student_doors(grants),
        *_list_audit_doors(grants),
        _make_grants_door(grants),
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


def render_staff(name: str, **data: Any) -> str:
    """A page of staff, with the doors of whoever is signed in as its navigation."""
    return render_template(name, doors=list_doors(get_grants()), grants=get_grants(), **data)


@staff_home.get("/staff")
@staff_required
def home() -> ResponseReturnValue:
    """What waits for me, a number a line, and until when my grants hold."""
    return render_staff("staff/home.html")
