"""The connector for a read-only view in the campus data centre, through SQLAlchemy: it asks a foreign database and
changes nothing in it, by read-only transactions with a time limit.

PostgreSQL: one snapshot for the freshness and the rows; source: postgresql.org/docs/current/sql-set-transaction.html
and runtime-config-client.html (statement_timeout). SQLite: sqlite.org/uri.html (mode=ro), pragma.html (query_only).
"""

from __future__ import annotations

import json
import math
import sqlite3
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.connectors.base import ActionOutcome, FailureCode, UnknownAction, UntrustedAnswer
from app.connectors.sql.config import NUMBER_PARAMETER, SqlConfig
from app.connectors.sql.mistakes import describe_mistake
from app.connectors.sql.rows import (
    MAX_NUMBERS,
    MAX_ROWS,
    Found,
    get_as_of,
    list_rows,
    read_rows,
    require_folded,
    require_folded_keys,
)
from app.domain.clearance import DepartmentUnavailable, Reading
from app.domain.exchanges import record_question
from app.event_loop import PerLoop, Threads

RECYCLE_SECONDS = 600
PROGRESS_STEPS = 1000
"""SQLite looks at the clock each time it has done so many steps of its machine."""

_SQLITE_FAILURES = {
    "SQLITE_INTERRUPT": FailureCode.TIMEOUT,
    "SQLITE_BUSY": FailureCode.TIMEOUT,
    "SQLITE_LOCKED": FailureCode.TIMEOUT,
}


class DatabaseFault(UntrustedAnswer):
    """What a database failed with. `reason` and `words` are for whoever tries the connector, and for no log."""

    def __init__(self, fault: FailureCode, reason: str, words: str) -> None:
        super().__init__(fault)
        self.reason, self.words = reason, words


class ReadOnlyDatabase:
    """The database behind a view. Its calls block: they belong in threads of their own."""

    def __init__(self, config: SqlConfig) -> None:
        self._config = config
        self._engine = _create_engine(config)

    def ask(self, student_number: str) -> Found:
        """The rows about one student; raises UntrustedAnswer whatever the database does."""
        try:
            with self._engine.connect() as connection, connection.begin():
                _restrict(connection, self._config.statement_seconds)
                return self._read(connection, student_number)
        except PoolTimeoutError:
            raise UntrustedAnswer(FailureCode.BUSY) from None
        except SQLAlchemyError as error:
            raise DatabaseFault(_name_fault(error), *describe_mistake(error, student_number)) from None

    def _read(self, connection: Connection, student_number: str) -> Found:
        freshness = None
        if self._config.freshness_statement:
            freshness = list_rows(connection.execute(text(self._config.freshness_statement)).fetchmany(2))
        if self._config.numbers_statement:
            numbers = connection.execute(text(self._config.numbers_statement))
            found = numbers.fetchmany(MAX_NUMBERS + 1)
            require_folded(self._config.conventions.numbers, found, self._config.number_as)
        if self._config.keys_statement:
            keys = connection.execute(text(self._config.keys_statement)).fetchmany(MAX_NUMBERS + 1)
            require_folded_keys(self._config.fields.values(), keys)
        result = connection.execute(text(self._config.statement), {NUMBER_PARAMETER: student_number})
        if not result.returns_rows:
            raise UntrustedAnswer(FailureCode.NO_ROWS)
        return Found(tuple(result.keys()), list_rows(result.fetchmany(MAX_ROWS + 1)), freshness)

    def close(self) -> None:
        """Close the connections that no call uses; the others close when their call ends."""
        self._engine.dispose()


def _create_engine(config: SqlConfig) -> Engine:
    url = make_url(config.url)
    backend = url.get_backend_name()
    special: dict[str, Any] = {}
    if backend == "sqlite":
        special["creator"] = lambda: _connect_sqlite(url, config.statement_seconds)
    elif backend == "postgresql":
        special["connect_args"] = _get_libpq_options(config.statement_seconds)
    return create_engine(
        url,
        poolclass=QueuePool,
        pool_size=config.threads,
        max_overflow=0,
        pool_timeout=config.statement_seconds,
        pool_pre_ping=True,
        pool_recycle=RECYCLE_SECONDS,
        hide_parameters=True,
        **special,
    )


