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
    return [*_list_audit_doors(grants)]


def _list_audit_doors(grants: Grants) -> list[Door]:
    if not grants.list(Right.AUDIT):
        return []
    detail = gettext("谁对谁做了什么，谁查看过谁，审计链是否完整")
    return [Door(url_for("staff_audit.events"), gettext("审计"), detail)]


def render_staff(name: str, **data: Any) -> str:
    """A page of staff, with the doors of whoever is signed in as its navigation."""
    return render_template(name, doors=list_doors(get_grants()), grants=get_grants(), **data)


@staff_home.get("/staff")
@staff_required
def home() -> ResponseReturnValue:
    """What waits for me, a number a line, and until when my grants hold."""
    return render_staff("staff/home.html")
