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

ROUNDS_ON_SQLITE, ROUNDS_ON_POSTGRESQL = 200, 100


@pytest.mark.timeout(1800)
def test_two_hundred_crashes_on_sqlite(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    check_rounds(tmp_path, {}, ROUNDS_ON_SQLITE, record_property)


@pytest.mark.timeout(1800)
def test_a_hundred_crashes_on_postgresql(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with running_postgres() as postgres:
        database = {"LIXIAO_DATABASE__URL": postgres.get_url(postgres.create_database())}
        check_rounds(tmp_path, database, ROUNDS_ON_POSTGRESQL, record_property)


def check_rounds(
    folder: Path, changes: dict[str, str], rounds: int, record_property: Callable[[str, object], None]
) -> None:
    """Run them, tell what came of them, and look for faults."""
    with running_campus() as campus, running_crashing(campus, folder, changes) as service:
        run_rounds(service, rounds)
        words = [f"{what}: {count}" for what, count in sorted(service.answers.items())]
        record_property(f"table: {rounds} crashes, {service.reached.total()} reached", ", ".join(words))
        assert find_faults(service) == []
        assert service.reached.keys() >= set(POINTS)
