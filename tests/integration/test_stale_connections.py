"""PostgreSQL restarts, or ends connections: no request that comes when it is back fails for one that lay in a pool."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from app.models import replace_stale, stale_connections
from app.services.desk.desk import open_desk_book
from app.services.row_keys import RowKeyStore
from app.settings import DatabaseSettings
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.many_graduates import submit_all
from tests.fixtures.signed_in import SignedIn, sign_in_all
from tests.fixtures.stored import query
from tests.postgres import Postgres, running_postgres
from tests.running import running_service
from tests.visitor import APP

AT_ONCE = 8
"""So many connections lie in the pools when they are cut off."""
GUARDED, UNGUARDED = "wsgi:app", "tests.fixtures.stale_pools:app"
PAGES = (f"{APP}/clearance?wait=1", "/completed", f"{APP}/submission")
OTHERS = "FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
_places = count(1)
ALL_WELL = {200, 303}
Cut = Callable[[Postgres, str], object]
RunOn = Callable[[str], AbstractContextManager[tuple[Service, str]]]


@pytest.fixture(scope="module")
def postgres_of_its_own() -> Iterator[Postgres]:
    """A PostgreSQL that may be stopped."""
    with running_postgres() as server:
        yield server


def restart(server: Postgres, _database: str) -> None:
    server.stop()
    server.start()


def end_connections(server: Postgres, database: str) -> None:
    """As an operator ends sessions; comes back when they are gone, though a running service may open others."""
    with server.connect() as connection:
        ended = connection.execute(f"SELECT pid, pg_terminate_backend(pid) {OTHERS}", (database,)).fetchall()
        pids = [pid for pid, _ in ended]
        while connection.execute("SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%s)", (pids,)).fetchone():
            time.sleep(0.01)


@pytest.fixture(scope="module")
def run_on(
    campus: CampusClient, tmp_path_factory: pytest.TempPathFactory, postgres_of_its_own: Postgres
) -> RunOn:
    """Runs a service with one slip in a database of its own; gives it with the database's name."""

    @contextmanager
    def run(target: str) -> Iterator[tuple[Service, str]]:
        database = postgres_of_its_own.create_database()
        changes = {"LIXIAO_DATABASE__URL": postgres_of_its_own.get_url(database)}
        folder = tmp_path_factory.mktemp("stale")
        with running_service(campus, folder, changes, partial(submit_all, 1), target=target) as service:
            yield service, database

    return run


@pytest.fixture(scope="module")
def guarded(run_on: RunOn) -> Iterator[tuple[Service, str]]:
    """The service as it is."""
    with run_on(GUARDED) as running:
        yield running


@pytest.fixture(scope="module")
def unguarded(run_on: RunOn) -> Iterator[tuple[Service, str]]:
    """The service that hands out connections as they lie in the pools."""
    with run_on(UNGUARDED) as running:
        yield running


def sign_in(service: Service, students: int) -> list[SignedIn]:
    numbers = [f"TS97{next(_places):06d}" for _ in range(students)]
    return sign_in_all(service.environment, numbers)


def look_all(service: Service, crowd: list[SignedIn]) -> Counter[int]:
    """The statuses of what these students ask at once, by the pool of transactions and the one without: pages that
    read, a verification, and a submission.
    """
    ((digits,),) = query(service.environment, "SELECT digits FROM issued_codes ORDER BY id LIMIT 1")

    def look(student: SignedIn) -> list[int]:
        statuses = [student.get(service.url, page).status for page in (*PAGES, f"/v/{digits}")]
        return [*statuses, student.submit(service.url)[0]]

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return Counter(status for statuses in threads.map(look, crowd) for status in statuses)


def look_after(cut: Cut, server: Postgres, service: Service, database: str) -> Counter[int]:
    """The statuses of requests after the connections of full pools were cut off."""
    crowd = sign_in(service, 2 * AT_ONCE)
    assert look_all(service, crowd[:AT_ONCE]).keys() == ALL_WELL
    cut(server, database)
    return look_all(service, crowd[AT_ONCE:])


@pytest.mark.parametrize("cut", [restart, end_connections])
def test_no_request_fails_for_a_connection_that_was_cut_off_in_its_pool(
    cut: Cut, guarded: tuple[Service, str], postgres_of_its_own: Postgres
) -> None:
    assert look_after(cut, postgres_of_its_own, *guarded).keys() == ALL_WELL


def test_without_the_look_at_a_pooled_connection_some_requests_fail(
    unguarded: tuple[Service, str], postgres_of_its_own: Postgres
) -> None:
    """Not by a restart, which lasts long enough for the checkpoints' thread to find the pool out; now and then it does
    so here too.
    """
    assert any(503 in look_after(end_connections, postgres_of_its_own, *unguarded) for _ in range(5))


def test_a_restart_amid_requests_fails_none_that_begins_when_it_is_back(
    guarded: tuple[Service, str], postgres_of_its_own: Postgres
) -> None:
    server, (service, _) = postgres_of_its_own, guarded
    is_over = threading.Event()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        asked = [
            threads.submit(keep_asking, service, student, is_over) for student in sign_in(service, AT_ONCE)
        ]
        try:
            server.stop()
            time.sleep(0.5)
            server.start()
            back_at = time.monotonic()
            time.sleep(1)
        finally:
            is_over.set()
    answers = [answer for one in asked for answer in one.result()]
    assert 503 in {status for began, status in answers if began < back_at}
    assert {status for began, status in answers if began >= back_at} == {200}


def keep_asking(service: Service, student: SignedIn, is_over: threading.Event) -> list[tuple[float, int]]:
    """When each request began, and its status."""
    answers = []
    while not is_over.is_set():
        began = time.monotonic()
        answers.append((began, student.get(service.url, "/completed").status))
    return answers


@pytest.mark.parametrize("looks", [True, False], ids=["looked at", "handed out as they are"])
def test_the_pool_of_desks_gives_no_connection_that_was_cut_off(
    looks: bool,
    monkeypatch: pytest.MonkeyPatch,
    guarded: tuple[Service, str],
    postgres_of_its_own: Postgres,
) -> None:
    service, database = guarded
    settings = DatabaseSettings(url=service.environment["LIXIAO_DATABASE__URL"])
    book = open_desk_book(settings, UTC, RowKeyStore(Path(service.environment["LIXIAO_SLIP__KEYS"])))
    try:
        assert book.find("archive", "TS1").entry is None
        end_connections(postgres_of_its_own, database)
        if looks:
            assert book.find("archive", "TS1").entry is None
            return
        monkeypatch.setattr(stale_connections, "has_news", lambda _connection: False)
        with pytest.raises(OperationalError):
            book.find("archive", "TS1")
    finally:
        book.close()


def test_news_on_a_connection_that_is_not_its_end_costs_no_connection(postgres: Postgres) -> None:
    engine = create_engine(postgres.get_url("postgres"), isolation_level="AUTOCOMMIT", pool_size=1)
    replace_stale(engine)
    try:
        with engine.connect() as connection:
            process = connection.scalar(text("SELECT pg_backend_pid()"))
            connection.execute(text("LISTEN news"))
        with postgres.connect() as other, postgres.connect() as listener:
            listener.execute("LISTEN news")
            assert not stale_connections.has_news(listener)
            other.execute("NOTIFY news")
            while not stale_connections.has_news(listener):
                time.sleep(0.01)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT pg_backend_pid()")) == process
    finally:
        engine.dispose()
