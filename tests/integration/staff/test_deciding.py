"""Decisions at a desk's counter: each on the version that was seen, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from sqlalchemy import event

from app.domain.clearance import Status
from app.domain.errors import (
    AlreadySubmitted,
    Conflict,
    GrantEnded,
    NotFound,
    OwnDecision,
    ReasonMissing,
    UndoTooLate,
)
from app.domain.row_ledger import RowChange
from app.domain.staff import StaffRole
from app.extensions import db
from app.models import write_transaction
from app.services.audit import add_events, lock_audit
from app.services.clearance.clearances import look_up_clearance
from app.services.clearance.waivers import grant_waiver
from app.services.clock import get_now
from app.services.desk.deciding import (
    ItemState,
    Outcome,
    Via,
    list_desk_steps,
    list_handled,
    may_undo,
    open_desk_step,
)
from app.services.desk.gaps import declare_complete, record_entry, refuse_again
from tests.fixtures.counters import CLERK, COLLEAGUE, HEAD, OTHER, SLUG, STUDENT, Counter, open_counter
from tests.fixtures.staff import end_grant, grant
from tests.integration.conftest import MakeDatabase

DONE, NOT_DONE = Outcome.DONE, Outcome.NOT_DONE
LATER = timedelta(minutes=11)


@pytest.fixture
def counter(tmp_path: Path, make_database: MakeDatabase) -> Iterator[Counter]:
    """The archive's counter."""
    with open_counter(tmp_path, make_database(tmp_path)) as counter:
        yield counter
        assert counter.list_faults() == []


def conflict_of(caught: pytest.ExceptionInfo[Conflict]) -> ItemState:
    """What stands now, as a conflict tells it."""
    assert isinstance(caught.value.current, ItemState)
    return caught.value.current


def test_who_was_not_handled_yet_does_not_pass_and_is_told_so(counter: Counter) -> None:
    state = counter.read()
    assert (state.version, state.entry, state.status, state.last) == (0, None, Status.OUTSTANDING, None)
    assert state.reasons == (("尚未办理论文归档", "请线下到档案馆提交论文。"),)


def test_done_clears_the_step_by_its_own_rule(counter: Counter) -> None:
    made = counter.decide()
    state = counter.read()
    assert (made.version, made.outcome, made.actor, made.before) == (1, DONE, CLERK, None)
    assert (state.version, state.status, state.last) == (1, Status.CLEARED, made)
    assert made.facts == {
        "state": "已审核",
        "reviewed_on": f"{counter.installation.get_local_time(get_now()):%Y-%m-%d}",
    }


def test_not_done_keeps_from_passing_and_the_student_reads_the_clerks_reason(counter: Counter) -> None:
    counter.decide()
    made = counter.decide(NOT_DONE, 1, reason_key="signature_missing", note="缺 导师 签名")
    state = counter.read()
    told = (("您的论文缺少签名", "请补齐作者和导师的签名，再把论文送到档案馆。"),)
    assert (state.status, state.reasons, made.note) == (Status.OUTSTANDING, told, "缺 导师 签名")
    states = look_up_clearance(counter.installation, counter.step.installed, STUDENT, wait_for_all=True)
    shown = states["archive"]
    assert counter.step.step.explain(shown.finding, shown.reading) == told


@pytest.mark.parametrize("reason", ["", "  ", "none_of_these"])
def test_not_done_without_a_reason_of_the_step_is_refused(counter: Counter, reason: str) -> None:
    with pytest.raises(ReasonMissing):
        counter.decide(NOT_DONE, reason_key=reason)
    assert counter.list_versions() == []


def test_a_note_that_is_too_long_is_refused(counter: Counter) -> None:
    with pytest.raises(ReasonMissing):
        counter.decide(note="长" * 201)


def test_the_same_form_twice_is_one_decision(counter: Counter) -> None:
    wish = counter.wish()
    first = counter.decide(nonce=wish.nonce)
    assert counter.decide(nonce=wish.nonce) == first
    assert len(counter.list_versions()) == 1


@pytest.mark.parametrize(
    ("student", "actor"), [(OTHER, CLERK), (STUDENT, COLLEAGUE)], ids=["another student", "another clerk"]
)
def test_a_nonce_of_another_form_never_gets_somebody_elses_answer(
    counter: Counter, student: str, actor: str
) -> None:
    first = counter.decide()
    nonce = counter.wish().nonce
    counter.decide(NOT_DONE, 1, nonce=nonce)
    with pytest.raises(Conflict):
        counter.decide(NOT_DONE, 1, student=student, nonce=nonce, actor=actor)
    assert [version for version, *_ in counter.list_versions()] == [first.version, 2]
    assert counter.list_versions(OTHER) == []


