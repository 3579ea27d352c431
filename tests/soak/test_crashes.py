"""Crashes at every named point and at random, many times: `make soak`, some minutes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campus.client import running_campus
from tests.crashes.checks import find_faults
from tests.crashes.points import POINTS
from tests.crashes.rounds import run_rounds, running_crashing
from tests.postgres import running_postgres

ROUNDS = 100


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2])
def test_two_hundred_crashes_on_sqlite(
    seed: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    check_rounds(tmp_path, {}, seed, record_property)


@pytest.mark.timeout(900)
def test_a_hundred_crashes_on_postgresql(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with running_postgres() as postgres:
        database = {"LIXIAO_DATABASE__URL": postgres.get_url(postgres.create_database())}
        check_rounds(tmp_path, database, 3, record_property)


def check_rounds(
    folder: Path, changes: dict[str, str], seed: int, record_property: Callable[[str, object], None]
) -> None:
    """Run a hundred, tell what came of them, and look for faults."""
    with running_campus() as campus, running_crashing(campus, folder, changes) as service:
        service.chance.seed(seed)
        run_rounds(service, ROUNDS)
        words = [f"{what}: {count}" for what, count in sorted(service.answers.items())]
        record_property(f"table: {ROUNDS} crashes, {service.reached.total()} reached", ", ".join(words))
        assert find_faults(service) == []
        assert service.reached.keys() >= set(POINTS)