def _get_libpq_options(seconds: float) -> dict[str, Any]:
    """Names of postgresql.org/docs/current/libpq-connect.html: a dead host is noticed, a living one not pressed."""
    whole = max(2, math.ceil(seconds))
    return {
        "connect_timeout": whole,
        "keepalives_idle": whole,
        "keepalives_interval": whole,
        "keepalives_count": 2,
        "tcp_user_timeout": whole * 1000,
        "application_name": "lixiao",
    }


def _connect_sqlite(url: URL, seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(url.database or '')}?mode=ro",
        uri=True,
        timeout=seconds,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


def _restrict(connection: Connection, seconds: float) -> None:
    """Make the transaction read-only, and have the database end a statement that takes too long."""
    backend = connection.dialect.name
    if backend == "sqlite":
        _restrict_sqlite(connection, seconds)
    elif backend == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {math.ceil(seconds * 1000)}")
    else:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")


def _restrict_sqlite(connection: Connection, seconds: float) -> None:
    handle: Any = connection.connection.dbapi_connection
    ends_at = time.monotonic() + seconds
    handle.set_progress_handler(lambda: time.monotonic() > ends_at, PROGRESS_STEPS)
    if not handle.in_transaction:
        connection.exec_driver_sql("BEGIN")


def _name_fault(error: SQLAlchemyError) -> FailureCode:
    """The fault's name by SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html) or SQLite's own code."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    state = getattr(cause, "sqlstate", None) or ""
    if state == "57014":
        return FailureCode.TIMEOUT
    if state.startswith("28"):
        return FailureCode.CREDENTIAL_REFUSED
    if isinstance(cause, sqlite3.Error):
        return _SQLITE_FAILURES.get(getattr(cause, "sqlite_errorname", ""), FailureCode.SERVER_ERROR)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return FailureCode.DISCONNECTED
    return (
        FailureCode.UNREACHABLE
        if isinstance(error, OperationalError) and not state
        else FailureCode.SERVER_ERROR
    )


def _describe(found: Found) -> bytes:
    """The rows as JSON, for whoever tries the connector."""
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    return json.dumps(rows, ensure_ascii=False, default=str).encode()


class SqlConnector:
    """One view. Has no deadline of its own: it runs inside a GuardedConnector. A database that hangs keeps
    this connector's threads and nothing else.
    """

    def __init__(self, config: SqlConfig) -> None:
        self.name = config.name
        self.actions: frozenset[str] = frozenset()
        self._config = config
        self._threads = Threads(f"sql-{config.name}", config.threads)
        self._database = PerLoop(lambda: ReadOnlyDatabase(config))

    async def fetch_reading(self, student_number: str) -> Reading:
        """See Connector; a view that is too old raises StaleView."""
        database = self._database.get()
        exchange = record_question("SQL", {NUMBER_PARAMETER: student_number}, self._config.statement.encode())
        try:
            found = await self._threads.run(lambda: database.ask(student_number))
            if exchange is not None:
                exchange.answer_head, exchange.answer_body = f"{len(found.rows)} row(s)", _describe(found)
            now = datetime.now(UTC)
            records = read_rows(self._config, found, student_number)
            as_of = get_as_of(self._config, found, now)
        except UntrustedAnswer as error:
            if exchange is not None and isinstance(error, DatabaseFault):
                exchange.error, exchange.reason = error.words, error.reason
            raise DepartmentUnavailable(self.name, error.fault) from None
        self._config.require_fresh(self.name, as_of, now)
        return Reading(self.name, student_number, records, now)

    async def perform_action(self, action: str, student_number: str) -> ActionOutcome:
        """A view takes no actions: raises UnknownAction."""
        raise UnknownAction(action)

    async def close(self) -> None:
        """See Connector."""
        database = self._database.pop()
        if database is not None:
            database.close()
