"""A service that signs in by CAS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.integration.auth.cas.visits import configure
from tests.running import running_service


@pytest.fixture(scope="package")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with two CAS providers: one that the campus app may open, and one that it may not."""
    campus.reset()
    changes = configure(campus, ENTRY="ticket", END_CAMPUS_SESSION="true") | configure(campus, "PLAIN")
    with running_service(campus, tmp_path_factory.mktemp("cas"), changes) as running:
        yield running
