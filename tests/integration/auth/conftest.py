"""Servers for the tests of signing in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.auth.site import Site, open_site

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


@pytest.fixture
def site(tmp_path: Path, provider: SmallProvider) -> Iterator[Site]:
    """The product in this process, which signs in at `provider`."""
    with open_site(tmp_path, provider) as opened:
        yield opened
