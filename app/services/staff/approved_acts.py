"""What needs a second person 复核: a slip's revocation, a waiver and its withdrawal. Each says what it locks, what it rests
on, and what it does in the transaction of whoever approves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, cast

from sqlalchemy import Table, select

from app.domain.errors import (
    AlreadySubmitted,
    AlreadyWaived,
    NothingToWaive,
    NotWaived,
    SlipRevoked,
    UnknownSlip,
)
from app.domain.slip_log import CodeState
from app.domain.staff import ALL, Scope
from app.extensions import DatabaseSession
from app.models import RosterEntry, Sender, Waiver
from app.services.audit import lock_audit
from app.services.authenticated_rows import name_row
from app.services.clearance.waivers import (
    add_waiver,
    find_waiver_fault,
    lock_waiver,
    require_waivable,
    take_back_waiver,
)
from app.services.installation import Installation, InstalledMiniApp
from app.services.slips.issued_log import ISSUED_LOG, find_newest_code
from app.services.slips.issuing import end_slip
from app.services.slips.slips import find_submitted_slip
from app.services.staff.item_versions import Form, ItemVersion, read_versions
from app.services.staff.student_states import WAIVABLE, describe_item

_ROSTER = cast("Table", RosterEntry.__table__)


class Kind(StrEnum):
    """What is asked for."""

    REVOKE = "revoke"
    WAIVE = "waive"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked about: a student's step; for a revocation `step_key` is empty and it is the student's slip."""

    installed: InstalledMiniApp
    student_number: str
    step_key: str = ""

    @property
    def about(self) -> dict[str, str]:
        """By the names of the columns of a request."""
        return {
            "mini_app": self.installed.mini_app.slug,
            "period": self.installed.settings.period,
            "step": self.step_key,
            "student_number": self.student_number,
        }


def get_scope(sender: Sender, subject: Subject) -> Scope:
    """Where a right must hold for an act: the student's college is the roster's."""
    about = subject.about
    query = select(_ROSTER.c.college).where(
        *(_ROSTER.c[name] == about[name] for name in ("mini_app", "period", "student_number"))
    )
    college = sender.execute(query).scalar() or ALL
    return Scope(about["mini_app"], about["step"], college, about["period"])


@dataclass(frozen=True, slots=True)
class Order:
    """Why it is done, who decides it, when, and what its event says of persons and way."""

    reason: str
    by: str
    told: Mapping[str, Any]
    now: datetime


class Act(Protocol):
    """One of the kinds. The audit's head is the last that it locks, so that no two transactions wait for each other."""

    def lock(self, session: DatabaseSession, subject: Subject) -> None:
        """Keep what it rests on as it is until the transaction ends."""

    def look(
        self,
        installation: Installation,
        session: DatabaseSession,
        subject: Subject,
        form: Form | None = None,
    ) -> dict[str, str]:
        """What it rests on as it is now, JSON-ready. Raises the fact for which it cannot be done; for a `form` that was
        drawn on another state of the item Conflict.
        """

    def run(self, session: DatabaseSession, subject: Subject, seen: Mapping[str, str], order: Order) -> None:
        """Do it to what `look` told."""


class _Revoke:
    def lock(self, session: DatabaseSession, subject: Subject) -> None:
        ISSUED_LOG.lock(session)
        lock_audit(session)

    def look(
        self,
        installation: Installation,
        session: DatabaseSession,
        subject: Subject,
        form: Form | None = None,
    ) -> dict[str, str]:
        number = find_submitted_slip(session, subject.installed, subject.student_number)
        rows = find_newest_code(session, number) if number else None
        if number is None or rows is None:
            raise UnknownSlip("")
        if rows.code["state"] != CodeState.ISSUED:
            raise SlipRevoked(number)
        return {"slip": number, "code": rows.code["short_code"]}

    def run(self, session: DatabaseSession, subject: Subject, seen: Mapping[str, str], order: Order) -> None:
        end_slip(
            session,
            seen["slip"],
            reason=order.reason,
            by=order.by,
            told=order.told,
            now=order.now,
            short_code=seen["code"],
        )


class _Waive:
    def lock(self, session: DatabaseSession, subject: Subject) -> None:
        lock_waiver(session, subject.installed, subject.step_key, subject.student_number)

    def look(
        self,
        installation: Installation,
        session: DatabaseSession,
        subject: Subject,
        form: Form | None = None,
    ) -> dict[str, str]:
        installed, step_key, number = subject.installed, subject.step_key, subject.student_number
        require_waivable(installed, step_key, number)
        _require_open(session, subject)
        if _find_standing(session, subject) is not None:
            raise AlreadyWaived(step_key)
        version = _read_version(session, subject)
        if form is not None:
            form.require_current(version, waivers_before=0)
        status = describe_item(installation, installed, number, step_key)["status"]
        if status not in WAIVABLE:
            raise NothingToWaive(step_key)
        return {"status": status, "version": str(version.total)}

    def run(self, session: DatabaseSession, subject: Subject, seen: Mapping[str, str], order: Order) -> None:
        add_waiver(
            session,
            subject.installed,
            subject.step_key,
            subject.student_number,
            order.reason,
            order.by,
            told=order.told,
            now=order.now,
        )


class _Withdraw:
    def lock(self, session: DatabaseSession, subject: Subject) -> None:
        lock_waiver(session, subject.installed, subject.step_key, subject.student_number)

    def look(
        self,
        installation: Installation,
        session: DatabaseSession,
        subject: Subject,
        form: Form | None = None,
    ) -> dict[str, str]:
        _require_open(session, subject)
        waiver = _find_standing(session, subject)
        if waiver is None:
            raise NotWaived(subject.step_key)
        version = _read_version(session, subject)
        if form is not None:
            form.require_current(version, waivers_before=1)
        return {
            "version": str(version.total),
            "waiver": name_row(Waiver, waiver)[1],
            "granted_by": waiver.granted_by,
            "granted_for": waiver.reason,
        }

    def run(self, session: DatabaseSession, subject: Subject, seen: Mapping[str, str], order: Order) -> None:
        installed, step_key, number = subject.installed, subject.step_key, subject.student_number
        waiver = lock_waiver(session, installed, step_key, number)
        take_back_waiver(
            session,
            installed,
            step_key,
            number,
            waiver,
            order.reason,
            order.by,
            told=order.told,
            now=order.now,
        )


ACTS: Mapping[Kind, Act] = {Kind.REVOKE: _Revoke(), Kind.WAIVE: _Waive(), Kind.WITHDRAW: _Withdraw()}


def _require_open(session: DatabaseSession, subject: Subject) -> None:
    number = find_submitted_slip(session, subject.installed, subject.student_number)
    if number is not None:
        raise AlreadySubmitted(number)


def _read_version(session: DatabaseSession, subject: Subject) -> ItemVersion:
    return read_versions(session, subject.installed, subject.student_number)[subject.step_key]


def _find_standing(session: DatabaseSession, subject: Subject) -> Waiver | None:
    """The waiver that counts; one without effect is as none to whoever grants one, see `add_waiver`."""
    installed = subject.installed
    query = select(Waiver).filter_by(**subject.about, withdrawn_at=None)
    waiver = session.scalar(query.execution_options(populate_existing=True))
    if waiver is None or find_waiver_fault(waiver, installed.conventions, installed.row_keys):
        return None
    return waiver
