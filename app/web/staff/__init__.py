"""The pages of staff 工作台, below `/staff`."""

from __future__ import annotations

from flask import Flask

from app.web.staff.approvals import staff_approvals
from app.web.staff.audit import staff_audit
from app.web.staff.grants import staff_grants
from app.web.staff.home import staff_home
from app.web.staff.students import staff_students


def init_staff(app: Flask) -> None:
    """Bind every page of staff."""
    for blueprint in (staff_home, staff_approvals, staff_students, staff_grants, staff_audit):
        app.register_blueprint(blueprint)
