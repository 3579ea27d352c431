"""Who comes at the same moment at a desk: two clerks, a double tap, an import, and a submission; on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import Conflict, DesksBusy, DomainError
from app.services.clearance import submissions
from app.services.clearance.submissions import SubmissionRefused
from app.services.desk import deciding
from app.services.desk.deciding import Decision, Outcome
from app.services.desk.importing import ImportOptions, import_table
from app.services.desk.spreadsheet import read_table
from app.services.slips.slips import find_slip_number
from tests.fixtures.counters import CLERK, COLLEAGUE, HEAD, STUDENT, Counter, open_counter
from tests.integration.conftest import MakeDatabase

STUDENTS = [f"TS2300{number:04d}" for number in range(100, 112)]
DONE, NOT_DONE = Outcome.DONE, Outcome.NOT_DONE


@pytest.fixture
def counter(tmp_path: Path, make_database: MakeDatabase) -> Iterator[Counter]:
    """The archive's counter."""
    with open_counter(tmp_path, make_database(tmp_path)) as counter:
        yield counter
        assert counter.list_faults() == []


def press_together(counter: Counter, presses: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each press came to, all begun at one moment: its result, or the fact that it met."""
    barrier = threading.Barrier(len(presses))

    def press(one: Callable[[], Any]) -> Any:
        with counter.office.app.app_context():
            barrier.wait()
            try:
                return one()
            except (DomainError, SubmissionRefused) as fact:
                return fact

    with ThreadPoolExecutor(len(presses)) as pool:
        return list(pool.map(press, presses))


def test_of_two_clerks_who_disagree_one_decides_and_the_other_is_told(counter: Counter) -> None:
    for student in STUDENTS:
        found = press_together(
            counter,
            [
                lambda s=student: counter.decide(DONE, student=s),
                lambda s=student: counter.decide(NOT_DONE, student=s, actor=COLLEAGUE),
            ],
        )
        (made,) = [one for one in found if isinstance(one, Decision)]
        (told,) = [one for one in found if isinstance(one, Conflict)]
        assert told.current.last == made  # type: ignore[attr-defined]
        assert counter.list_versions(student) == [(1, made.outcome, made.actor)]


def test_without_looking_at_the_version_the_second_clerk_overrules_the_first_unseen(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(deciding, "_is_moved", lambda *_: False)
    found = press_together(
        counter, [lambda: counter.decide(DONE), lambda: counter.decide(NOT_DONE, actor=COLLEAGUE)]
    )
    assert all(isinstance(one, Decision) for one in found)
    assert [version for version, *_ in counter.list_versions()] == [1, 2]


def test_of_two_clerks_who_agree_both_get_the_one_decision(counter: Counter) -> None:
    for student in STUDENTS:
        first, second = press_together(
            counter,
            [
                lambda s=student: counter.decide(student=s),
                lambda s=student: counter.decide(student=s, actor=COLLEAGUE),
            ],
        )
        assert first == second
        assert len(counter.list_versions(student)) == 1


def test_a_double_tap_is_one_decision(counter: Counter) -> None:
    for student in STUDENTS[:4]:
        nonce = counter.wish().nonce
        found = press_together(counter, [lambda s=student, n=nonce: counter.decide(student=s, nonce=n)] * 4)
        assert len(set(map(repr, found))) == 1
        assert len(counter.list_versions(student)) == 1


def test_the_lock_alone_does_not_carry_it_two_with_one_version_are_impossible(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should something get past the lock, the UNIQUE constraint refuses it, and it begins again."""
    monkeypatch.setattr(deciding, "lock_audit", lambda _session: "")
    for student in STUDENTS[:6]:
        found = press_together(
            counter,
            [
                lambda s=student: counter.decide(DONE, student=s),
                lambda s=student: counter.decide(NOT_DONE, student=s, actor=COLLEAGUE),
            ],
        )
        assert sum(isinstance(one, Decision) for one in found) == 1
        assert len(counter.list_versions(student)) == 1


def test_an_import_and_a_clerk_do_not_lose_each_others_word(counter: Counter, tmp_path: Path) -> None:
    desk = counter.step.desk
    path = tmp_path / "list.csv"
    rows = "\n".join(f"{student},已审核,2026-06-09" for student in STUDENTS)
    path.write_text(f"学号,论文状态,审核日期\n{rows}\n")
    table = read_table(path, ["学号", "论文状态", "审核日期"])
    found = press_together(
        counter,
        [
            lambda: import_table(desk, table, table.rows, HEAD, ImportOptions()),
            *(lambda s=s: counter.decide(NOT_DONE, student=s) for s in STUDENTS[:3]),
        ],
    )
    decided = [s for s, one in zip(STUDENTS, found[1:], strict=False) if isinstance(one, Decision)]
    report = found[0]
    if report.is_recorded:  # it came before all clerks
        assert (decided, report.overruled.decisions) == ([], ())
        assert {tuple(counter.list_versions(student)) for student in STUDENTS} == {((1, "imported", HEAD),)}
    else:  # and told whom it found decided; the others' clerks came behind it
        assert {one.student_number for one in report.overruled.decisions} <= set(decided) == set(STUDENTS[:3])
        assert {tuple(counter.list_versions(student)) for student in decided} == {((1, "not_done", CLERK),)}
        assert counter.list_versions(STUDENTS[-1]) == []


# --- a submission rests on what stands


def meanwhile(monkeypatch: pytest.MonkeyPatch, *acts: Callable[[], Any]) -> list[int]:
    """Let these be done, one a round, after the departments answered and before anything is stored."""
    left, rounds, sign = list(acts), [], submissions.sign_code

    def act(*given: Any) -> Any:
        rounds.append(1)
        if left:
            left.pop(0)()
        return sign(*given)

    monkeypatch.setattr(submissions, "sign_code", act)
    return rounds


def test_no_slip_rests_on_a_decision_that_was_undone_before_it(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.decide()
    meanwhile(monkeypatch, lambda: counter.undo(1))
    with pytest.raises(SubmissionRefused) as caught:
        counter.submit()
    assert caught.value.fact.step_keys == ("archive",)
    assert find_slip_number(counter.step.installed, STUDENT) is None


def test_without_the_comparison_it_would(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""
    monkeypatch.setattr(submissions, "require_unmoved", lambda *_: None)
    counter.decide()
    meanwhile(monkeypatch, lambda: counter.undo(1))
    assert counter.submit() == find_slip_number(counter.step.installed, STUDENT)


def test_who_was_decided_about_anew_meanwhile_is_asked_about_again(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.decide()
    rounds = meanwhile(monkeypatch, lambda: counter.decide(DONE, 1))
    assert counter.submit().startswith("LX")
    assert len(rounds) == 2


def test_a_desk_that_never_rests_ends_the_submission_with_words(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.decide()
    rounds = meanwhile(monkeypatch, *(lambda v=v: counter.decide(DONE, v) for v in range(1, 9)))
    with pytest.raises(DesksBusy):
        counter.submit()
    assert len(rounds) == submissions.ROUNDS
    assert find_slip_number(counter.step.installed, STUDENT) is None


def test_an_undo_and_a_submission_at_one_moment_never_both_succeed(counter: Counter) -> None:
    for student in STUDENTS[:6]:
        counter.decide(student=student)
        slip, undone = press_together(
            counter,
            [lambda s=student: counter.submit(s), lambda s=student: counter.undo(1, student=s)],
        )
        assert isinstance(slip, str) != isinstance(undone, Decision), (slip, undone)
