"""Single rows are read from the database that the service writes to, and where a transaction costs a way, without one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, create_engine, make_url, text

from app.models import read_connection
from app.models.engine import get_reader
from tests.integration.conftest import MakeDatabase
from tests.postgres import Postgres


def test_the_reader_keeps_the_options_of_the_databases_address(postgres: Postgres) -> None:
    url = make_url(postgres.get_url(postgres.create_database()))
    engine = create_engine(url.update_query_dict({"options": "-c search_path=elsewhere"}))
    with engine.connect() as ours, read_connection(engine) as reading:
        for connection in (ours, reading):
            assert connection.scalar(text("SHOW search_path")) == "elsewhere"
        assert reading.scalar(text("SHOW plan_cache_mode")) == "force_generic_plan"
        assert reading.scalar(text("SHOW statement_timeout")) == "4s"
    engine.dispose()


def test_the_reader_sees_what_was_committed_just_before(make_database: MakeDatabase, tmp_path: Path) -> None:
    engine = create_engine(make_database(tmp_path))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE numbers (number INTEGER)"))
    with read_connection(engine) as reading:
        for count in range(3):
            assert reading.scalar(text("SELECT count(*) FROM numbers")) == count
            reading.rollback()
            with engine.begin() as connection:
                connection.execute(text("INSERT INTO numbers VALUES (1)"))
    engine.dispose()


def test_a_read_begins_no_transaction_and_whoever_has_the_connection_next_does(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/one.sqlite3", pool_size=1, max_overflow=0)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE numbers (number INTEGER)"))
    with read_connection(engine) as reading:
        assert reading.scalar(text("SELECT count(*) FROM numbers")) == 0
        assert not is_in_transaction(reading)
    with engine.connect() as connection:
        connection.scalar(text("SELECT count(*) FROM numbers"))
        assert is_in_transaction(connection)
        connection.execute(text("INSERT INTO numbers VALUES (1)"))
        connection.rollback()
    with read_connection(engine) as reading:
        assert reading.scalar(text("SELECT count(*) FROM numbers")) == 0
    engine.dispose()


def is_in_transaction(connection: Connection) -> bool:
    """Whether SQLite has begun one."""
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver.in_transaction


def test_the_readers_connections_end_with_the_engines(postgres: Postgres) -> None:
    engine = create_engine(postgres.get_url(postgres.create_database()))
    reader = get_reader(engine)
    with reader.connect():
        pass
    assert reader is get_reader(engine)
    engine.dispose()
    assert reader.pool.checkedin() == 0
