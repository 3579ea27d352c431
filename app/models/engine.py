"""How the database is spoken to: SQLite's settings, and the one way to write.

Source of the SQLite settings: sqlite.org/wal.html, sqlite.org/lang_transaction.html. A read that is
upgraded to a write fails at once whatever the busy time-out, so writers begin with BEGIN IMMEDIATE.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import postgresql, sqlite

from app.extensions import Base, DatabaseSession, db

BUSY_TIMEOUT_MS = 8_000
WRITES = "lixiao_writes"


@event.listens_for(Engine, "connect")
def _set_up_sqlite(connection: Any, _record: Any) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    if connection.execute("PRAGMA query_only").fetchone()[0]:
        return  # a department's database: its settings are its own
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def write_transaction() -> Iterator[DatabaseSession]:
    """One writing transaction: committed when the block ends, rolled back when it raises.

    Ends the read that the request may have open, so that nothing read before it is relied on.
    """
    session = db.session
    session.rollback()
    session.connection(execution_options={WRITES: True})
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise


def upsert(session: DatabaseSession, model: type[Base], rows: list[dict[str, Any]]) -> None:
    """Insert the rows, or overwrite those of the same primary key."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    table = model.metadata.tables[model.__tablename__]
    keys = [column.name for column in table.primary_key]
    statement = dialect.insert(table)
    changes = {
        column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys
    }
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), rows)
