"""A database that is locked, full, down, silent or read-only: 503, nothing half-written, and back without a restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPResponse
from pathlib import Path

import pytest
import requests

from tests.campus.client import CampusClient
from tests.campus.run import launch_interpreter
from tests.conftest import Service
from tests.fixtures.many_graduates import submit_all
from tests.fixtures.signed_in import SignedIn, sign_in_all
from tests.fixtures.stored import check_nothing_is_half_done, list_slips, query
from tests.integration.outages import (
    BOUND_BY_MODES,
    Outage,
    filled,
    hampered,
    locked_rows,
    locked_sqlite,
    read_only,
    silent,
    small_disk,
    stopped,
    unable_to_write,
    unwritable,
)
from tests.postgres import Postgres, running_postgres
from tests.running import running_service
from tests.visitor import APP, get_verdict

KILOBYTES = 20_000
TRIES = 20
STILL_FIT = 20
READ = (f"{APP}/clearance?wait=1", f"{APP}/submission", "/completed", "/.well-known/slip-status")
"""Pages that change nothing answer as long as the database can be read."""
SEGMENT, GRADUATES = 2**20, 1_500
"""Their slips need more than a megabyte, and PostgreSQL's own log keeps to files of one."""
FULL, READ_ONLY = "max_page_count = 1", "query_only = ON"


@pytest.fixture(scope="module")
def postgres_of_its_own() -> Iterator[Postgres]:
    """A PostgreSQL that may be stopped."""
    with running_postgres("--wal-segsize=1") as server:
        yield server


@pytest.fixture(scope="module")
def on_postgres(
    campus: CampusClient, tmp_path_factory: pytest.TempPathFactory, postgres_of_its_own: Postgres
) -> Iterator[tuple[Service, str]]:
    """A service, and its database's name."""
    name = postgres_of_its_own.create_database()
    changes = {"LIXIAO_DATABASE__URL": postgres_of_its_own.get_url(name)}
    folder = tmp_path_factory.mktemp("postgres")
    with running_service(campus, folder, changes, partial(submit_all, GRADUATES)) as service:
        yield service, name


