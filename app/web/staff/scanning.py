"""Scan mode of a counter 连续扫码: whoever is scanned is done at once, where nothing was recorded before. A scan asks nobody,
so that it never stands against what a colleague, the head or an imported table says: there it stops, and says who, when
and why.
"""

from __future__ import annotations

from datetime import timedelta

from app.domain.clearance import Status
from app.domain.errors import AlreadySubmitted, Conflict, OwnDecision
from app.services.clock import get_now
from app.services.desk.deciding import (
    DeskStep,
    ItemState,
    Outcome,
    Via,
    Wish,
    decide,
    make_nonce,
    read_item,
)
from app.services.staff.roster import Listed
from app.web.auth.access import current_person
from app.web.language import gettext
from app.web.mini_app.statuses import LOOKS
from app.web.page_context import get_installation
from app.web.staff.access import note_view
from app.web.staff.desk import Counter, describe_decision, name_staff, show_time
from app.web.staff.desk_problems import (
    ALREADY_DONE,
    ALREADY_RECORDED,
    CHANGED,
    NEEDS_ASKING,
    NOTHING_FOUND,
    OWN_ITEM,
    SEVERAL_SCANNED,
    SUBMITTED,
    Problem,
)

COUNTS_ONCE = timedelta(seconds=10)
"""A code that is scanned again within this time was held before the camera too long."""
NOT_RECORDED = frozenset({Status.OUTSTANDING, Status.WAIVED})
"""How an item stands of which a desk with buttons holds nothing; any other status has a cause that somebody must see."""


def scan(opened: Counter, found: list[Listed], text: str, *, has_code: bool) -> Problem | None:
    """Decide at once, where it is certain who is meant, nothing is to be asked and nobody recorded anything. Returns what
    kept it from that; None where it is done, by this scan or by the same one just before.
    """
    numbers = get_installation().settings.numbers
    if not found:
        return NOTHING_FOUND
    student = found[0]
    if len(found) > 1 or not (has_code or numbers.is_same(text, student.student_number)):
        return SEVERAL_SCANNED
    address, me = f"{opened.address}/{student.key}", current_person().number
    item = read_item(opened.desk_step, student.student_number)
    note_view(student.student_number, opened.step.key)
    if item.slip_number:
        return SUBMITTED.about(student, address)
    if not is_untouched(opened.desk_step, item, me):
        return None if _is_repeated(item, me) else _stop(opened, student, address, item)
    if opened.desk_step.buttons.list_asked(Outcome.DONE):
        return NEEDS_ASKING.about(student, address)
    wish = Wish(Outcome.DONE, item.version, make_nonce(), me, Via.SCAN if has_code else Via.TYPED)
    try:
        decision = decide(get_installation(), opened.desk_step, student.student_number, wish)
    except AlreadySubmitted:
        return SUBMITTED.about(student, address)
    except OwnDecision:
        return OWN_ITEM.about(student, address)
    except Conflict:
        return CHANGED.about(
            student, address, *_describe(opened, read_item(opened.desk_step, student.student_number))
        )
    if decision.actor != me:  # somebody else decided the same in between
        return _stop(opened, student, address, read_item(opened.desk_step, student.student_number))
    return None


def is_untouched(desk_step: DeskStep, item: ItemState, me: str) -> bool:
    """Whether a scan stands against nobody: nothing was ever recorded, or this person took it back just now and nothing is
    left. Which version it was looked at is for `decide` to compare.
    """
    if item.entry is not None or item.status not in NOT_RECORDED:
        return False
    if item.version == 0:
        return True
    last = item.last
    is_own = last is not None and last.outcome is Outcome.UNDONE and last.actor == me
    return is_own and last is not None and get_now() - last.decided_at <= desk_step.undo_window


def _is_repeated(item: ItemState, me: str) -> bool:
    last = item.last
    is_own = last is not None and last.outcome is Outcome.DONE and last.actor == me
    return is_own and last is not None and get_now() - last.decided_at < COUNTS_ONCE


def _stop(opened: Counter, student: Listed, address: str, item: ItemState) -> Problem:
    is_done = item.last is not None and item.last.outcome is Outcome.DONE and item.status is Status.CLEARED
    problem = ALREADY_DONE if is_done else ALREADY_RECORDED
    return problem.about(student, address, *_describe(opened, item))


def _describe(opened: Counter, item: ItemState) -> tuple[str, ...]:
    """Who recorded what stands, when and why, and what it comes to by the step's rule."""
    status = gettext("现在的状态：%(status)s。", status=LOOKS[item.status].word)
    if item.last is not None:
        told = describe_decision(opened, item.last, name_staff([item.last.actor]))
        note = gettext("备注：%(note)s", note=told.note) if told.note else ""
        return tuple(line for line in (told.text, note, status) if line)
    if item.entry is not None:
        who, time = name_staff([item.entry.recorded_by]), show_time(item.entry.recorded_at)
        told_by = gettext("%(time)s，由%(who)s登记。", time=time, who=who[item.entry.recorded_by])
        return told_by, status
    return (status,)
