"""`/staff`: where somebody's grants lead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from app.domain.staff import Grants, Right
from app.web.language import gettext, render_template
from app.web.page_context import url_for
from app.web.staff.access import get_grants, staff_required

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
    return [*_list_audit_doors(grants), _make_grants_door(grants)]


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
