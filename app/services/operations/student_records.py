"""All that is stored of one student, for an operator who helps one. That it was shown, and to whom, is an audit event."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Select, or_, select

from app.domain.clearance import StepState
from app.domain.errors import UnknownNumber
from app.extensions import Base, db
from app.models import (
    Action,
    AuditEvent,
    Consent,
    DeskDecision,
    DeskEntry,
    DeskRefusal,
    RosterEntry,
    Slip,
    StaffView,
    Submission,
    Waiver,
    write_transaction,
)
from app.services.audit import add_event
from app.services.clearance.cached_answers import CachedAnswer, load_cached_answers
from app.services.clearance.clearances import look_up_clearance
from app.services.clearance.judging import judge_kept
from app.services.clearance.unasked import recall_decisions
from app.services.clearance.waivers import find_waivers, list_waivers
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp
from app.services.sign_in.consents import require_consent
from app.services.sign_in.sessions import OpenSession, SessionStore
from app.services.verification.verification import FullSlip, get_full_slip

SHOWN = "student_shown"
NEWEST = 20

Row = TypeVar("Row", bound=Base)


@dataclass(frozen=True, slots=True)
class MiniAppRecord:
    """A mini-app, as the student used it: what was kept by step, and the states that this gives."""

    installed: InstalledMiniApp
    known: dict[str, CachedAnswer]
    states: dict[str, StepState]


@dataclass(frozen=True, slots=True)
class StudentRecord:
    """Everything of one number. `mini_apps` are those that the student agreed to, or whose departments were asked; `events`
    are the newest, newest first, and `event_count` is how many there are.
    """

    number: str
    mini_apps: tuple[MiniAppRecord, ...]
    slips: tuple[FullSlip, ...]
    waivers: Sequence[Waiver]
    entries: Sequence[DeskEntry]
    refusals: Sequence[DeskRefusal]
    decisions: Sequence[DeskDecision]
    rosters: Sequence[RosterEntry]
    looks: Sequence[StaffView]
    actions: Sequence[Action]
    consents: Sequence[Consent]
    sessions: Sequence[OpenSession]
    events: Sequence[AuditEvent]
    event_count: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is stored."""
        lists = (self.mini_apps, self.slips, self.waivers, self.entries, self.refusals, self.actions)
        staff = (self.decisions, self.rosters, self.looks)
        return not any((*lists, *staff, self.consents, self.sessions, self.events))


def load_student(installation: Installation, number: str, *, shows_all: bool = False) -> StudentRecord:
    """All that is stored of this folded number; `shows_all`: with every event. Raises UnknownNumber where there is
    nothing.
    """
    slips = _list_slips(number)
    consents = _list(select(Consent).where(Consent.student_number == number).order_by(Consent.given_at))
    events = _list_events([number, *(slip.number for slip in slips)], number)
    record = StudentRecord(
        number,
        tuple(_list_used(installation, number, {one.mini_app for one in consents})),
        slips,
        find_waivers(student_number=number, includes_withdrawn=True),
        _list(select(DeskEntry).where(DeskEntry.student_number == number)),
        _list(select(DeskRefusal).where(DeskRefusal.student_number == number)),
        _list(select(DeskDecision).where(DeskDecision.student_number == number).order_by(DeskDecision.id)),
        _list(select(RosterEntry).where(RosterEntry.student_number == number).order_by(RosterEntry.id)),
        _list(select(StaffView).where(StaffView.subject == number).order_by(StaffView.day, StaffView.viewer)),
        _list(select(Action).where(Action.student_number == number).order_by(Action.intended_at, Action.id)),
        consents,
        SessionStore(installation.settings.service.secret_key).list_open(get_now(), number)[0],
        events if shows_all else events[:NEWEST],
        len(events),
    )
    if record.is_empty:
        raise UnknownNumber
    return record


def ask_departments(installation: Installation, record: StudentRecord) -> None:
    """Ask the departments of the mini-apps that the student used, as the student's own page does; what they answer is
    kept, and loaded by `load_student`. Whom a step is for is as it was when the student last looked. Raises ConsentMissing before any is asked.
    """
    for used in record.mini_apps:
        require_consent(installation, used.installed, record.number)
    for used in record.mini_apps:
        decisions = recall_decisions(used.installed.mini_app, used.known)
        look_up_clearance(installation, used.installed, record.number, wait_for_all=True, decisions=decisions)


def note_shown(number: str, actor: str) -> None:
    """Record that all of this student is shown. Raises SQLAlchemyError where that cannot be written: then it must not
    be shown.
    """
    with write_transaction() as session:
        add_event(session, SHOWN, actor=actor, subject=number, details={}, now=get_now())


def _list_used(installation: Installation, number: str, agreed: Set[str]) -> list[MiniAppRecord]:
    found = []
    for installed in installation.mini_apps.values():
        known = load_cached_answers(installed.mini_app.slug, number)
        if known or installed.mini_app.slug in agreed:
            states = judge_kept(installed, known, list_waivers(installed, number), get_now())
            found.append(MiniAppRecord(installed, known, states))
    return found


def _list_slips(number: str) -> tuple[FullSlip, ...]:
    """Also those signed for the number as somebody typed it."""
    query = select(Slip.number).join(Submission, Submission.id == Slip.submission_id)
    query = query.where(Submission.person_number == number).order_by(Slip.issued_at, Slip.id)
    return tuple(get_full_slip(slip) for slip in db.session.scalars(query).all())


def _list_events(subjects: list[str], number: str) -> Sequence[AuditEvent]:
    is_about = or_(AuditEvent.subject.in_(subjects), AuditEvent.actor == number)
    return _list(select(AuditEvent).where(is_about).order_by(AuditEvent.id.desc()))


def _list(query: Select[Row]) -> Sequence[Row]:
    return db.session.scalars(query).all()
