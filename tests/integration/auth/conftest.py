"""Servers for the tests of signing in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.auth.small_provider import SmallProvider
from tests.integration.auth.small_server import SmallServer, running_server


@pytest.fixture
def provider() -> Iterator[SmallProvider]:
    """A small OpenID Connect provider, honest until told otherwise."""
    server = SmallProvider()
    with running_server(server):
        yield server


@pytest.fixture
def stranger() -> Iterator[SmallServer]:
    """A server that nobody should talk to."""
    with running_server(SmallServer()) as server:
        yield server
