"""The service itself, with five departments inside its process that let everybody go after 50 ms, but their failing
canary student.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from app.domain.clearance import Reading
from app.factory import create_app, warm_up
from app.settings import load_settings
from tests.fixtures.departments import CLEARED, FAILS, OF_FAILING_CONTROL, Department

DELAY_SECONDS = 0.05
PATH = "graduate-departure"


class SlowDepartment(Department):
    """It takes its time."""

    async def fetch_reading(self, student_number: str) -> Reading:
        """The records, later."""
        await asyncio.sleep(DELAY_SECONDS)
        return await super().fetch_reading(student_number)


app = create_app(load_settings())
_mini_apps = app.extensions["installation"].mini_apps
_departments = {step: SlowDepartment(step, records) for step, records in CLEARED.items()}
for _step, _department in _departments.items():
    _department.of_student[FAILS] = OF_FAILING_CONTROL[_step]
_installed = _mini_apps[PATH]
_mini_apps[PATH] = replace(_installed, connectors=_departments)
warm_up(app)
