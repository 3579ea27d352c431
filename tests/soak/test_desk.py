"""An undo against a submission, a thousand times on each database: no slip on a decision that was undone before it."""

from __future__ import annotations

from collections import Counter as Counts
from pathlib import Path

import pytest

from app.services.desk.deciding import Decision
from tests.fixtures.counters import open_counter
from tests.integration.conftest import MakeDatabase
from tests.integration.conftest import make_database as make_database
from tests.integration.conftest import postgres as postgres
from tests.integration.staff.test_desk_races import press_together

TIMES = 1_000


@pytest.mark.timeout(1800)
def test_of_an_undo_and_a_submission_one_alone_succeeds_a_thousand_times(
    tmp_path: Path, make_database: MakeDatabase
) -> None:
    counts: Counts[bool] = Counts()
    with open_counter(tmp_path, make_database(tmp_path)) as counter:
        for number in range(TIMES):
            student = f"TS23{number:06d}"
            counter.decide(student=student)
            slip, undone = press_together(
                counter,
                [lambda s=student: counter.submit(s), lambda s=student: counter.undo(1, student=s)],
            )
            assert isinstance(slip, str) != isinstance(undone, Decision), (student, slip, undone)
            counts[isinstance(slip, str)] += 1
        assert counter.list_faults() == []
    assert sum(counts.values()) == TIMES
