"""The pages of staff 工作台, below `/staff`."""

from __future__ import annotations

from flask import Flask

from app.web.staff.audit import staff_audit
from app.web.staff.grants import staff_grants
from app.web.staff.home import staff_home


def init_staff(app: Flask) -> None:
    """Bind every page of staff."""
    for blueprint in (staff_home, staff_audit, staff_grants):
        app.register_blueprint(blueprint)