@pytest.fixture(scope="module")
def on_sqlite(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that mode bits bind, whose database has a small disk of its own where one may make it."""
    folder = tmp_path_factory.mktemp("sqlite")
    disk = folder / "disk"
    disk.mkdir(mode=0o700)
    start = partial(
        running_service,
        campus,
        folder,
        {"LIXIAO_DATABASE__URL": f"sqlite:///{disk}/lixiao.sqlite3"},
        partial(submit_all, 1),
        target="tests.fixtures.hampered:app",
        launch=partial(launch_interpreter, under=BOUND_BY_MODES),
    )
    try:
        with small_disk(disk, KILOBYTES), start() as service:
            yield service
    except PermissionError:
        with start() as service:
            yield service


def get_path(service: Service) -> Path:
    """Its SQLite file."""
    return Path(service.environment["LIXIAO_DATABASE__URL"].removeprefix("sqlite:///"))


def try_out(service: Service, number: str, outage: Outage, verdict: str = "valid", may_fit: int = 0) -> None:
    """Submit while the database cannot be used, verify an older slip, and submit again afterwards. Some more students
    may still find room before one is refused.
    """
    numbers = [number, *(f"TS98{number[-4:]}{place:02d}" for place in range(may_fit))]
    crowd = sign_in_all(service.environment, numbers)
    ((digits, short_code),) = query(
        service.environment, "SELECT digits, short_code FROM issued_codes ORDER BY id LIMIT 1"
    )
    with outage():
        student, refused = press_until_refused(service, crowd)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
        assert requests.get(f"{service.url}/healthz", timeout=10).status_code == 200
        assert verify(service, "GET", f"/v/{digits}") == verdict
        assert verify(service, "POST", "/verify", code=str(short_code)) == verdict
        if verdict == "valid":
            statuses = {path: student.get(service.url, path).status for path in READ}
            assert statuses == dict.fromkeys(READ, 200)
    location = submit_until_it_is_back(service, student)
    assert [f"/slips/{slip}" for slip in list_slips(service.environment, student.number)] == [location]
    check_nothing_is_half_done(service.environment)


def press_until_refused(service: Service, crowd: list[SignedIn]) -> tuple[SignedIn, HTTPResponse]:
    """The first who gets no slip, and the answer."""
    for student in crowd:
        answer = student.post(service.url, f"{APP}/submission")
        if answer.status != 303:
            return student, answer
    raise AssertionError("everybody found room")


def verify(service: Service, method: str, path: str, **form: str) -> str:
    """The verdict of a page; one that knows nothing says when to come again."""
    answer = requests.request(method, f"{service.url}{path}", data=form, timeout=30)
    is_known = (answer.status_code, answer.headers.get("Retry-After")) == (200, None)
    assert is_known or (answer.status_code, answer.headers.get("Retry-After")) == (503, "60")
    verdict = get_verdict(answer)
    assert is_known == (verdict != "status_unknown")
    return verdict


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
    try_out(on_sqlite, fresh_student, partial(locked_sqlite, get_path(on_sqlite)))


def test_a_full_disk(on_sqlite: Service, fresh_student: str) -> None:
    disk = get_path(on_sqlite).parent
    if disk.is_mount():
        try_out(on_sqlite, fresh_student, partial(filled, disk))
    else:  # who may not mount: full for SQLite alone, as in the next test
        full = partial(hampered, get_path(on_sqlite), FULL)
        try_out(on_sqlite, fresh_student, full, may_fit=STILL_FIT)


def test_an_sqlite_file_that_may_not_grow(on_sqlite: Service, fresh_student: str) -> None:
    full = partial(hampered, get_path(on_sqlite), FULL)
    try_out(on_sqlite, fresh_student, full, may_fit=STILL_FIT)


def test_an_sqlite_file_that_became_read_only(on_sqlite: Service, fresh_student: str) -> None:
    try_out(on_sqlite, fresh_student, partial(hampered, get_path(on_sqlite), READ_ONLY))


def test_an_sqlite_file_in_a_folder_that_became_read_only(on_sqlite: Service, fresh_student: str) -> None:
    try_out(on_sqlite, fresh_student, partial(unwritable, get_path(on_sqlite).parent))


def test_a_disk_that_takes_no_more(on_sqlite: Service, fresh_student: str) -> None:
    try_out(on_sqlite, fresh_student, partial(unable_to_write, partial(list_workers, on_sqlite)))


def list_workers(service: Service) -> list[int]:
    """The processes that have this service's database open."""
    path = str(get_path(service))
    found = set()
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(entry.readlink()) == path:
                found.add(int(entry.parts[2]))
        except OSError:
            continue
    return sorted(found)


def test_no_page_fails_over_a_number_that_a_full_disk_does_not_take(
    campus: CampusClient, tmp_path: Path
) -> None:
    with (
        running_service(campus, tmp_path) as fresh,
        unable_to_write(partial(list_workers, fresh)),
    ):
        assert verify(fresh, "GET", "/v/1") == "malformed"


@pytest.mark.parametrize(
    ("outage", "verdict"),
    [(stopped, "status_unknown"), (silent, "status_unknown"), (read_only, "valid")],
)
def test_postgresql_that_is(
    outage: Callable[[Postgres], object],
    verdict: str,
    on_postgres: tuple[Service, str],
    postgres_of_its_own: Postgres,
    fresh_student: str,
) -> None:
    try_out(on_postgres[0], fresh_student, partial(outage, postgres_of_its_own), verdict)


def test_postgresql_whose_tables_cannot_grow(
    on_postgres: tuple[Service, str], postgres_of_its_own: Postgres, fresh_student: str
) -> None:
    server = postgres_of_its_own
    try_out(
        on_postgres[0],
        fresh_student,
        partial(unable_to_write, server.list_processes, SEGMENT, server.user),
        may_fit=STILL_FIT,
    )


def test_rows_that_somebody_keeps_locked(
    on_postgres: tuple[Service, str], postgres_of_its_own: Postgres, fresh_student: str
) -> None:
    service, name = on_postgres
    try_out(service, fresh_student, partial(locked_rows, postgres_of_its_own, name))
