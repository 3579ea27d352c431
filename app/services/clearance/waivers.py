"""Waivers 豁免: granted by a person with a reason, audited, shown and printed; withdrawn while nothing is submitted. One
that is not authentic, or that an event says was withdrawn, counts as none.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Set
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, Table, bindparam, select
from sqlalchemy.exc import IntegrityError

from app import metrics
from app.domain.clearance import Waived
from app.domain.conventions import Conventions
from app.domain.decisions import find_fault, require_other
from app.domain.errors import AlreadySubmitted, AlreadyWaived, NotRequired, NotWaived, UnknownNumber
from app.domain.row_ledger import ROWS, RowChange
from app.extensions import DatabaseSession, db
from app.models import AuditEvent, Sender, Waiver, read_connection, retry_conflicts, write_transaction
from app.services.audit import ALONE_BY_COMMAND, add_event, lock_audit
from app.services.authenticated_rows import Row, is_authentic, is_proven, make_mac, name_row
from app.services.clearance.cached_answers import load_cached_answers
from app.services.clearance.unasked import is_exempt
from app.services.clock import get_now
from app.services.installation import InstalledMiniApp
from app.services.numbers import is_known_number
from app.services.row_keys import RowKeyStore
from app.services.slips.slips import find_submitted_slip

log = logging.getLogger(__name__)

REPLACED = "without effect, and granted anew"
WITHDRAWN = "waiver_withdrawn"
PUT_BACK = "it was withdrawn, and its row was put back past this service"
NOT_AUTHENTIC = "it is not authentic: it was added or changed past this service, or is from before row keys"

_ROWS, _EVENTS = cast("Table", Waiver.__table__), cast("Table", AuditEvent.__table__)
_FIND = select(_ROWS).where(
    _ROWS.c.mini_app == bindparam("mini_app"),
    _ROWS.c.period == bindparam("period"),
    _ROWS.c.student_number == bindparam("student_number"),
    _ROWS.c.withdrawn_at.is_(None),
)
"""Built once: to build it costs more than to run it."""
_HOLD = _FIND.with_for_update()
_FIND_ALL_ENDED = select(_EVENTS.c.details).where(_EVENTS.c.kind == WITHDRAWN)
_FIND_ENDED = _FIND_ALL_ENDED.where(_EVENTS.c.subject == bindparam("student_number"))


class WaiversChanged(Exception):
    """A waiver that a submission rests on was withdrawn, or granted anew, since the student's steps were judged."""


def list_waivers(installed: InstalledMiniApp, student_number: str) -> dict[str, Waived]:
    """A student's waivers in this period, by step; no read transaction, and its connection, is left open
    while departments are asked. One that would be refused today, see `find_waiver_fault`, has no effect.
    """
    with read_connection(db.engine) as connection:
        return {
            row["step"]: Waived(row["reason"], row["granted_by"])
            for row in _read_authentic(connection, installed, student_number)
            if not find_fault(student_number, row["reason"], row["granted_by"], installed.conventions)
        }


def _read_authentic(
    connection: Connection, installed: InstalledMiniApp, student_number: str
) -> list[RowMapping]:
    """The student's standing waivers that this service granted and did not take back: an older state of a row that was
    put back is as authentic as ever, and the event of its withdrawal names it.
    """
    try:
        rows = connection.execute(_FIND, _describe_student(installed, student_number)).mappings().all()
        found = [row for row in rows if is_authentic(installed.row_keys, Waiver, row)]
        if not found:
            return []
        ended = list_ended(connection, student_number)
    except (ValueError, TypeError, AttributeError) as error:
        log.error("waivers cannot be read, and do not count", extra={"error": type(error).__name__})
        return []
    standing = [row for row in found if not _was_ended(row, ended)]
    if len(standing) < len(found):
        log.error("a waiver that was withdrawn is there again, and does not count")
        metrics.rows_refused.labels(Waiver.__tablename__).inc(len(found) - len(standing))
    return standing


