"""A crash leaves nothing or everything, wherever it comes; a repeat leads to the same slip."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campus.client import CampusClient
from tests.crashes.checks import find_faults
from tests.crashes.points import POINTS
from tests.crashes.rounds import run_rounds, running_crashing
from tests.integration.conftest import MakeDatabase

ROUNDS = 12
STRIDE = 5
"""So that a few rounds meet points of every use; `make soak` meets each of them often."""


def test_crashes_lose_change_and_double_nothing(
    campus: CampusClient, tmp_path: Path, make_database: MakeDatabase
) -> None:
    changes = {"LIXIAO_DATABASE__URL": make_database(tmp_path)}
    with running_crashing(campus, tmp_path, changes) as service:
        run_rounds(service, ROUNDS, [POINTS[place * STRIDE % len(POINTS)] for place in range(ROUNDS)])
        assert service.reached.total() == ROUNDS
        assert service.answers["submit unknown"] > 0
        assert find_faults(service) == []


def test_a_submission_in_two_transactions_is_found_out(
    campus: CampusClient, tmp_path: Path, make_database: MakeDatabase
) -> None:
    changes = {"LIXIAO_DATABASE__URL": make_database(tmp_path), "SPLIT_COMMIT": "1"}
    with running_crashing(campus, tmp_path, changes) as service:
        with pytest.raises(AssertionError):
            run_rounds(service, 1, ["submit after commit 1"])
        assert find_faults(service) != []
