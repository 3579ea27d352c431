"""Deciding at a desk's counter: done, not done, and the undo of either, each by the version that was seen. Whoever decides
on what changed meanwhile is told, never overruled.

A decision is one transaction: the audit's lock puts it in line behind whatever decides about the student, a submission
too; then grant, submission and version are looked at again, and only then is anything written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, cast

from sqlalchemy import RowMapping, Table, and_, delete, select

from app import metrics
from app.connectors.desk import DOUBT, KeptEntry, read_found
from app.domain.clearance import DepartmentUnavailable, Status, Waived
from app.domain.decisions import MAX_REASON, MalformedReason, read_reason, require_other
from app.domain.errors import (
    AlreadySubmitted,
    Conflict,
    FieldRefused,
    ReasonMissing,
    UndoTooLate,
)
from app.domain.rules import FactMissing, judge_reading
from app.domain.staff import Right
from app.domain.texts import ControlCharacter, clean_text
from app.extensions import DatabaseSession, db
from app.models import (
    DeskDecision,
    DeskRefusal,
    read_connection,
    retry_conflicts,
    write_transaction,
)
from app.services.audit import add_events, lock_audit
from app.services.authenticated_rows import is_authentic, name_row
from app.services.clearance.waivers import list_waivers
from app.services.clock import get_now
from app.services.desk.buttons import WANTED, Buttons, DeskStep, list_desk_steps, open_desk_step
from app.services.desk.cases import (
    FIND_CASE,
    MovedError,
    describe_case,
    is_nonce,
    read_case,
    repeat,
    require_grant,
)
from app.services.desk.desk import read_found_row
from app.services.desk.gaps import enter_on_roll, leave_roll, refuse_again
from app.services.desk.history import (
    Change,
    Decision,
    Held,
    Kept,
    Outcome,
    Via,
    keep_changes,
    list_decisions,
    list_decisions_of,
    make_decision,
    make_nonce,
)
from app.services.installation import Installation

__all__ = [
    "Buttons",
    "Decision",
    "DeskStep",
    "ItemState",
    "Outcome",
    "Via",
    "Wish",
    "decide",
    "list_desk_steps",
    "list_handled",
    "make_nonce",
    "may_undo",
    "open_desk_step",
    "read_item",
    "undo",
]

_REFUSALS = cast("Table", DeskRefusal.__table__)


@dataclass(frozen=True, slots=True)
class ItemState:
    """How a student stands at a desk: `version` is that of the newest decision, 0 where there is none, whatever the entry
    of before. `status` is what the step's own rule makes of it, `reasons` are what is wrong and what to do next, in words.
    `slip_number` is "" unless the student submitted.
    """

    version: int
    entry: KeptEntry | None
    status: Status
    reasons: tuple[tuple[str, str], ...]
    last: Decision | None
    history: tuple[Decision, ...]
    slip_number: str
    waived: Waived | None


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody (`actor`, a folded staff number) wants to decide about the version that the form showed: DONE or
    NOT_DONE, the latter for one of the step's reasons. `fields` are what was typed, by the names of the asked fields.
    """

    outcome: Outcome
    version: int
    nonce: str
    actor: str
    via: Via
    reason_key: str = ""
    note: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


def read_item(desk_step: DeskStep, student_number: str) -> ItemState:
    """How this student (a folded number) stands now; nobody is asked, and nothing is written."""
    desk, step = desk_step.desk, desk_step.step
    with read_connection(db.engine) as connection:
        row = connection.execute(FIND_CASE, describe_case(desk_step, student_number, "")).mappings().one()
        history = list_decisions(connection, desk, student_number)
    found = read_found_row(desk.row_keys, row, student_number)
    waived = list_waivers(desk_step.installed, student_number).get(step.key)
    status, reasons = Status.UNAVAILABLE, tuple[tuple[str, str], ...]()
    try:
        reading = read_found(desk.config, found, student_number, desk_step.zone, get_now())
        finding = judge_reading(step.rule, step.no_record, reading)
        status, reasons = finding.status, step.explain(finding, reading)
    except (DepartmentUnavailable, FactMissing):
        pass  # shown as what it is: unknown
    return ItemState(
        found.version,
        found.entry,
        Status.WAIVED if waived else status,
        reasons,
        history[0] if history and history[0].version == found.version else None,
        history,
        row["slip_number"] or "",
        waived,
    )


