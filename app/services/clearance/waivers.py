"""Waivers 豁免: granted by a person with a reason, audited, shown and printed; withdrawn while nothing is submitted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from sqlalchemy import Table, bindparam, select
from sqlalchemy.exc import IntegrityError

from app.domain.clearance import Waived
from app.domain.conventions import Conventions
from app.domain.decisions import find_fault, require_other
from app.domain.errors import AlreadySubmitted, AlreadyWaived, NotWaived, UnknownNumber
from app.extensions import DatabaseSession, db
from app.models import Sender, Waiver, read_connection, retry_conflicts, write_transaction
from app.services.audit import add_event
from app.services.clock import get_now
from app.services.installation import InstalledMiniApp
from app.services.numbers import is_known_number
from app.services.slips.slips import find_submitted_slip

REPLACED = "without effect, and granted anew"

_ROWS = cast("Table", Waiver.__table__)
_FIND = select(_ROWS.c.step, _ROWS.c.reason, _ROWS.c.granted_by).where(
    _ROWS.c.mini_app == bindparam("mini_app"),
    _ROWS.c.period == bindparam("period"),
    _ROWS.c.student_number == bindparam("student_number"),
    _ROWS.c.withdrawn_at.is_(None),
)
"""Built once: to build it costs more than to run it."""
_HOLD = _FIND.with_for_update()


class WaiversChanged(Exception):
    """A waiver that a submission rests on was withdrawn, or granted anew, since the student's steps were judged."""


def list_waivers(installed: InstalledMiniApp, student_number: str) -> dict[str, Waived]:
    """A student's waivers in this period, by step; no read transaction, and its connection, is left open
    while departments are asked. One that would be refused today, see `find_waiver_fault`, has no effect.
    """
    with read_connection(db.engine) as connection:
        rows = connection.execute(_FIND, _describe_student(installed, student_number)).all()
    return {
        step: Waived(reason, granted_by)
        for step, reason, granted_by in rows
        if not find_fault(student_number, reason, granted_by, installed.conventions)
    }


def find_waiver_fault(waiver: Waiver, conventions: Conventions) -> str:
    """Why a stored waiver is without effect; "" for one that counts. Older releases kept whatever was typed."""
    return find_fault(waiver.student_number, waiver.reason, waiver.granted_by, conventions)


def list_faulty_waivers(installed: InstalledMiniApp) -> list[tuple[Waiver, str | None]]:
    """The waivers of this period that stand and are without effect, each with the slip that its student has."""
    return [
        (waiver, find_submitted_slip(db.session, installed, waiver.student_number))
        for waiver in find_waivers(installed.mini_app.slug)
        if waiver.period == installed.settings.period and find_waiver_fault(waiver, installed.conventions)
    ]


def hold_waivers(
    sender: Sender,
    installed: InstalledMiniApp,
    student_number: str,
    waived: Mapping[str, Waived],
) -> None:
    """Keep these waivers as they are until the transaction ends: a withdrawal waits for it. Asks nothing for a
    student without any. Raises WaiversChanged.
    """
    if not waived:
        return
    rows = sender.execute(_HOLD, _describe_student(installed, student_number))
    found = {step: Waived(reason, granted_by) for step, reason, granted_by in rows}
    if any(found.get(step) != one for step, one in waived.items()):
        raise WaiversChanged


def find_waivers(
    mini_app: str = "", student_number: str = "", step: str = "", *, includes_withdrawn: bool = False
) -> list[Waiver]:
    """Waivers of every period that fit, the oldest first; an empty text fits everything."""
    query = select(Waiver).order_by(Waiver.granted_at, Waiver.id)
    wanted = ((Waiver.mini_app, mini_app), (Waiver.student_number, student_number), (Waiver.step, step))
    query = query.where(*(column == value for column, value in wanted if value))
    if not includes_withdrawn:
        query = query.where(Waiver.withdrawn_at.is_(None))
    return list(db.session.scalars(query))


def grant_waiver(
    installed: InstalledMiniApp,
    step_key: str,
    student_number: str,
    reason: str,
    granted_by: str,
    *,
    accepts_unknown: bool = False,
) -> None:
    """Waive a step for a student in this period. Reason and numbers come cleaned and folded. A waiver that is
    without effect is withdrawn for the new one.

    Raises UnknownStep, OwnDecision, UnknownNumber (unless that is accepted), AlreadyWaived, or AlreadySubmitted when the
    slip is already out.
    """
    step = installed.get_step(step_key)
    require_other(granted_by, (student_number,))
    if not accepts_unknown and not is_known_number(student_number):
        raise UnknownNumber
    now = get_now()
    waiver = Waiver(
        **_describe_student(installed, student_number),
        step=step.key,
        reason=reason,
        granted_by=granted_by,
        granted_at=now,
    )
    try:
        with write_transaction() as session:
            _require_not_submitted(session, installed, student_number)
            faulty = _hold_waiver(session, installed, step.key, student_number)
            if faulty is not None and find_waiver_fault(faulty, installed.conventions):
                _withdraw(session, faulty, REPLACED, granted_by, now)
            session.add(waiver)
            session.flush()
            details = {"mini_app": waiver.mini_app, "step": waiver.step, "reason": reason}
            add_event(
                session, "step_waived", actor=granted_by, subject=student_number, details=details, now=now
            )
    except IntegrityError as error:
        raise AlreadyWaived(step_key) from error


@retry_conflicts
def withdraw_waiver(
    installed: InstalledMiniApp, step_key: str, student_number: str, reason: str, withdrawn_by: str
) -> None:
    """Take a waiver back: the step counts again. It stays in the table with who withdrew it and why.

    Raises UnknownStep, OwnDecision, NotWaived, or AlreadySubmitted: a slip that rests on it can only be revoked.
    """
    step = installed.get_step(step_key)
    require_other(withdrawn_by, (student_number,))
    now = get_now()
    with write_transaction() as session:
        waiver = _hold_waiver(session, installed, step.key, student_number)
        if waiver is None:
            raise NotWaived(step_key)
        # After the row is ours: a submission that rests on it has ended by now, and is seen.
        _require_not_submitted(session, installed, student_number)
        _withdraw(session, waiver, reason, withdrawn_by, now)


def _hold_waiver(
    session: DatabaseSession, installed: InstalledMiniApp, step_key: str, student_number: str
) -> Waiver | None:
    """The waiver that stands, kept as it is until the transaction ends."""
    query = select(Waiver).filter_by(**_describe_student(installed, student_number), step=step_key)
    return session.scalar(query.where(Waiver.withdrawn_at.is_(None)).with_for_update())


def _withdraw(
    session: DatabaseSession, waiver: Waiver, reason: str, withdrawn_by: str, now: datetime
) -> None:
    waiver.withdrawn_by, waiver.withdrawn_at, waiver.withdrawal_reason = withdrawn_by, now, reason
    session.flush()
    details = {"mini_app": waiver.mini_app, "step": waiver.step, "reason": reason}
    details |= {"granted_by": waiver.granted_by, "granted_for": waiver.reason}
    number = waiver.student_number
    add_event(session, "waiver_withdrawn", actor=withdrawn_by, subject=number, details=details, now=now)


def _describe_student(installed: InstalledMiniApp, student_number: str) -> dict[str, str]:
    return {
        "mini_app": installed.mini_app.slug,
        "period": installed.settings.period,
        "student_number": student_number,
    }


def _require_not_submitted(
    session: DatabaseSession, installed: InstalledMiniApp, student_number: str
) -> None:
    number = find_submitted_slip(session, installed, student_number)
    if number is not None:
        raise AlreadySubmitted(number)
