"""Waivers 豁免: granted by a person with a reason, audited, shown and printed."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table, bindparam, select
from sqlalchemy.exc import IntegrityError

from app.domain.clearance import Waived
from app.domain.errors import AlreadySubmitted, AlreadyWaived
from app.extensions import db
from app.models import Waiver, write_transaction
from app.services.audit import add_event
from app.services.clock import get_now
from app.services.installation import InstalledMiniApp
from app.services.slips import find_submitted_slip

_ROWS = cast("Table", Waiver.__table__)
_FIND = select(_ROWS.c.step, _ROWS.c.reason, _ROWS.c.granted_by).where(
    _ROWS.c.mini_app == bindparam("mini_app"),
    _ROWS.c.period == bindparam("period"),
    _ROWS.c.student_number == bindparam("student_number"),
)
"""Built once: to build it costs more than to run it."""


def list_waivers(installed: InstalledMiniApp, student_number: str) -> dict[str, Waived]:
    """A student's waivers in this period, by step; no read transaction, and its connection, is left open
    while departments are asked.
    """
    of_student = {
        "mini_app": installed.mini_app.slug,
        "period": installed.settings.period,
        "student_number": student_number,
    }
    rows = db.session.execute(_FIND, of_student)
    found = {step: Waived(reason, granted_by) for step, reason, granted_by in rows}
    db.session.rollback()
    return found


def grant_waiver(
    installed: InstalledMiniApp, step_key: str, student_number: str, reason: str, granted_by: str
) -> None:
    """Waive a step for a student in this period.

    Raises UnknownStep, AlreadyWaived, or AlreadySubmitted when the slip is already out.
    """
    step = installed.get_step(step_key)
    now = get_now()
    try:
        with write_transaction() as session:
            number = find_submitted_slip(session, installed, student_number)
            if number is not None:
                raise AlreadySubmitted(number)
            session.add(
                Waiver(
                    mini_app=installed.mini_app.slug,
                    period=installed.settings.period,
                    student_number=student_number,
                    step=step.key,
                    reason=reason,
                    granted_by=granted_by,
                    granted_at=now,
                )
            )
            session.flush()
            details = {"mini_app": installed.mini_app.slug, "step": step.key, "reason": reason}
            add_event(
                session, "step_waived", actor=granted_by, subject=student_number, details=details, now=now
            )
    except IntegrityError as error:
        raise AlreadyWaived(step_key) from error
