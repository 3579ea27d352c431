"""The pages of staff 工作台, below `/staff`."""

from __future__ import annotations

from flask import Flask

from app.web.staff import counter, item
from app.web.staff.approvals import staff_approvals
from app.web.staff.audit import staff_audit
from app.web.staff.desk import staff_desk
from app.web.staff.grants import staff_grants
from app.web.staff.home import staff_home
from app.web.staff.students import staff_students
from app.web.staff.typed import list_lost

__all__ = ["counter", "init_staff", "item"]


def init_staff(app: Flask) -> None:
    """Bind every page of staff. Templates get `list_lost`."""
    for blueprint in (staff_home, staff_desk, staff_approvals, staff_students, staff_grants, staff_audit):
        app.register_blueprint(blueprint)
    app.jinja_env.globals["list_lost"] = list_lost
