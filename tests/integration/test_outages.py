"""A database that is locked, full, down, silent or read-only: 503, nothing half-written, and back without a restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.signed_in import SignedIn, sign_in_all
from tests.fixtures.stored import check_nothing_is_half_done, list_slips
from tests.integration.outages import (
    Outage,
    filled,
    locked_rows,
    locked_sqlite,
    read_only,
    silent,
    small_disk,
    stopped,
    unable_to_write,
)
from tests.postgres import Postgres, running_postgres
from tests.running import running_service
from tests.visitor import APP

KILOBYTES = 20_000
TRIES = 20


@pytest.fixture(scope="module")
def postgres_of_its_own() -> Iterator[Postgres]:
    """A PostgreSQL that may be stopped."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def on_postgres(
    campus: CampusClient, tmp_path_factory: pytest.TempPathFactory, postgres_of_its_own: Postgres
) -> Iterator[tuple[Service, str]]:
    """A service, and its database's name."""
    name = postgres_of_its_own.create_database()
    changes = {"LIXIAO_DATABASE__URL": postgres_of_its_own.get_url(name)}
    with running_service(campus, tmp_path_factory.mktemp("postgres"), changes) as service:
        yield service, name


@pytest.fixture(scope="module")
def on_sqlite(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose database has a small disk of its own, where one may make it."""
    folder = tmp_path_factory.mktemp("sqlite")
    disk = folder / "disk"
    disk.mkdir(mode=0o700)
    changes = {"LIXIAO_DATABASE__URL": f"sqlite:///{disk}/lixiao.sqlite3"}
    try:
        with small_disk(disk, KILOBYTES), running_service(campus, folder, changes) as service:
            yield service
    except PermissionError:
        with running_service(campus, folder, changes) as service:
            yield service


def try_out(service: Service, number: str, outage: Outage) -> None:
    """Submit while the database cannot be used, and again afterwards."""
    (student,) = sign_in_all(service.environment, [number])
    with outage():
        refused = student.post(service.url, f"{APP}/submission")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
        assert requests.get(f"{service.url}/healthz", timeout=10).status_code == 200
    location = submit_until_it_is_back(service, student)
    assert [f"/slips/{slip}" for slip in list_slips(service.environment, number)] == [location]
    check_nothing_is_half_done(service.environment)


def submit_until_it_is_back(service: Service, student: SignedIn) -> str:
    """Where the submission leads, once the service has noticed that its database is back."""
    for _ in range(TRIES):
        status, location = student.submit(service.url)
        if status == 303:
            return location
        assert status == 503
        time.sleep(0.5)
    raise AssertionError("the service did not come back")


def test_a_locked_sqlite_file(on_sqlite: Service, fresh_student: str) -> None:
    path = Path(on_sqlite.environment["LIXIAO_DATABASE__URL"].removeprefix("sqlite:///"))
    try_out(on_sqlite, fresh_student, partial(locked_sqlite, path))


def test_a_full_disk(on_sqlite: Service, fresh_student: str) -> None:
    disk = on_sqlite.data_dir / "disk"
    if not disk.is_mount():
        pytest.skip("who may not mount cannot fill a disk: nothing was tested on a full one")
    try_out(on_sqlite, fresh_student, partial(filled, disk))


def test_a_disk_that_takes_no_more(on_sqlite: Service, fresh_student: str) -> None:
    try_out(on_sqlite, fresh_student, partial(unable_to_write, list_workers(on_sqlite)))


def list_workers(service: Service) -> list[int]:
    """The processes that have this service's database open."""
    path = service.environment["LIXIAO_DATABASE__URL"].removeprefix("sqlite:///")
    found = set()
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(entry.readlink()) == path:
                found.add(int(entry.parts[2]))
        except OSError:
            continue
    return sorted(found)


@pytest.mark.parametrize("outage", [stopped, silent, read_only])
def test_postgresql_that_is(
    outage: Callable[[Postgres], object],
    on_postgres: tuple[Service, str],
    postgres_of_its_own: Postgres,
    fresh_student: str,
) -> None:
    try_out(on_postgres[0], fresh_student, partial(outage, postgres_of_its_own))


def test_rows_that_somebody_keeps_locked(
    on_postgres: tuple[Service, str], postgres_of_its_own: Postgres, fresh_student: str
) -> None:
    service, name = on_postgres
    try_out(service, fresh_student, partial(locked_rows, postgres_of_its_own, name))
