"""A service at whose counters staff decide."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.counter_service import running_counter


@pytest.fixture(scope="session")
def counter_service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service of config/demo_staff.toml."""
    with running_counter(campus, tmp_path_factory.mktemp("counter")) as started:
        yield started
