"""The item of one student at a counter: where it stands and why, what was decided before, and the forms that decide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from flask import make_response, redirect, request, session
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from app.connectors.base import UntrustedAnswer
from app.connectors.desk import read_kept
from app.domain.clearance import Status, Waived
from app.domain.errors import (
    AlreadySubmitted,
    Conflict,
    DomainError,
    FieldRefused,
    GrantEnded,
    ReasonMissing,
    UndoTooLate,
)
from app.domain.slip import PrintedField
from app.domain.staff import Right
from app.services.clock import get_now
from app.services.desk import deciding
from app.services.desk.deciding import ItemState, Outcome, Via, Wish, make_nonce, may_undo, read_item
from app.services.staff.granted import list_holders
from app.services.staff.roster import Listed
from app.web.auth.access import current_person, list_typed
from app.web.language import gettext, localized, show_day
from app.web.mini_app.statuses import LOOKS
from app.web.mini_app.view_data import ReasonView
from app.web.page_context import get_installation
from app.web.staff.access import get_scope, note_view, staff_required
from app.web.staff.counter import SCANNED
from app.web.staff.desk import (
    WORDS,
    Counter,
    DecisionView,
    describe_decision,
    describe_reason,
    may_reverse,
    name_staff,
    open_counter,
    open_student,
    show_time,
    staff_desk,
)
from app.web.staff.desk_problems import ALREADY_CLOSED, MALFORMED_FIELD, MALFORMED_REASON, TOO_LATE, Problem
from app.web.staff.handled import TOLD
from app.web.staff.home import render_staff
from app.web.staff.typed import name_typed

FORMS = ("done", "not_done", "undo")


@dataclass(frozen=True, slots=True)
class AskedView:
    """A fact that a button asks for: the form's field, what it is called, and what was typed."""

    name: str
    label: str
    typed: str


@dataclass(frozen=True, slots=True)
class ItemView:
    """The item as the page shows it. `may_decide` where it is open and not done; `may_undo` one's own newest decision,
    `may_reverse` anybody's.
    """

    version: int
    status: str
    word: str
    sign: str
    reasons: tuple[ReasonView, ...]
    records: tuple[tuple[PrintedField, ...], ...]
    last: DecisionView | None
    history: tuple[DecisionView, ...]
    waived: Waived | None
    slip_number: str
    is_own: bool
    may_decide: bool
    may_undo: bool
    may_reverse: bool
    asked_done: tuple[AskedView, ...]
    asked_not_done: tuple[AskedView, ...]


@staff_desk.get("/staff/desk/<app>/<step>/<key>")
@staff_required
def item(app: str, step: str, key: str) -> ResponseReturnValue:
    """Where the item stands, what was decided of it, and what can be."""
    opened = open_counter(app, step)
    return _show(opened, open_student(opened, key))


@staff_desk.post("/staff/desk/<app>/<step>/<key>/decision")
@staff_required
def decide(app: str, step: str, key: str) -> ResponseReturnValue:
    """Record that it is done, or not done and why. The same nonce again is the same decision."""
    opened = open_counter(app, step)
    student = open_student(opened, key)
    wish = _read_wish(opened)
    try:
        decision = deciding.decide(get_installation(), opened.desk_step, student.student_number, wish)
    except ReasonMissing:
        return _show(opened, student, MALFORMED_REASON)
    except FieldRefused:
        return _show(opened, student, MALFORMED_FIELD)
    except AlreadySubmitted as error:
        return _show_refusal(opened, student, ALREADY_CLOSED, error)
    except Conflict as error:
        return _show_conflict(opened, student, error, wish)
    except GrantEnded as error:
        raise GrantEnded(error.ended_at, error.ended_by, list_typed()) from error
    if decision.actor != wish.actor:
        session[TOLD] = {
            "key": student.key,
            "actor": decision.actor,
            "time": show_time(decision.decided_at),
        }
    if session.get(SCANNED) == student.key:
        del session[SCANNED]
    return redirect(opened.address, 303)