def decide(installation: Installation, desk_step: DeskStep, student_number: str, wish: Wish) -> Decision:
    """Decide as wished. A form that is sent again gets its first answer; of two who want the same the later gets the
    other's decision.

    Raises OwnDecision, GrantEnded, NotFound (outside the actor's scope), AlreadySubmitted, Conflict with the ItemState,
    ReasonMissing, or FieldRefused. Nothing is stored then.
    """
    if wish.outcome not in WANTED:
        raise ValueError(f"{wish.outcome} is no button")
    require_other(wish.actor, (student_number,))
    try:
        decision = _decide(installation, desk_step, student_number, wish)
    except MovedError:
        raise _make_conflict(desk_step, student_number, wish.version) from None
    _count(desk_step, decision.outcome)
    return decision


@retry_conflicts
def _decide(installation: Installation, desk_step: DeskStep, number: str, wish: Wish) -> Decision:
    now = get_now()
    with write_transaction() as session:
        head = lock_audit(session)
        case = read_case(session, desk_step, number, wish.nonce)
        typed = {"note": wish.note, **wish.fields}
        require_grant(session, installation, desk_step, wish.actor, Right.DECIDE, case, now, typed)
        if case.known_id is not None or not is_nonce(wish.nonce):
            return repeat(session, desk_step, number, wish.nonce, wish.actor)
        if case.slip_number:
            raise AlreadySubmitted(case.slip_number)
        if _is_moved(case.held, wish):
            return _take_standing(desk_step, case.held, wish)
        change = _make_change(desk_step, number, wish)
        (kept,) = keep_changes(session, desk_step.desk, [change], {number: case.held}, wish.actor, now)
        is_mended = bool(case.held.cause)
        if is_mended:
            _mend(session, desk_step, number, case.held, kept)
        if case.completion is not None:
            enter_on_roll(session, desk_step.desk, [number], now, kept.rows, case.completion)
        add_events(session, [kept.make_event(desk_step.desk, mended=is_mended)], now, head=head)
        return make_decision(kept.row)


def undo(
    installation: Installation,
    desk_step: DeskStep,
    student_number: str,
    *,
    version: int,
    nonce: str,
    actor: str,
    reason: str = "",
    reverses: bool = False,
    via: Via = Via.LIST,
) -> Decision:
    """Take the newest decision back: the facts before it stand again, as a new version. Whoever took it does so within the
    undo window; `reverses`: the actor may take back older ones and others', with a reason.

    Raises OwnDecision, GrantEnded, NotFound, AlreadySubmitted, Conflict with the ItemState, UndoTooLate, or ReasonMissing.
    """
    require_other(actor, (student_number,))
    wish = Wish(Outcome.UNDONE, version, nonce, actor, via, note=reason)
    try:
        decision = _undo(installation, desk_step, student_number, wish, reverses=reverses)
    except MovedError:
        raise _make_conflict(desk_step, student_number, version) from None
    _count(desk_step, decision.outcome)
    return decision


@retry_conflicts
def _undo(
    installation: Installation, desk_step: DeskStep, number: str, wish: Wish, *, reverses: bool
) -> Decision:
    now, desk = get_now(), desk_step.desk
    with write_transaction() as session:
        head = lock_audit(session)
        case = read_case(session, desk_step, number, wish.nonce)
        right = Right.REVERSE if reverses else Right.DECIDE
        require_grant(session, installation, desk_step, wish.actor, right, case, now, {"reason": wish.note})
        if case.known_id is not None or not is_nonce(wish.nonce):
            return repeat(session, desk_step, number, wish.nonce, wish.actor)
        if case.slip_number:
            raise AlreadySubmitted(case.slip_number)
        if _is_moved(case.held, wish) or case.held.decision is None:
            raise MovedError
        if not is_authentic(desk.row_keys, DeskDecision, case.held.decision):
            raise UndoTooLate
        undone = make_decision(case.held.decision)
        note = _read_undo_reason(desk_step, undone, wish, now, reverses=reverses)
        facts = dict(undone.before) if undone.before is not None else None
        change = _fill_in(desk_step, number, wish, facts, note=note, undoes=undone.id)
        (kept,) = keep_changes(session, desk, [change], {number: case.held}, wish.actor, now)
        if case.held.cause:
            _mend(session, desk_step, number, case.held, kept)
        if facts is None:
            leave_roll(session, desk, number, now, kept.rows)
        else:
            enter_on_roll(session, desk, [number], now, kept.rows)
        told = refuse_again(session, desk, number, facts, wish.actor, now, kept.rows)
        add_events(session, [kept.make_event(desk, undone=str(undone.outcome)), *told], now, head=head)
        return make_decision(kept.row)


def may_undo(desk_step: DeskStep, decision: Decision, actor: str, now: datetime) -> bool:
    """Whether this person may take this decision back by a tap, should it be the newest and nothing be submitted."""
    is_own = decision.actor == actor and decision.outcome is not Outcome.UNDONE
    return is_own and now - decision.decided_at <= desk_step.undo_window


