"""What `flask audit verify` finds of decisions that were changed past the service, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.connectors.base import FailureCode
from app.connectors.client import query_systems
from app.domain.clearance import DepartmentUnavailable, Status
from app.services import audit, desk_histories
from app.services.desk import desk
from app.services.desk.deciding import Outcome
from tests.fixtures import row_tampering
from tests.fixtures.counters import STUDENT, Counter, open_counter
from tests.fixtures.desk_presses import list_presses
from tests.fixtures.forged_rows import Target, copy, sql
from tests.integration.conftest import MakeDatabase

TAMPERINGS = 60


@pytest.fixture
def counter(tmp_path: Path, make_database: MakeDatabase) -> Iterator[Counter]:
    """The archive's counter."""
    with open_counter(tmp_path, make_database(tmp_path)) as counter:
        yield counter


def put_back_first_entry(counter: Counter) -> None:
    """Let a student who was found not to be done have the authentic entry of before, in which all was done."""
    counter.decide()
    put_back = copy("desk_entries")
    counter.decide(Outcome.NOT_DONE, 1)
    put_back()


def ask(counter: Counter) -> object:
    """What the archive says of the student."""
    return query_systems({"archive": counter.step.installed.connectors["archive"]}, STUDENT, 20)["archive"]


def test_every_tampering_with_decisions_and_entries_is_found(counter: Counter) -> None:
    target = Target(counter.office, counter.installation, counter.step.installed)
    made = row_tampering.make_history(target, list_presses(counter))
    assert counter.list_faults() == []
    history = {name: made[name] for name in ("desk_decisions", "desk_entries")}
    keys = counter.office.installation.row_keys
    assert row_tampering.list_missed(history, TAMPERINGS, keys) == []


def test_without_looking_at_rows_and_histories_nothing_would_be_found(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    counter.decide()
    sql("UPDATE desk_decisions SET actor = '00420099'")
    assert counter.list_faults()
    monkeypatch.setattr(audit, "find_row_faults", lambda *_: [])
    monkeypatch.setattr(audit, "find_history_faults", lambda *_: [])
    assert counter.list_faults() == []


def test_an_older_entry_that_is_put_back_passes_nobody_and_is_found(counter: Counter) -> None:
    put_back_first_entry(counter)
    answer = ask(counter)
    assert isinstance(answer, DepartmentUnavailable)
    assert answer.fault == FailureCode.FORGED_ROW
    assert counter.read().status is Status.UNAVAILABLE
    assert any("made another entry than there is" in fault for fault in counter.list_faults())


def test_without_the_newest_decision_the_older_entry_would_pass(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(desk, "rests_on", lambda *_: True)
    put_back_first_entry(counter)
    assert counter.read().status is Status.CLEARED


def test_an_entry_that_is_deleted_makes_its_student_unknown(counter: Counter) -> None:
    counter.decide()
    sql("DELETE FROM desk_entries")
    assert counter.read().status is Status.UNAVAILABLE
    assert any("made an entry, and there is none" in fault for fault in counter.list_faults())
    counter.decide(Outcome.DONE, 1)
    counter.undo(2)
    assert counter.read().entry is not None, "the undo brings back what the newest decision had made"


def test_a_history_that_skips_or_takes_back_another_decision_is_told() -> None:
    first = {"id": 1, "version": 1, "undoes": None}
    assert list(desk_histories._follow(first, {"id": 2, "version": 2, "undoes": 1})) == []  # type: ignore[arg-type]
    assert list(desk_histories._follow(first, {"id": 2, "version": 3, "undoes": None}))  # type: ignore[arg-type]
    assert list(desk_histories._follow(first, {"id": 3, "version": 2, "undoes": 2}))  # type: ignore[arg-type]
