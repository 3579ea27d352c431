"""What the school does about one student on its pages: waive, withdraw a waiver, and ask for a revocation. What needs a
second person becomes a request; the rest holds at once. The command line does the same by its own way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.domain.errors import AlreadyWaived, NotWaived
from app.domain.staff import Right
from app.models import retry_conflicts, write_transaction
from app.services.clearance.waivers import find_waivers, list_waivers
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp
from app.services.slips.slips import find_slip_number, get_slip_status
from app.services.staff.approvals import Asked, ask
from app.services.staff.approved_acts import ACTS, Kind, Order, Subject, get_scope
from app.services.staff.grants import require_grant
from app.services.staff.item_versions import Form, find_sent
from app.services.staff.roster import Listed
from app.services.staff.student_states import describe_item

ALONE_BY_PAGE: Mapping[str, Any] = {"persons": 1, "via": "page"}


def needs_two(installation: Installation, installed: InstalledMiniApp, step_key: str) -> bool:
    """Whether waivers at this step, and their withdrawals, are decided by two, see `[console] two_for`."""
    return f"{installed.mini_app.slug}.{step_key}" in installation.settings.console.two_for


def waive(
    installation: Installation,
    installed: InstalledMiniApp,
    student: Listed,
    step_key: str,
    reason: str,
    by: str,
    form: Form | None = None,
) -> Asked | None:
    """Waive a step for a student, or ask a second person for it: then the request. The reason comes cleaned. The same by
    the same person again changes nothing; the same `form` again gets its first answer.

    Raises UnknownStep, GrantEnded, NotFound, OwnDecision, NotRequired, NothingToWaive, AlreadySubmitted, AlreadyWaived, or
    Conflict where the item is another than the form was drawn on.
    """
    installed.get_step(step_key)
    try:
        return _act_or_ask(installation, Kind.WAIVE, installed, student, step_key, reason, by, form)
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
    form: Form | None = None,
) -> Asked | None:
    """Take a waiver back, or ask a second person for it: then the request. The same by the same person again changes
    nothing; the same `form` again gets its first answer.

    Raises UnknownStep, GrantEnded, NotFound, OwnDecision, NotWaived, AlreadySubmitted, or Conflict where the item is
    another than the form was drawn on.
    """
    installed.get_step(step_key)
    try:
        return _act_or_ask(installation, Kind.WITHDRAW, installed, student, step_key, reason, by, form)
    except NotWaived:
        slug, number = installed.mini_app.slug, student.student_number
        *_, last = (None, *find_waivers(slug, number, step_key, includes_withdrawn=True))
        if last is None or (last.withdrawn_by, last.withdrawal_reason) != (by, reason):
            raise
        return None


def ask_revocation(
    installation: Installation,
    installed: InstalledMiniApp,
    student: Listed,
    reason: str,
    by: str,
    form: Form | None = None,
) -> Asked:
    """Ask that the student's slip be revoked, which two always decide. The same `form` again gets its first answer.

    Raises GrantEnded, NotFound, OwnDecision, UnknownSlip or SlipRevoked.
    """
    number = find_slip_number(installed, student.student_number)
    shown = {"slip_state": get_slip_status(installation, number).state} if number else {}
    return ask(installation, Kind.REVOKE, Subject(installed, student.student_number), reason, by, shown, form)


def _act_or_ask(
    installation: Installation,
    kind: Kind,
    installed: InstalledMiniApp,
    student: Listed,
    step_key: str,
    reason: str,
    by: str,
    form: Form | None,
) -> Asked | None:
    subject = Subject(installed, student.student_number, step_key)
    if needs_two(installation, installed, step_key):
        shown = describe_item(installation, installed, student.student_number, step_key)
        return ask(installation, kind, subject, reason, by, shown, form)
    _act(installation, kind, subject, reason, by, form)
    return None


@retry_conflicts
def _act(
    installation: Installation, kind: Kind, subject: Subject, reason: str, by: str, form: Form | None
) -> None:
    """Do it at once, by one person, whose right is looked up again inside the transaction."""
    act, now = ACTS[kind], get_now()
    with write_transaction() as session:
        act.lock(session, subject)
        require_grant(installation, session, by, Right.ASK, get_scope(session, subject), now)
        if find_sent(session, subject.student_number, form, by) is not None:
            return
        seen = act.look(installation, session, subject, form)
        told = {**ALONE_BY_PAGE, "nonce": form.nonce} if form and form.nonce else ALONE_BY_PAGE
        act.run(session, subject, seen, Order(reason, by, told, now))