def list_handled(desk_step: DeskStep, actor: str, day: date) -> list[Decision]:
    """What this person decided at this desk on a day of the service's wall clock, the newest first."""
    begins = datetime.combine(day, time.min, desk_step.zone)
    ends = datetime.combine(day + timedelta(days=1), time.min, desk_step.zone)
    with read_connection(db.engine) as connection:
        return list_decisions_of(connection, desk_step.desk, actor, begins, ends)


def _is_moved(held: Held, wish: Wish) -> bool:
    """Whether something was decided since the form was shown."""
    return held.version != wish.version


def _take_standing(desk_step: DeskStep, held: Held, wish: Wish) -> Decision:
    """What somebody else decided meanwhile, where it is what was wished."""
    row = held.decision
    if row is None or not is_authentic(desk_step.desk.row_keys, DeskDecision, row):
        raise MovedError
    standing = make_decision(row)
    is_same = standing.outcome is wish.outcome and standing.reason_key == (
        wish.reason_key if wish.outcome is Outcome.NOT_DONE else ""
    )
    is_cleared = (
        wish.outcome is Outcome.DONE
        and standing.facts is not None
        and DOUBT not in standing.facts
        and not held.cause
        and desk_step.judge(dict(standing.facts)) is Status.CLEARED
    )
    if not (is_same or is_cleared):
        raise MovedError
    return standing


def _make_change(desk_step: DeskStep, number: str, wish: Wish) -> Change:
    """Raises ReasonMissing or FieldRefused."""
    note = _read_note(wish.note)
    is_done = wish.outcome is Outcome.DONE
    known = desk_step.step.desk_reasons
    if not is_done and known and desk_step.step.get_desk_reason(wish.reason_key) is None:
        raise ReasonMissing("names none of the step's reasons")
    if not is_done and not known:
        note = _require_reason(desk_step, note)
    facts = desk_step.buttons.make_facts(wish.outcome, wish.actor, wish.fields)
    if desk_step.judge(facts) is not WANTED[wish.outcome]:
        raise FieldRefused(desk_step.step.title)
    reason_key = wish.reason_key if known and not is_done else ""
    return _fill_in(desk_step, number, wish, facts, note=note, reason_key=reason_key)


def _fill_in(
    desk_step: DeskStep,
    number: str,
    wish: Wish,
    facts: dict[str, Any] | None,
    *,
    note: str,
    reason_key: str = "",
    undoes: int | None = None,
) -> Change:
    installed = desk_step.installed
    return Change(
        number,
        facts,
        wish.outcome,
        wish.via,
        installed.mini_app.slug,
        desk_step.step.key,
        installed.settings.period,
        reason_key,
        note,
        wish.nonce,
        undoes,
    )


def _read_note(text: str) -> str:
    try:
        note = clean_text(text)
    except ControlCharacter as error:
        raise ReasonMissing("holds a control character") from error
    if len(note) > MAX_REASON:
        raise ReasonMissing(f"has more than {MAX_REASON} characters")
    return note


def _require_reason(desk_step: DeskStep, text: str) -> str:
    try:
        return read_reason(text, desk_step.installed.conventions)
    except MalformedReason as error:
        raise ReasonMissing(str(error)) from error


def _read_undo_reason(
    desk_step: DeskStep, undone: Decision, wish: Wish, now: datetime, *, reverses: bool
) -> str:
    """The reason as it is kept. An undo is not taken back: whoever wants that decides anew."""
    if may_undo(desk_step, undone, wish.actor, now):
        return _read_note(wish.note)
    if not reverses or undone.outcome is Outcome.UNDONE:
        raise UndoTooLate
    return _require_reason(desk_step, wish.note)


def _mend(session: DatabaseSession, desk_step: DeskStep, number: str, held: Held, kept: Kept) -> None:
    """Take away what made the student unknown."""
    of_student = and_(_REFUSALS.c.connector == desk_step.desk.name, _REFUSALS.c.student_number == number)
    row: RowMapping | None = (
        session.connection().execute(select(_REFUSALS).where(of_student)).mappings().first()
    )
    if row is not None:
        kept.rows.remove(name_row(DeskRefusal, {**row, "message": row["says"]}))
        session.connection().execute(delete(_REFUSALS).where(of_student))


def _make_conflict(desk_step: DeskStep, number: str, seen: int) -> Conflict:
    metrics.desk_conflicts.labels(desk_step.installed.mini_app.slug, desk_step.step.key).inc()
    return Conflict(seen, read_item(desk_step, number))


def _count(desk_step: DeskStep, outcome: Outcome) -> None:
    metrics.desk_decisions.labels(desk_step.installed.mini_app.slug, desk_step.step.key, outcome).inc()