def test_a_nonce_that_no_form_has_is_refused(counter: Counter) -> None:
    with pytest.raises(Conflict):
        counter.decide(nonce="")


def test_who_wants_what_another_did_meanwhile_gets_the_others_decision(counter: Counter) -> None:
    first = counter.decide(actor=COLLEAGUE)
    assert counter.decide() == first
    assert len(counter.list_versions()) == 1


def test_who_wants_something_else_than_another_did_is_told_what_stands(counter: Counter) -> None:
    first = counter.decide(actor=COLLEAGUE)
    with pytest.raises(Conflict) as caught:
        counter.decide(NOT_DONE)
    assert caught.value.seen == 0
    assert (conflict_of(caught).version, conflict_of(caught).last) == (1, first)
    anew = counter.decide(NOT_DONE, 1)
    assert (anew.version, anew.before) == (2, first.facts)


def test_two_reasons_for_not_done_are_not_the_same(counter: Counter) -> None:
    counter.decide(NOT_DONE, actor=COLLEAGUE)
    with pytest.raises(Conflict):
        counter.decide(NOT_DONE, reason_key="confidential")


def test_an_undo_brings_back_what_stood_before(counter: Counter) -> None:
    counter.decide(NOT_DONE)
    done = counter.decide(DONE, 1)
    undone = counter.undo(2)
    assert (undone.version, undone.outcome, undone.undoes) == (3, Outcome.UNDONE, done.id)
    assert undone.facts == done.before
    assert counter.read().status is Status.OUTSTANDING


def test_the_undo_of_a_first_decision_leaves_no_entry(counter: Counter) -> None:
    counter.decide()
    counter.undo(1)
    state = counter.read()
    assert (state.version, state.entry, state.status) == (2, None, Status.OUTSTANDING)
    assert counter.decide(DONE, 2).version == 3


def test_the_undo_of_a_first_decision_leaves_no_trace_on_a_declared_list(counter: Counter) -> None:
    declare_complete(counter.step.desk, CLERK, 0)
    counter.decide()
    counter.undo(1)
    assert counter.read().status is Status.OUTSTANDING


def test_the_same_undo_twice_is_one(counter: Counter) -> None:
    counter.decide()
    nonce = counter.wish().nonce
    assert counter.undo(1, nonce=nonce) == counter.undo(1, nonce=nonce)


def test_a_stale_undo_is_a_conflict(counter: Counter) -> None:
    counter.decide()
    counter.decide(NOT_DONE, 1, actor=COLLEAGUE)
    with pytest.raises(Conflict) as caught:
        counter.undo(1)
    assert conflict_of(caught).version == 2


def test_nothing_recorded_is_nothing_to_undo(counter: Counter) -> None:
    with pytest.raises(Conflict):
        counter.undo(0)


def test_an_undo_is_not_undone(counter: Counter) -> None:
    counter.decide()
    counter.undo(1)
    with pytest.raises(UndoTooLate):
        counter.undo(2)
    with pytest.raises(UndoTooLate):
        counter.undo(2, actor=HEAD, reverses=True, reason="登记有误")


def test_anothers_decision_is_reversed_by_the_head_with_a_reason_alone(counter: Counter) -> None:
    made = counter.decide()
    with pytest.raises(UndoTooLate):
        counter.undo(1, actor=COLLEAGUE)
    with pytest.raises(UndoTooLate):
        counter.undo(1, actor=HEAD)
    for blank in ("", "   ", "无"):
        with pytest.raises(ReasonMissing):
            counter.undo(1, actor=HEAD, reverses=True, reason=blank)
    with pytest.raises(NotFound):
        counter.undo(1, actor=COLLEAGUE, reverses=True, reason="登记有误")
    undone = counter.undo(1, actor=HEAD, reverses=True, reason="登记有误")
    assert (undone.undoes, undone.note) == (made.id, "登记有误")


def test_ones_own_decision_is_taken_back_within_the_window_alone(counter: Counter) -> None:
    made = counter.decide()
    assert may_undo(counter.step, made, CLERK, get_now())
    assert not may_undo(counter.step, made, COLLEAGUE, get_now())
    with time_machine.travel(get_now() + LATER, tick=True):
        assert not may_undo(counter.step, made, CLERK, get_now())
        with pytest.raises(UndoTooLate):
            counter.undo(1)
        with pytest.raises(ReasonMissing):
            counter.undo(1, actor=HEAD, reverses=True)
        assert counter.undo(1, actor=HEAD, reverses=True, reason="材料不全").version == 2


def test_nobody_decides_about_oneself(counter: Counter) -> None:
    with pytest.raises(OwnDecision):
        counter.decide(student=CLERK)
    with pytest.raises(OwnDecision):
        counter.undo(1, student=CLERK)