@staff_desk.post("/staff/desk/<app>/<step>/<key>/undo")
@staff_required
def undo(app: str, step: str, key: str) -> ResponseReturnValue:
    """Take back one's own decision, or with `reverses` and a reason whosever it is."""
    opened = open_counter(app, step)
    student = open_student(opened, key)
    reverses = request.form.get("reverses") == "1" and may_reverse(opened, student)
    try:
        deciding.undo(
            get_installation(),
            opened.desk_step,
            student.student_number,
            version=_read_version(),
            nonce=_read_nonce(),
            actor=current_person().number,
            reason=_read_field("reason") if reverses else "",
            reverses=reverses,
            via=_read_via(),
        )
    except ReasonMissing:
        return _show(opened, student, MALFORMED_REASON)
    except AlreadySubmitted as error:
        return _show_refusal(opened, student, ALREADY_CLOSED, error)
    except UndoTooLate as error:
        return _show_refusal(opened, student, TOO_LATE, error)
    except Conflict as error:
        return _show_conflict(opened, student, error, None)
    except GrantEnded as error:
        raise GrantEnded(error.ended_at, error.ended_by, list_typed()) from error
    return redirect(_get_way_back(opened), 303)


def _get_way_back(opened: Counter) -> str:
    """The counter, in scan mode where the form stood there."""
    return f"{opened.address}?mode=scan" if request.form.get("mode") == "scan" else opened.address


def _show(opened: Counter, student: Listed, problem: Problem | None = None) -> ResponseReturnValue:
    """The page; a form that was refused stands there as it was typed."""
    note_view(student.student_number, opened.step.key)
    state = read_item(replace(opened.desk_step, step=opened.step), student.student_number)
    is_reversal = "reverses" in request.form
    page = render_staff(
        "staff/item.html",
        step=opened.step,
        address=opened.address,
        student=student,
        item=_view_item(opened, student, state),
        reasons=opened.step.desk_reasons,
        via=_find_via(student),
        nonces={form: make_nonce() for form in FORMS},
        lost=name_typed(list_typed()) if problem and state.slip_number else (),
        whom_to_ask=_name_heads(opened, student) if problem is TOO_LATE or state.last else "",
        is_others=state.last is not None and state.last.actor != current_person().number,
        typed={
            "reason": "" if is_reversal else _read_field("reason"),
            "note": _read_field("note"),
            "reverse_reason": _read_field("reason") if is_reversal else "",
        },
        problem=problem,
        as_of=show_time(get_now()),
    )
    return make_response(page, problem.status if problem else 200)


def _show_refusal(
    opened: Counter, student: Listed, problem: Problem, error: DomainError
) -> ResponseReturnValue:
    """The student's page again, headed by why nothing was recorded; a program gets the fact itself."""
    if request.accept_mimetypes.best_match(("text/html", "application/json")) == "application/json":
        raise error
    return _show(opened, student, problem)


def _name_heads(opened: Counter, student: Listed) -> str:
    """Who may take back what others decided of this student, "" for nobody."""
    scope = replace(get_scope(opened.installed, opened.step.key), college=student.college)
    numbers = list_holders(get_installation(), Right.REVERSE, scope, get_now())
    return gettext("、").join(name_staff(numbers)[number] for number in numbers)


def _view_item(opened: Counter, student: Listed, state: ItemState) -> ItemView:
    me, is_open = current_person().number, not state.slip_number
    names = name_staff({one.actor for one in state.history})
    told = tuple(describe_decision(opened, one, names) for one in state.history)
    status, last = state.status, state.last
    is_done = status is Status.CLEARED or (last is not None and last.outcome is Outcome.DONE)
    is_own = me == student.student_number
    is_standing = last is not None and last.outcome is not Outcome.UNDONE
    may_act = is_open and not is_own
    is_undoable = may_act and last is not None and may_undo(opened.desk_step, last, me, get_now())
    return ItemView(
        version=state.version,
        status=status,
        word=_name_status(state),
        sign=LOOKS[status].sign,
        reasons=tuple(ReasonView(*told) for told in state.reasons),
        records=_list_records(opened, state),
        last=told[0] if last else None,
        history=told,
        waived=state.waived,
        slip_number=state.slip_number,
        is_own=is_own,
        may_decide=may_act and not is_done,
        may_undo=is_undoable,
        may_reverse=may_act and is_standing and not is_undoable and may_reverse(opened, student),
        asked_done=_list_asked(opened, Outcome.DONE),
        asked_not_done=_list_asked(opened, Outcome.NOT_DONE),
    )


