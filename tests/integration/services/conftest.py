"""Offices on SQLite for the tests of single services."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.office import Office, open_office


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One for all tests of a module."""
    with open_office(tmp_path_factory.mktemp("office")) as office:
        yield office


@pytest.fixture
def own_office(tmp_path: Path) -> Iterator[Office]:
    """One whose database a test may spoil, or wants empty."""
    with open_office(tmp_path) as office:
        yield office
