"""How a student's items stand, for staff: as each item's rule judges what its department said last, and what a desk holds
now. Nobody is asked.
"""

from __future__ import annotations

from datetime import datetime

from app.connectors.desk import read_found
from app.domain.clearance import DepartmentUnavailable, Reading, Status, StepState
from app.extensions import db
from app.models import read_connection
from app.services.clearance.cached_answers import load_cached_answers
from app.services.clearance.judging import complete, drop_unasked, judge_answer, judge_kept
from app.services.clearance.unasked import UNDECIDED
from app.services.clearance.waivers import list_waivers
from app.services.clock import get_now
from app.services.desk.buttons import DeskStep, open_desk_step
from app.services.desk.desk import FIND, read_found_row
from app.services.desk.history import list_decisions
from app.services.installation import Installation, InstalledMiniApp

UNASKED = "unasked"
"""The status of an item about which nobody asked anybody yet."""
WAIVABLE = frozenset({UNASKED, Status.OUTSTANDING, Status.PENDING, Status.WAITING, Status.UNAVAILABLE})
"""The statuses of items that a waiver would change."""


def judge_items(
    installation: Installation, installed: InstalledMiniApp, student_number: str
) -> dict[str, StepState]:
    """Where each of a student's items stands, by step. One of which nothing is known is being asked, see `get_status`."""
    kept, now = load_cached_answers(installed.mini_app.slug, student_number), get_now()
    waivers = list_waivers(installed, student_number)
    states = judge_kept(installed, kept, waivers, now)
    known = drop_unasked(kept)
    for key in installed.desks:
        is_asked = states[key].status not in (Status.NOT_REQUIRED, Status.WAITING)
        if not is_asked or states[key].fault == UNDECIDED:
            continue
        answer = _read_desk(open_desk_step(installation, installed.mini_app.path, key), student_number, now)
        if key not in known and isinstance(answer, Reading) and not answer.version and not answer.records:
            continue  # nobody handled the student, who never looked either
        step = installed.get_step(key)
        states[key] = complete(step, judge_answer(step, answer, now), known.get(key), waivers.get(key))
    return states


def get_status(state: StepState) -> str:
    """The status as pages of staff mark it."""
    return UNASKED if state.is_asking else str(state.status)


def describe_item(
    installation: Installation, installed: InstalledMiniApp, student_number: str, step_key: str
) -> dict[str, str]:
    """How an item looks now, JSON-ready: its status, since when it is known, and what its desk decided last."""
    state = judge_items(installation, installed, student_number)[step_key]
    told = {"status": get_status(state), "learnt_at": "" if state.is_asking else state.learnt_at.isoformat()}
    return told | _describe_decision(installation, installed, student_number, step_key)


def _describe_decision(
    installation: Installation, installed: InstalledMiniApp, student_number: str, step_key: str
) -> dict[str, str]:
    if step_key not in installed.desks:
        return {}
    desk = open_desk_step(installation, installed.mini_app.path, step_key).desk
    with read_connection(db.engine) as connection:
        decisions = list_decisions(connection, desk, student_number)
    if not decisions:
        return {"decided": ""}
    last = decisions[0]
    return {
        "decided": last.outcome,
        "decided_by": last.actor,
        "decided_at": last.decided_at.isoformat(),
        "decided_for": last.reason_key,
        "note": last.note,
    }


def _read_desk(desk_step: DeskStep, student_number: str, now: datetime) -> Reading | DepartmentUnavailable:
    """What a desk says of a student now: its entries are here, so that nothing old need be shown."""
    desk = desk_step.desk
    with read_connection(db.engine) as connection:
        row = connection.execute(FIND, {"connector": desk.name, "number": student_number}).mappings().one()
    try:
        found = read_found_row(desk.row_keys, row, student_number)
        return read_found(desk.config, found, student_number, desk_step.zone, now)
    except DepartmentUnavailable as fault:
        return fault