def _name_status(state: ItemState) -> str:
    if state.entry is None and state.status in (Status.OUTSTANDING, Status.UNAVAILABLE):
        return gettext("尚未办理")
    return str(LOOKS[state.status].word)


def _list_records(opened: Counter, state: ItemState) -> tuple[tuple[PrintedField, ...], ...]:
    """What the desk holds of the student, as far as it can be read."""
    if state.entry is None:
        return ()
    fields, held = opened.desk_step.desk.config.fields, state.entry.facts
    shown = []
    for fact in opened.step.facts:
        if fact.key not in fields or fact.key not in held:
            continue
        try:
            value = read_kept(fields[fact.key], held[fact.key])
        except UntrustedAnswer:
            continue
        text = show_day(value) if isinstance(value, date) else localized(fact.format(value))
        shown.append(PrintedField(fact.key, fact.label, text))
    return (tuple(shown),) if shown else ()


def _list_asked(opened: Counter, outcome: Outcome) -> tuple[AskedView, ...]:
    labels = {fact.key: fact.label for fact in opened.step.facts}
    is_refused = request.form.get("outcome") == outcome
    return tuple(
        AskedView(
            f"field_{field.name}",
            labels.get(field.name, field.heading),
            _read_field(f"field_{field.name}") if is_refused else "",
        )
        for field in opened.desk_step.buttons.list_asked(outcome)
    )


def _show_conflict(
    opened: Counter, student: Listed, error: Conflict, wish: Wish | None
) -> ResponseReturnValue:
    """What was decided meanwhile beside what was wished, to keep the one or decide anew. What was wished is None of somebody
    who would take back.
    """
    if request.accept_mimetypes.best_match(("text/html", "application/json")) == "application/json":
        raise error
    note_view(student.student_number, opened.step.key)
    current = error.current
    assert isinstance(current, ItemState)
    last = current.last
    theirs = describe_decision(opened, last, name_staff([last.actor])) if last else None
    word, tone = WORDS[wish.outcome] if wish else (gettext("撤销办理"), "quiet")
    reason = describe_reason(opened.step, wish.reason_key) if wish else ""
    page = render_staff(
        "staff/conflict.html",
        step=opened.step,
        address=opened.address,
        student=student,
        theirs=theirs,
        status=current.status,
        status_word=_name_status(current),
        is_undone_already=wish is None and last is not None and last.outcome is Outcome.UNDONE,
        mine=DecisionView(str(word), tone, reason, wish.note if wish else ""),
        version=current.version,
        nonce=make_nonce(),
        anew=_list_anew() if wish else (),
    )
    return make_response(page, 409)


def _list_anew() -> tuple[tuple[str, str], ...]:
    """The form that was sent, but for what it saw."""
    left_out = ("csrf_token", "version", "nonce")
    return tuple((name, value) for name, value in request.form.items() if name not in left_out)


def _read_wish(opened: Counter) -> Wish:
    """What the form wishes. Raises BadRequest for a form that is none of ours."""
    outcomes = {"done": Outcome.DONE, "not_done": Outcome.NOT_DONE}
    outcome = outcomes.get(request.form.get("outcome", ""))
    if outcome is None:
        raise BadRequest
    is_done = outcome is Outcome.DONE
    return Wish(
        outcome,
        _read_version(),
        _read_nonce(),
        current_person().number,
        _read_via(),
        reason_key="" if is_done else _read_field("reason"),
        note="" if is_done else _read_field("note"),
        fields={
            field.name: _read_field(f"field_{field.name}")
            for field in opened.desk_step.buttons.list_asked(outcome)
        },
    )


def _read_via() -> Via:
    via = request.form.get("via", "")
    return Via(via) if via in (Via.SCAN, Via.LIST) else Via.TYPED


def _read_version() -> int:
    text = request.form.get("version", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest
    return int(text)


def _read_nonce() -> str:
    nonce = request.form.get("nonce", "")
    if not (nonce.isascii() and nonce.isalnum() and 16 <= len(nonce) <= 32):
        raise BadRequest
    return nonce


def _read_field(name: str) -> str:
    return request.form.get(name, "")


def _find_via(student: Listed) -> Via:
    return Via.SCAN if session.get(SCANNED) == student.key else Via.TYPED