def list_ended(sender: Sender, student_number: str = "") -> Set[str]:
    """The states of waivers, of one student or of all, that events of their withdrawal ended. Raises AttributeError or
    TypeError for an event of another form.
    """
    query = _FIND_ENDED.params(student_number=student_number) if student_number else _FIND_ALL_ENDED
    ended: set[str] = set()
    for (details,) in sender.execute(query):
        ended.update(details.get(ROWS, {}).get("removed", {}).get(Waiver.__tablename__, ()))
    return ended


def _was_ended(waiver: Row, ended: Set[str]) -> bool:
    return name_row(Waiver, waiver)[1] in ended


def find_waiver_fault(
    waiver: Waiver, conventions: Conventions, keys: RowKeyStore, ended: Set[str] | None = None
) -> str:
    """Why a stored waiver is without effect; "" for one that counts. Older releases kept whatever was typed. `ended` are
    those of `list_ended`, looked up where none are given.
    """
    if not is_proven(keys.current(), Waiver, waiver):
        return NOT_AUTHENTIC
    if ended is None:
        ended = list_ended(db.session, waiver.student_number)
    if _was_ended(waiver, ended):
        return PUT_BACK
    return find_fault(waiver.student_number, waiver.reason, waiver.granted_by, conventions)


def list_faulty_waivers(installed: InstalledMiniApp) -> list[tuple[Waiver, str | None]]:
    """The waivers of this period that stand and are without effect, each with the slip that its student has."""
    ended = list_ended(db.session)
    return [
        (waiver, find_submitted_slip(db.session, installed, waiver.student_number))
        for waiver in find_waivers(installed.mini_app.slug)
        if waiver.period == installed.settings.period
        and find_waiver_fault(waiver, installed.conventions, installed.row_keys, ended)
    ]


def list_standing(installed: InstalledMiniApp) -> dict[str, dict[str, Waived]]:
    """The waivers of this period that have effect, by student's number, and then by step."""
    standing: dict[str, dict[str, Waived]] = {}
    ended = list_ended(db.session)
    for waiver in find_waivers(installed.mini_app.slug):
        if waiver.period == installed.settings.period and not find_waiver_fault(
            waiver, installed.conventions, installed.row_keys, ended
        ):
            of_student = standing.setdefault(waiver.student_number, {})
            of_student[waiver.step] = Waived(waiver.reason, waiver.granted_by)
    return standing


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
    rows = sender.execute(_HOLD, _describe_student(installed, student_number)).mappings()
    found = {
        row["step"]: Waived(row["reason"], row["granted_by"])
        for row in rows
        if is_authentic(installed.row_keys, Waiver, row)
    }
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
    """Waive a step for a student in this period: the command line's way, by one person. Reason and numbers come cleaned
    and folded. A waiver that is without effect is withdrawn for the new one.

    Raises UnknownStep, OwnDecision, NotRequired (by the sign-in, when the student last looked), UnknownNumber (unless
    that is accepted), AlreadyWaived, or AlreadySubmitted when the slip is already out.
    """
    require_waivable(installed, step_key, student_number)
    require_other(granted_by, (student_number,))
    if not accepts_unknown and not is_known_number(student_number):
        raise UnknownNumber
    try:
        with write_transaction() as session:
            lock_waiver(session, installed, step_key, student_number)
            add_waiver(
                session,
                installed,
                step_key,
                student_number,
                reason,
                granted_by,
                told=ALONE_BY_COMMAND,
                now=get_now(),
            )
    except IntegrityError as error:
        raise AlreadyWaived(step_key) from error


def require_waivable(installed: InstalledMiniApp, step_key: str, student_number: str) -> None:
    """Raise UnknownStep, or NotRequired where the step is not for the student by what was last known of them."""
    installed.get_step(step_key)
    if is_exempt(load_cached_answers(installed.mini_app.slug, student_number).get(step_key)):
        raise NotRequired(step_key)


