"""What the school does about one student on its pages: waive, withdraw a waiver, and ask for a revocation. What needs a
second person becomes a request; the rest holds at once. The command line does the same by its own way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.domain.clearance import StepState
from app.domain.errors import AlreadyWaived, NotWaived
from app.domain.staff import Right
from app.models import retry_conflicts, write_transaction
from app.services.clearance.cached_answers import load_cached_answers
from app.services.clearance.judging import judge_kept
from app.services.clearance.waivers import find_waivers, list_waivers
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp
from app.services.staff.approvals import Asked, ask
from app.services.staff.approved_acts import ACTS, Kind, Order, Subject, get_scope
from app.services.staff.grants import require_grant
from app.services.staff.roster import Listed

ALONE_BY_PAGE: Mapping[str, Any] = {"persons": 1, "via": "page"}
UNASKED = "unasked"
"""The status of an item about which nobody asked anybody yet."""


def needs_two(installation: Installation, installed: InstalledMiniApp, step_key: str) -> bool:
    """Whether waivers at this step are decided by two, as `[console] two_for` names them: by key, or by mini-app and key."""
    console = getattr(installation.settings, "console", None)
    named = getattr(console, "two_for", ())
    return step_key in named or f"{installed.mini_app.slug}.{step_key}" in named


def waive(
    installation: Installation,
    installed: InstalledMiniApp,
    student: Listed,
    step_key: str,
    reason: str,
    by: str,
) -> Asked | None:
    """Waive a step for a student, or ask a second person for it: then the request. The reason comes cleaned. The same by
    the same person again changes nothing.

    Raises UnknownStep, GrantEnded, NotFound, OwnDecision, NotRequired, AlreadySubmitted or AlreadyWaived.
    """
    installed.get_step(step_key)
    try:
        return _act_or_ask(installation, Kind.WAIVE, installed, student, step_key, reason, by)
    except AlreadyWaived:
        waived = list_waivers(installed, student.student_number).get(step_key)
        if waived is None or (waived.reason, waived.granted_by) != (reason, by):
            raise
        return None


def withdraw(
    installation: Installation,
    installed: InstalledMiniApp,
    student: Listed,
    step_key: str,
    reason: str,
    by: str,
) -> Asked | None:
    """Take a waiver back, or ask a second person for it: then the request. The same by the same person again changes
    nothing.

    Raises UnknownStep, GrantEnded, NotFound, OwnDecision, NotWaived or AlreadySubmitted.
    """
    installed.get_step(step_key)
    try:
        return _act_or_ask(installation, Kind.WITHDRAW, installed, student, step_key, reason, by)
    except NotWaived:
        slug, number = installed.mini_app.slug, student.student_number
        *_, last = (None, *find_waivers(slug, number, step_key, includes_withdrawn=True))
        if last is None or (last.withdrawn_by, last.withdrawal_reason) != (by, reason):
            raise
        return None


def ask_revocation(
    installation: Installation, installed: InstalledMiniApp, student: Listed, reason: str, by: str
) -> Asked:
    """Ask that the student's slip be revoked, which two always decide.

    Raises GrantEnded, NotFound, OwnDecision, UnknownSlip or SlipRevoked.
    """
    return ask(installation, Kind.REVOKE, Subject(installed, student.student_number), reason, by, {})


def judge_items(installed: InstalledMiniApp, student_number: str) -> dict[str, StepState]:
    """Where each of a student's items stands by what departments said last; nobody is asked. One of which nothing was kept
    is being asked, see `get_status`.
    """
    kept = load_cached_answers(installed.mini_app.slug, student_number)
    return judge_kept(installed, kept, list_waivers(installed, student_number), get_now())


def get_status(state: StepState) -> str:
    """The status as pages of staff mark it."""
    return UNASKED if state.is_asking else str(state.status)


def show_item(installed: InstalledMiniApp, student_number: str, step_key: str) -> dict[str, str]:
    """How an item looks now, JSON-ready: its status, and since when it is known."""
    if not step_key:
        return {}
    state = judge_items(installed, student_number)[step_key]
    return {"status": get_status(state), "learnt_at": "" if state.is_asking else state.learnt_at.isoformat()}


def _act_or_ask(
    installation: Installation,
    kind: Kind,
    installed: InstalledMiniApp,
    student: Listed,
    step_key: str,
    reason: str,
    by: str,
) -> Asked | None:
    subject = Subject(installed, student.student_number, step_key)
    if needs_two(installation, installed, step_key):
        return ask(
            installation, kind, subject, reason, by, show_item(installed, student.student_number, step_key)
        )
    _act(installation, kind, subject, reason, by)
    return None


@retry_conflicts
def _act(installation: Installation, kind: Kind, subject: Subject, reason: str, by: str) -> None:
    """Do it at once, by one person, whose right is looked up again inside the transaction."""
    act, now = ACTS[kind], get_now()
    with write_transaction() as session:
        act.lock(session, subject)
        require_grant(installation, session, by, Right.ASK, get_scope(session, subject), now)
        seen = act.look(session, subject)
        act.run(session, subject, seen, Order(reason, by, ALONE_BY_PAGE, now))
