"""What an import and `desk record` say before and after they change what was decided at a counter, or of who has submitted;
on both databases.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.clearance import Status
from app.services.desk.deciding import Outcome
from app.services.desk.importing import ImportReport
from tests.fixtures.counters import CLERK, HEAD, OTHER, STUDENT, Counter, open_counter
from tests.integration.conftest import MakeDatabase

PASSES, PENDING = "已审核,2026-06-09", "已提交,"


@pytest.fixture
def counter(tmp_path: Path, make_database: MakeDatabase) -> Iterator[Counter]:
    """The archive's counter."""
    with open_counter(tmp_path, make_database(tmp_path)) as counter:
        yield counter
        assert counter.list_faults() == []


def flask(counter: Counter, *arguments: str) -> tuple[int, str, str]:
    """Run a command: its exit code, and what it says."""
    done = counter.office.app.test_cli_runner().invoke(args=["desk", *arguments, "--by", HEAD])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def import_rows(counter: Counter, folder: Path, rows: dict[str, str], *options: str) -> tuple[int, str, str]:
    """Import a table of these rows."""
    path = folder / "list.csv"
    lines = "".join(f"{number},{cells}\n" for number, cells in rows.items())
    path.write_text(f"学号,论文状态,审核日期\n{lines}", encoding="utf-8")
    return flask(counter, "import", counter.step.desk.name, str(path), *options)


def record(counter: Counter, student: str = STUDENT) -> tuple[int, str, str]:
    """Record one student as done."""
    cells = ("论文状态=已审核", "审核日期=2026-06-09")
    return flask(counter, "record", counter.step.desk.name, student, *cells)


@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--override", "2")])
def test_an_old_table_changes_no_fresh_decision_unseen(
    counter: Counter, tmp_path: Path, options: tuple[str, ...]
) -> None:
    counter.decide(Outcome.NOT_DONE)
    code, out, err = import_rows(counter, tmp_path, {STUDENT: PASSES, OTHER: PASSES}, *options)
    assert (code, "nothing is recorded\n" in out) == (1, True)
    assert f"decided at the counter, and would be changed: {STUDENT}: not done, by {CLERK} at " in out
    assert "say --override 1" in err
    assert counter.read().status is Status.OUTSTANDING
    assert counter.list_versions(OTHER) == []


def test_without_asking_an_old_table_would_let_a_student_pass_whom_a_clerk_refused(
    counter: Counter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(ImportReport, "is_confirmed", lambda *_: True)
    counter.decide(Outcome.NOT_DONE)
    assert import_rows(counter, tmp_path, {STUDENT: PASSES})[0] == 0
    assert counter.read().status is Status.CLEARED


def test_the_confirmed_count_of_decisions_is_changed_and_told(counter: Counter, tmp_path: Path) -> None:
    counter.decide(Outcome.NOT_DONE)
    rows = {STUDENT: PASSES, OTHER: PASSES}
    foreseen = import_rows(counter, tmp_path, rows, "--dry-run", "--override", "1")
    assert (foreseen[0], "this was a dry run" in foreseen[1]) == (0, True)
    code, out, _ = import_rows(counter, tmp_path, rows, "--override", "1")
    assert (code, f"and was changed: {STUDENT}: not done" in out) == (0, True)
    assert counter.list_versions() == [(1, "not_done", CLERK), (2, "imported", HEAD)]
    again = import_rows(counter, tmp_path, {STUDENT: PENDING})
    assert (again[0], "counter" in again[1]) == (0, False)


def test_what_was_taken_back_at_the_counter_does_not_return_by_an_old_table(
    counter: Counter, tmp_path: Path
) -> None:
    counter.decide()
    counter.undo(1, actor=HEAD, reverses=True, reason="论文没有归档")
    code, out, _ = import_rows(counter, tmp_path, {STUDENT: PASSES})
    assert (code, f"{STUDENT}: undone, by {HEAD}" in out) == (1, True)
    assert counter.read().entry is None


def test_a_table_that_agrees_and_one_about_nobody_of_the_counter_need_no_word(
    counter: Counter, tmp_path: Path
) -> None:
    counter.decide(Outcome.NOT_DONE)
    code, out, _ = import_rows(counter, tmp_path, {STUDENT: ",", OTHER: PENDING})
    assert (code, "1 as before" in out, "counter" in out) == (0, True, False)
    assert import_rows(counter, tmp_path, {OTHER: PASSES})[0] == 0
    code, _, err = import_rows(counter, tmp_path, {OTHER: PENDING}, "--override", "1")
    assert (code, "leave --override out" in err) == (1, True)


def test_neither_a_removal_nor_a_refused_row_ends_a_decision_unseen(counter: Counter, tmp_path: Path) -> None:
    counter.decide()
    removing = ("--complete", "--replace", "1")
    refusing = ("--skip-refused", "--confirm", "1")
    for rows, options in (({OTHER: PASSES}, removing), ({STUDENT: "不知,", OTHER: PASSES}, refusing)):
        code, out, _ = import_rows(counter, tmp_path, rows, *options)
        assert (code, f"would be changed: {STUDENT}: done" in out) == (1, True)
    nobodys = {"?": PASSES, OTHER: PASSES}
    assert f"would be changed: {STUDENT}: done" in import_rows(counter, tmp_path, nobodys, *refusing)[1]
    assert counter.read().status is Status.CLEARED
    assert import_rows(counter, tmp_path, {OTHER: PASSES}, *removing, "--override", "1")[0] == 0
    assert counter.read().entry is None


def test_a_table_names_who_has_submitted_already(counter: Counter, tmp_path: Path) -> None:
    rows = {STUDENT: PASSES, OTHER: PASSES}
    assert import_rows(counter, tmp_path, rows)[0] == 0
    counter.submit()
    rows = {STUDENT: PENDING, OTHER: PENDING}
    for options, word in ((("--dry-run",), "would be"), ((), "was")):
        code, out, err = import_rows(counter, tmp_path, rows, *options)
        assert (code, f"submitted already, and {word} changed: {STUDENT}\n" in out) == (0, True)
        assert "their slips stay as they are" in err
    assert "submitted" not in import_rows(counter, tmp_path, rows)[1]


def test_recording_one_student_warns_of_what_stands_no_longer(counter: Counter) -> None:
    assert "warning: what" not in record(counter, OTHER)[2]
    counter.decide(Outcome.NOT_DONE)
    code, _, err = record(counter)
    stood = f"warning: what was decided at the counter stands no longer: {STUDENT}: not done, by {CLERK} at "
    assert (code, stood in err) == (0, True)
    assert "stands no longer" not in record(counter)[2]
    counter.submit()
    assert f"warning: {STUDENT} has submitted already" in record(counter)[2]


def test_a_list_declared_complete_says_that_the_counter_still_decides(counter: Counter) -> None:
    code, out, _ = flask(counter, "complete", counter.step.desk.name, "--entries", "0")
    assert (code, "does not pass until a clerk decides at the counter" in out) == (0, True)
