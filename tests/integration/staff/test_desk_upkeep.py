"""Decisions of desks through purging, folding of numbers and a lost row key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from sqlalchemy import func, select

from app.domain.clearance import Status
from app.domain.person import LetterCase, NumberForm
from app.extensions import db
from app.models import DeskDecision, DeskEntry, write_connection, write_transaction
from app.services.audit import add_events, lock_audit
from app.services.clock import get_now
from app.services.desk.deciding import Outcome, Via
from app.services.desk.history import Change, keep_changes, list_decisions, read_held
from app.services.numbers import fold_stored_numbers
from app.services.operations.retention import list_overdue
from app.services.operations.row_codes import adopt_rows, keep_authentic, list_unproven
from tests.fixtures.counters import CLERK, HEAD, OTHER, STUDENT, Counter, open_counter
from tests.fixtures.forged_rows import sql
from tests.integration.conftest import MakeDatabase

DONE_LONG_AGO = timedelta(days=400)


@pytest.fixture
def counter(tmp_path: Path, make_database: MakeDatabase) -> Iterator[Counter]:
    """The archive's counter."""
    with open_counter(tmp_path, make_database(tmp_path)) as counter:
        yield counter


def count(model: type[DeskDecision] | type[DeskEntry]) -> int:
    """How many rows there are."""
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def record_as_typed(counter: Counter, number: str, state: str) -> None:
    """A decision under a number in another form, as one of before the form was configured."""
    desk, now = counter.step.desk, get_now()
    change = Change(number, {"state": state, "reviewed_on": None}, Outcome.RECORDED, Via.COMMAND)
    with write_transaction() as session:
        lock_audit(session)
        held = read_held(session, desk, [number])
        (kept,) = keep_changes(session, desk, [change], held, HEAD, now)
        add_events(session, [kept.make_event(desk)], now)


def test_a_history_goes_with_its_closed_case_and_nobody_elses(counter: Counter) -> None:
    counter.decide(Outcome.NOT_DONE)
    counter.decide(Outcome.DONE, 1)
    counter.decide(student=OTHER)
    counter.submit()
    with time_machine.travel(get_now() + DONE_LONG_AGO, tick=True):
        for kind in list_overdue(counter.installation.settings.retention, get_now()):
            if kind.model in (DeskDecision, DeskEntry):
                kind.purge(lambda _rows: None)
                assert counter.list_faults() == [], kind.name
    assert (count(DeskDecision), count(DeskEntry)) == (1, 1)
    assert (counter.list_versions(), counter.list_versions(OTHER)) == ([], [(1, "done", CLERK)])


def test_two_histories_of_one_person_become_one_that_holds(counter: Counter) -> None:
    record_as_typed(counter, STUDENT, "已提交")
    record_as_typed(counter, STUDENT.lower(), "已审核")
    record_as_typed(counter, STUDENT, "已提交")
    keys, now = counter.office.installation.row_keys, get_now()
    with write_connection(db.engine) as connection, keep_authentic(connection, keys, "numbers", now):
        counts = fold_stored_numbers(connection, NumberForm(case=LetterCase.UPPER), now)
    assert counts["desk_decisions"] == 1
    assert [version for version, *_ in counter.list_versions()] == [1, 2, 3]
    assert counter.list_faults() == []
    state = counter.read()
    assert (state.version, state.status) == (3, Status.PENDING)


def test_decisions_whose_codes_are_lost_are_adopted_where_events_tell_of_them(counter: Counter) -> None:
    counter.decide()
    counter.decide(student=OTHER)
    keys, numbers = counter.office.installation.row_keys, counter.installation.settings.numbers
    for table in ("desk_decisions", "desk_entries", "staff_grants"):
        sql(f"UPDATE {table} SET mac = NULL")
    assert counter.read().status is Status.UNAVAILABLE
    with db.engine.connect() as connection:
        found = list_unproven(connection, keys.current(), numbers)
    assert {one.model.__tablename__ for one in found} == {"desk_decisions", "desk_entries", "staff_grants"}
    assert all(one.is_told for one in found)
    adopt_rows(keys, numbers, len(found), "00420014", "钥匙丢失")
    assert counter.read().status is Status.CLEARED
    assert counter.list_faults() == []
    with db.engine.connect() as connection:
        assert len(list_decisions(connection, counter.step.desk, STUDENT)) == 1