def test_after_the_submission_nothing_is_decided_or_undone(counter: Counter) -> None:
    counter.decide()
    open_form = counter.wish(NOT_DONE, 1)
    number = counter.submit()
    for press in (
        lambda: counter.decide(NOT_DONE, 1),
        lambda: counter.decide(NOT_DONE, 0),
        lambda: counter.decide(NOT_DONE, 1, nonce=open_form.nonce),
        lambda: counter.undo(1),
    ):
        with pytest.raises(AlreadySubmitted) as caught:
            press()
        assert caught.value.args[0] == number
    assert counter.read().slip_number == number
    assert len(counter.list_versions()) == 1


def test_a_waived_step_can_be_recorded_all_the_same(counter: Counter) -> None:
    grant_waiver(counter.step.installed, "archive", STUDENT, "论文涉密", HEAD, accepts_unknown=True)
    counter.decide()
    state = counter.read()
    assert (state.status, state.waived is not None, state.version) == (Status.WAIVED, True, 1)


def test_a_grant_that_ended_since_the_page_stops_the_form(counter: Counter) -> None:
    ended = grant(counter.office.app, "00420030", StaffRole.DESK, mini_app=SLUG, step="archive")
    counter.decide(student=OTHER, actor="00420030")
    end_grant(counter.office.app, ended)
    for press in (
        lambda: counter.decide(actor="00420030", note="已收到"),
        lambda: counter.undo(1, student=OTHER, actor="00420030"),
    ):
        with pytest.raises(GrantEnded):
            press()
    assert counter.list_versions() == []


@pytest.mark.parametrize(
    "scope",
    [
        {"step": "dormitory"},
        {"step": "archive", "college": "外国语学院"},
        {"step": "archive", "period": "2025-06"},
    ],
    ids=["another step", "another college", "another period"],
)
def test_outside_ones_scope_nothing_is_decided(counter: Counter, scope: dict[str, str]) -> None:
    grant(counter.office.app, "00420031", StaffRole.DESK, mini_app=SLUG, **scope)
    with pytest.raises(NotFound):
        counter.decide(actor="00420031")
    with pytest.raises(NotFound):
        counter.decide(actor="00420099")


def test_what_was_recorded_by_command_moves_the_version(counter: Counter) -> None:
    record_entry(counter.step.desk, STUDENT, {"论文状态": "已提交", "审核日期": ""}, HEAD)
    with pytest.raises(Conflict) as caught:
        counter.decide()
    last = conflict_of(caught).last
    assert last is not None
    assert (last.outcome, last.via, last.version) == (Outcome.RECORDED, Via.COMMAND, 1)
    counter.decide(DONE, 1)
    assert [outcome for _, outcome, _ in counter.list_versions()] == ["recorded", "done"]


def test_a_decision_mends_what_made_the_student_unknown_and_its_undo_brings_that_back(
    counter: Counter,
) -> None:
    now, rows, desk = get_now(), RowChange(), counter.step.desk
    with write_transaction() as session:
        lock_audit(session)
        add_events(session, refuse_again(session, desk, STUDENT, {"?": "refused"}, HEAD, now, rows), now)
        from app.services.audit import add_event

        add_event(session, "tried", actor=HEAD, subject="x", details={}, now=now, rows=rows)
    assert counter.read().status is Status.UNAVAILABLE
    counter.decide()
    assert counter.read().status is Status.CLEARED
    counter.undo(1)
    assert counter.read().status is Status.UNAVAILABLE


def test_today_lists_what_one_decided_the_newest_first(counter: Counter) -> None:
    counter.decide()
    counter.decide(student=OTHER, via=Via.SCAN)
    counter.decide(NOT_DONE, 1, actor=COLLEAGUE)
    today = counter.installation.get_local_time(get_now()).date()
    handled = list_handled(counter.step, CLERK, today)
    assert [(one.student_number, one.via) for one in handled] == [(OTHER, "scan"), (STUDENT, "typed")]
    assert list_handled(counter.step, CLERK, today - timedelta(days=1)) == []


def test_only_steps_of_desks_with_buttons_have_a_counter(counter: Counter) -> None:
    assert [one.step.key for one in list_desk_steps(counter.installation)] == ["archive", "dormitory"]
    for path, step in (
        ("graduate-departure", "finance"),
        ("graduate-departure", "none"),
        ("none", "archive"),
    ):
        with pytest.raises(NotFound):
            open_desk_step(counter.installation, path, step)


def test_a_decision_takes_at_most_eight_statements(counter: Counter) -> None:
    declare_complete(counter.step.desk, HEAD, 0)
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement.split("\n")[0][:60])

    counter.decide(student=OTHER)  # what is asked once in a process
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        counter.decide()
        first, seen[:] = list(seen), []
        counter.decide(NOT_DONE, 1)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(first) <= 8, first
    assert len(seen) <= 7, seen
