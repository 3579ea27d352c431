"""What is counted of the database: errors by kind, connections in use, and who waits for a turn to write."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError, ResourceClosedError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.connectors.client import start_query
from app.models.database_watch import KINDS, classify, watch_database
from app.models.sqlite_write_queue import QUEUE, get_line
from tests.fixtures.metrics_text import read_own
from tests.integration.connectors.stand_in import connect, hang, running_stand_in

POOL = 2


@pytest.fixture
def engine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A SQLite database that is watched under the test's own name, with one row that must be the only one."""
    made = create_engine(
        f"sqlite:///{tmp_path}/d.sqlite3",
        pool_size=POOL,
        max_overflow=0,
        pool_timeout=0.05,
        hide_parameters=True,
    )
    watch_database(made, request.node.name, POOL)
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER UNIQUE)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))
    yield made
    made.dispose()


def count_errors() -> dict[str, float]:
    return {kind: read_own("lixiao_database_errors_total", kind=kind) for kind in KINDS}


def tell_new(fail: Callable[[], object]) -> dict[str, float]:
    """The kinds that this failure was counted as."""
    before = count_errors()
    with pytest.raises(DBAPIError):
        fail()
    return {kind: number - before[kind] for kind, number in count_errors().items() if number != before[kind]}


def write(engine: Engine, *statements: str) -> None:
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_errors_of_sqlite_are_counted_by_kind(engine: Engine, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "d.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert tell_new(lambda: write(engine, "PRAGMA busy_timeout = 1", "BEGIN IMMEDIATE")) == {"locked": 1}
        other.execute("ROLLBACK")
    assert tell_new(lambda: write(engine, "PRAGMA query_only = 1", "INSERT INTO t VALUES (2)")) == {
        "read_only": 1
    }
    engine.dispose()
    crowd = "INSERT INTO t WITH RECURSIVE c(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM c LIMIT 9999) SELECT n FROM c"
    assert tell_new(lambda: write(engine, "PRAGMA max_page_count = 4", crowd)) == {"full": 1}
    assert tell_new(lambda: write(engine, "SELECT no_such_column FROM t")) == {"other": 1}
    missing = create_engine(f"sqlite:///{tmp_path}/no/such/folder/d.sqlite3")
    watch_database(missing, "missing", POOL)
    assert tell_new(lambda: missing.connect()) == {"unreachable": 1}


def test_a_broken_constraint_decides_a_race_and_is_no_error(engine: Engine) -> None:
    assert tell_new(lambda: write(engine, "INSERT INTO t VALUES (1)")) == {}


def test_a_server_that_is_not_there_is_unreachable() -> None:
    nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:9/none?connect_timeout=2")
    watch_database(nowhere, "nowhere", POOL)
    assert tell_new(lambda: nowhere.connect()) == {"unreachable": 1}
    assert read_own("lixiao_database_connections", pool="nowhere", state="in_use") == 0


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("08006", "unreachable"),
        ("25006", "read_only"),
        ("40001", "conflict"),
        ("40P01", "conflict"),
        ("53100", "full"),
        ("53300", "unreachable"),
        ("55P03", "locked"),
        ("57014", "timeout"),
        ("57P01", "unreachable"),
        ("42P01", "other"),
        ("23505", None),
    ],
)
def test_errors_of_postgresql_have_kinds_by_their_state(state: str, kind: str | None) -> None:
    assert classify(psycopg.errors.lookup(state)()) == kind


def test_connections_are_in_use_until_they_are_given_back(
    engine: Engine, request: pytest.FixtureRequest
) -> None:
    def count(state: str) -> float:
        return read_own("lixiao_database_connections", pool=request.node.name, state=state)

    assert (count("limit"), count("in_use")) == (POOL, 0)
    with engine.connect() as first, engine.connect():
        assert count("in_use") == POOL
        with pytest.raises(PoolTimeout):
            engine.connect()
        assert count("in_use") == POOL
        first.invalidate()
        assert count("in_use") == POOL - 1
        with pytest.raises((ResourceClosedError, DBAPIError)):
            first.execute(text("SELECT no_such_column"))
    assert count("in_use") == 0


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(500):
        if is_so():
            return
        time.sleep(0.02)
    raise AssertionError


def test_writers_that_wait_for_their_turn_are_counted(tmp_path: Path) -> None:
    line = get_line(str(tmp_path / "d.sqlite3"))

    def stand_in_line() -> None:
        with line.wait(time.monotonic() + 60):
            pass

    others = [threading.Thread(target=stand_in_line) for _ in range(3)]
    with line.wait(time.monotonic() + 60):
        assert read_own("lixiao_queue_length", queue=QUEUE) == 0
        for thread in others:
            thread.start()
        wait_until(lambda: read_own("lixiao_queue_length", queue=QUEUE) == 3)
        before = count_errors()["locked"]
        with pytest.raises(OperationalError), line.wait(time.monotonic() + 0.01):
            pass
        assert count_errors()["locked"] == before + 1
    for thread in others:
        thread.join()
    assert read_own("lixiao_queue_length", queue=QUEUE) == 0


def test_questions_that_wait_for_a_place_at_a_department_are_counted() -> None:
    def count() -> float:
        return read_own("lixiao_queue_length", queue="department_busy")

    with running_stand_in() as server:
        server.will_answer(hang)
        connector = connect(server.url, name="busy", max_connections=2, deadline_seconds=30)
        questions = [start_query(connector, f"TS2300000{place}", 30) for place in range(5)]
        wait_until(lambda: count() == 3)
    for question in questions:
        question.result(60)
    assert count() == 0
