"""One running campus for the tests of this folder, reset before each."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.campus.client import CampusClient, running_campus
from tests.integration.campus.relying_party import SignIn


@pytest.fixture(scope="session")
def running() -> Iterator[CampusClient]:
    with running_campus() as campus:
        yield campus


@pytest.fixture
def campus(running: CampusClient) -> CampusClient:
    running.reset()
    return running


@pytest.fixture
def sign_in(campus: CampusClient) -> SignIn:
    return SignIn(campus, secrets.token_urlsafe(48), secrets.token_urlsafe(16))
