"""A crash leaves nothing or everything, wherever it comes; a repeat leads to the same slip."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.domain.checkpoints import read_checkpoints
from app.domain.keys import parse_key_ring
from tests.campus.client import CampusClient
from tests.crashes.checks import find_faults
from tests.crashes.points import POINTS
from tests.crashes.rounds import run_rounds, running_crashing
from tests.fixtures.stored import query
from tests.integration.conftest import MakeDatabase

ROUNDS = 12
SECONDS = 60
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


def test_a_crash_between_a_commit_and_its_checkpoint_is_made_up_for(
    campus: CampusClient, tmp_path: Path, make_database: MakeDatabase
) -> None:
    changes = {"LIXIAO_DATABASE__URL": make_database(tmp_path)}
    with running_crashing(campus, tmp_path, changes) as service:
        run_rounds(service, 3, ["submit after commit 1"] * 3)
        assert service.reached["submit after commit 1"] == 3
        ends_at = time.monotonic() + SECONDS
        while read_newest(service.environment) != read_heads(service.environment):
            assert time.monotonic() < ends_at
            time.sleep(0.1)
        assert read_heads(service.environment)[0] > 0


def read_newest(environment: Mapping[str, str]) -> list[object]:
    """What the journal's newest line tells of, once all its lines were found whole."""
    folder = Path(environment["LIXIAO_SLIP__KEYS"])
    ring = parse_key_ring(json.loads((folder / "keys.json").read_text()))
    *_, newest = read_checkpoints((folder / "checkpoints.jsonl").read_bytes(), ring)
    return [newest.heads.log[0], newest.heads.audit[0]]


def read_heads(environment: Mapping[str, str]) -> list[object]:
    """How far the issued log and the audit have come."""
    queries = ("SELECT max(sequence) FROM slip_log_entries", "SELECT max(id) FROM audit_events")
    return [query(environment, statement)[0][0] for statement in queries]


def cancel_amid_crashes(campus: CampusClient, folder: Path, changes: Mapping[str, str]) -> list[str]:
    """Kill the service when the library has cancelled and nobody knows it yet; the faults that are found then."""
    points = ["cancel after call", "cancel before commit 3", "cancel before commit 4"]
    with running_crashing(campus, folder, changes) as service:
        run_rounds(service, len(points), points)
        assert service.reached.total() == len(service.cancelled) == len(points)
        return find_faults(service)


def test_a_card_is_not_cancelled_again_after_a_crash(campus: CampusClient, tmp_path: Path) -> None:
    assert cancel_amid_crashes(campus, tmp_path, {}) == []


def test_a_card_that_is_cancelled_without_asking_first_is_found_out(
    campus: CampusClient, tmp_path: Path
) -> None:
    faults = cancel_amid_crashes(campus, tmp_path, {"CANCEL_BLINDLY": "1"})
    assert [fault.partition(" was ")[2] for fault in faults] == ["cancelled 2 times"] * 3