def add_waiver(
    session: DatabaseSession,
    installed: InstalledMiniApp,
    step_key: str,
    student_number: str,
    reason: str,
    granted_by: str,
    *,
    told: Mapping[str, Any],
    now: datetime,
) -> None:
    """The same within a transaction that called `lock_waiver`. `told` goes into the event: how many decided it, and by
    which way. Raises OwnDecision, AlreadySubmitted or AlreadyWaived; IntegrityError where another was quicker.
    """
    require_other(granted_by, (student_number,))
    rows = RowChange()
    waiver = Waiver(
        **_describe_student(installed, student_number),
        step=step_key,
        reason=reason,
        granted_by=granted_by,
        granted_at=now,
    )
    waiver.mac = make_mac(installed.row_keys, Waiver, waiver, now)
    rows.add(name_row(Waiver, waiver))
    _require_not_submitted(session, installed, student_number)
    standing = lock_waiver(session, installed, step_key, student_number)
    if standing is not None:
        if not find_waiver_fault(standing, installed.conventions, installed.row_keys):
            raise AlreadyWaived(step_key)
        _withdraw(session, installed, standing, REPLACED, granted_by, told, now)
    session.add(waiver)
    session.flush()
    details = {"mini_app": waiver.mini_app, "step": waiver.step, "reason": reason, **told}
    add_event(
        session, "step_waived", actor=granted_by, subject=student_number, details=details, now=now, rows=rows
    )


@retry_conflicts
def withdraw_waiver(
    installed: InstalledMiniApp, step_key: str, student_number: str, reason: str, withdrawn_by: str
) -> None:
    """Take a waiver back: the step counts again. It stays in the table with who withdrew it and why. The command line's
    way, by one person.

    Raises UnknownStep, OwnDecision, NotWaived, or AlreadySubmitted: a slip that rests on it can only be revoked.
    """
    installed.get_step(step_key)
    with write_transaction() as session:
        waiver = lock_waiver(session, installed, step_key, student_number)
        take_back_waiver(
            session,
            installed,
            step_key,
            student_number,
            waiver,
            reason,
            withdrawn_by,
            told=ALONE_BY_COMMAND,
            now=get_now(),
        )


def take_back_waiver(
    session: DatabaseSession,
    installed: InstalledMiniApp,
    step_key: str,
    student_number: str,
    waiver: Waiver | None,
    reason: str,
    withdrawn_by: str,
    *,
    told: Mapping[str, Any],
    now: datetime,
) -> None:
    """The same within a transaction, of the waiver that `lock_waiver` gave. `told` goes into the event: how many decided it,
    and by which way. Raises OwnDecision, NotWaived or AlreadySubmitted.
    """
    require_other(withdrawn_by, (student_number,))
    # After the row is ours: a submission that rests on it has ended by now, and is seen.
    _require_not_submitted(session, installed, student_number)
    if waiver is None:
        raise NotWaived(step_key)
    _withdraw(session, installed, waiver, reason, withdrawn_by, told, now)


def lock_waiver(
    session: DatabaseSession, installed: InstalledMiniApp, step_key: str, student_number: str
) -> Waiver | None:
    """The waiver that stands, kept as it is until the transaction ends, and then the audit's head: submissions take them in
    this order, too.
    """
    query = select(Waiver).filter_by(**_describe_student(installed, student_number), step=step_key)
    waiver = session.scalar(
        query.where(Waiver.withdrawn_at.is_(None)).with_for_update().execution_options(populate_existing=True)
    )
    lock_audit(session)
    return waiver


def _withdraw(
    session: DatabaseSession,
    installed: InstalledMiniApp,
    waiver: Waiver,
    reason: str,
    withdrawn_by: str,
    told: Mapping[str, Any],
    now: datetime,
) -> None:
    """What was not authentic is withdrawn as what it claims to be; the event says so."""
    rows = RowChange()
    details: dict[str, Any] = {"mini_app": waiver.mini_app, "step": waiver.step, "reason": reason}
    details |= {"granted_by": waiver.granted_by, "granted_for": waiver.reason, **told}
    if not is_proven(installed.row_keys.current(), Waiver, waiver):
        details["was_authentic"] = False
    rows.remove(name_row(Waiver, waiver))
    waiver.withdrawn_by, waiver.withdrawn_at, waiver.withdrawal_reason = withdrawn_by, now, reason
    waiver.mac = make_mac(installed.row_keys, Waiver, waiver, now)
    rows.add(name_row(Waiver, waiver))
    session.flush()
    number = waiver.student_number
    add_event(session, WITHDRAWN, actor=withdrawn_by, subject=number, details=details, now=now, rows=rows)


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
