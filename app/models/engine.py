"""How the database is spoken to: SQLite's settings, the one way to write, and reads outside any transaction.

Source of the SQLite settings: sqlite.org/wal.html, sqlite.org/lang_transaction.html. A read that is
upgraded to a write fails at once whatever the busy time-out, so writers begin with BEGIN IMMEDIATE.
Single rows are read outside any transaction: SQLite is spared a BEGIN, PostgreSQL two round trips; there PostgreSQL has
an engine of its own, since a connection that goes to and fro between the two ways of working pays for it each time. No
request waits for ever for PostgreSQL: the server gives up a statement, and the client a silent server.

SQLite serves the processes of one host: another host that would serve from the same file does not start.
Two hosts can only reach one file by a network file system, which takes `flock` to its server. Each process that
serves keeps a shared lock on a file beside the database, in which the host's name stands; only who finds nobody
there may change the name. The kernel gives the lock up when its holder dies.
"""

from __future__ import annotations

import fcntl
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, Executable, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.extensions import Base, DatabaseSession, db
from app.models.database_watch import watch_database
from app.models.sqlite_write_queue import get_line
from app.models.stale_connections import replace_stale

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

LOCK_TIMEOUT_SECONDS = 6.0
"""How long a writer waits for its turn. A submission waits for departments besides, and must answer in ten."""
LITTLE_PATIENCE_SECONDS = 0.5
"""For what may as well be left out."""
LEAST_WAIT_MS = 50
ATTEMPTS = 4
CONFLICTS = ("40001", "40P01")
"""PostgreSQL's serialization failure and deadlock: the transaction came to nothing and may be tried again."""
OUT_OF_TIME = ("57014", "55P03")
"""PostgreSQL gave up a statement by `statement_timeout` or `lock_timeout`."""
_DIALECTS: dict[str, Any] = {"postgresql": postgresql, "sqlite": sqlite}
_ENDS_AT = "lixiao_write_waits_until"
NO_BEGIN = "lixiao_no_begin"
"""The execution option of a SQLite connection that reads outside any transaction. SQLAlchemy's own AUTOCOMMIT would leave
it, when it goes back to the pool, in the driver's way of beginning transactions.
"""

Sender = DatabaseSession | Connection
"""What sends a statement: a session, or its connection, which takes less time for it."""


@event.listens_for(Engine, "connect")
def _set_up_sqlite(connection: Any, _record: Any) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    if connection.execute("PRAGMA query_only").fetchone()[0]:
        return  # a department's database: its settings are its own
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {LOCK_TIMEOUT_SECONDS * 1000:.0f}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if NO_BEGIN in options:
        return
    ends_at = options.get(_ENDS_AT)
    wait_ms = max(LEAST_WAIT_MS, round(1000 * (ends_at - time.monotonic()))) if ends_at is not None else None
    if connection.dialect.name == "postgresql":
        if wait_ms is not None and wait_ms <= 1000 * LITTLE_PATIENCE_SECONDS:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {wait_ms}")
    elif wait_ms is None:
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {wait_ms}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def write_transaction(lock_timeout: float = LOCK_TIMEOUT_SECONDS) -> Iterator[DatabaseSession]:
    """One writing transaction: committed when the block ends, rolled back when it raises. Waits for its turn
    for at most `lock_timeout` seconds, and raises OperationalError then.

    Ends the read that the request may have open, so that nothing read before it is relied on.
    """
    session = db.session
    session.rollback()
    ends_at = time.monotonic() + lock_timeout
    with _wait_in_line(db.engine, ends_at):
        try:
            session.connection(execution_options={_ENDS_AT: ends_at})
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise


@contextmanager
def write_connection(engine: Engine, lock_timeout: float = LOCK_TIMEOUT_SECONDS) -> Iterator[Connection]:
    """The same for who has no session: one writing transaction on a connection of its own, by SQLAlchemy Core."""
    ends_at = time.monotonic() + lock_timeout
    with (
        _wait_in_line(engine, ends_at),
        engine.connect().execution_options(**{_ENDS_AT: ends_at}) as connection,
        connection.begin(),
    ):
        yield connection


def _wait_in_line(engine: Engine, ends_at: float) -> AbstractContextManager[None]:
    """Have the turn to write. Only SQLite has one writer at a time; PostgreSQL's wait for rows."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return nullcontext()
    return get_line(engine.url.database).wait(ends_at)


def retry_conflicts(use_case: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Let a use case that is one transaction begin again, a few times, when PostgreSQL gave it up because of
    others, or when a number that it chose by chance was taken by another at the same time.
    """

    @wraps(use_case)
    def attempt(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        for _ in range(ATTEMPTS - 1):
            try:
                return use_case(*args, **kwargs)
            except (OperationalError, IntegrityError) as error:
                if isinstance(error, OperationalError) and not _is_conflict(error):
                    raise
        return use_case(*args, **kwargs)

    return attempt


def _is_conflict(error: OperationalError) -> bool:
    return getattr(error.orig, "sqlstate", None) in CONFLICTS


def waited_in_vain(error: Exception) -> bool:
    """Whether the database is there, and a transaction got no turn or no connection in its time."""
    if isinstance(error, PoolTimeout):
        return True
    cause = error.orig if isinstance(error, OperationalError) else None
    if isinstance(cause, sqlite3.Error):
        is_in_line = isinstance(error.__cause__, BlockingIOError | TimeoutError)
        return is_in_line or getattr(cause, "sqlite_errorname", "").startswith("SQLITE_BUSY")
    return getattr(cause, "sqlstate", None) in OUT_OF_TIME


def insert_once(connection: Connection, model: type[Base], row: dict[str, Any]) -> int | None:
    """Insert the row and return its id, or None where a UNIQUE constraint says that it is there already."""
    statement = _make_insert_once(connection.dialect.name, model)
    new_id: int | None = connection.scalar(statement, row)
    return new_id


@lru_cache(maxsize=16)
def _make_insert_once(dialect: str, model: type[Base]) -> Executable:
    table = model.metadata.tables[model.__tablename__]
    statement = _DIALECTS[dialect].insert(table).on_conflict_do_nothing().returning(table.c.id)
    return cast("Executable", statement)


def upsert(connection: Connection, model: type[Base], rows: list[dict[str, Any]]) -> None:
    """Insert the rows, or overwrite those of the same primary key."""
    connection.execute(_make_upsert(connection.dialect.name, model), rows)


@lru_cache(maxsize=16)
def _make_upsert(dialect: str, model: type[Base]) -> Executable:
    table = model.metadata.tables[model.__tablename__]
    keys = [column.name for column in table.primary_key]
    statement = _DIALECTS[dialect].insert(table)
    changes = {
        column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys
    }
    statement = statement.on_conflict_do_update(index_elements=keys, set_=changes)
    return cast("Executable", statement)


def upsert_other(connection: Connection, model: type[Base], row: dict[str, Any]) -> bool:
    """The same for one row of a table with one more column than its primary key; tells whether that column changed: of
    several who bring the same row at once, one is told so.
    """
    return connection.scalar(_make_upsert_other(connection.dialect.name, model), row) is not None


@lru_cache(maxsize=16)
def _make_upsert_other(dialect: str, model: type[Base]) -> Executable:
    table = model.metadata.tables[model.__tablename__]
    (key,) = table.primary_key
    (value,) = (column for column in table.columns if column is not key)
    statement = _DIALECTS[dialect].insert(table)
    new = statement.excluded[value.name]
    statement = statement.on_conflict_do_update(
        index_elements=[key.name], set_={value.name: new}, where=value != new
    ).returning(key)
    return cast("Executable", statement)


def add_up(
    connection: Connection,
    model: type[Base],
    rows: list[dict[str, Any]],
    column: str,
    moved: tuple[str, ...] = (),
) -> None:
    """Insert the rows, or add their `column` to that of the same primary key, whose `moved` columns are overwritten. Rows
    come in one order from everybody.
    """
    connection.execute(_make_add_up(connection.dialect.name, model, column, moved), rows)


@lru_cache(maxsize=16)
def _make_add_up(dialect: str, model: type[Base], column: str, moved: tuple[str, ...]) -> Executable:
    table = model.metadata.tables[model.__tablename__]
    statement = _DIALECTS[dialect].insert(table)
    changes = {column: table.c[column] + statement.excluded[column]}
    changes |= {name: statement.excluded[name] for name in moved}
    return cast(
        "Executable", statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changes)
    )


SUFFIX = "-host"
TRIES = 20
TRY_AGAIN_SECONDS = 0.1


class DatabaseRefused(Exception):
    """This process must not serve from this SQLite file; the message says why."""


def get_host() -> str:
    """An id of this running kernel, which containers share as they may share a file, and its name for people."""
    boot, name = Path("/proc/sys/kernel/random/boot_id"), socket.gethostname()
    return f"{boot.read_text().strip() if boot.exists() else name} {name}"


def claim_for_host(database: str, host: str) -> int:
    """Keep the database for this host as long as the returned file descriptor is open. Raises DatabaseRefused."""
    try:
        file = os.open(database + SUFFIX, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseRefused(f"beside the database no file can be written: {error.strerror}") from error
    if _try_lock(file, fcntl.LOCK_EX):
        os.ftruncate(file, 0)
        os.pwrite(file, host.encode(), 0)
    # To take the weaker lock may let another host in between: what stands there then decides.
    is_shared = _share(file)
    found_id, _, found_name = os.pread(file, 1000, 0).decode(errors="replace").partition(" ")
    if not is_shared or found_id != host.partition(" ")[0]:
        os.close(file)
        raise DatabaseRefused(
            f"another host serves from this SQLite file: {found_name}. Several hosts need PostgreSQL"
        )
    return file


def _share(file: int) -> bool:
    """Wait while another process of this host writes its name."""
    for _ in range(TRIES):
        if _try_lock(file, fcntl.LOCK_SH):
            return True
        time.sleep(TRY_AGAIN_SECONDS)
    return False


def _try_lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


CONNECT_SECONDS = 3
READ_SECONDS = 4.0
"""A statement that changes nothing waits for nobody. One that writes may wait for its turn as long as on SQLite."""
SILENT_AFTER = 1.0
"""For so long after a statement's time its server may still say that it gave up."""
IDLE_LIMIT, IDLE_SECONDS = "idle_in_transaction_session_timeout", 10
"""A process that stopped in the middle of a transaction must not hold its locks for ever."""


class LimitedConnection(psycopg.Connection[Any]):
    """Closes itself when the server leaves a statement unanswered for `silent_seconds`."""

    silent_seconds = READ_SECONDS + SILENT_AFTER

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As psycopg's, with a time limit. Raises OperationalError."""
        try:
            return super().wait(gen, interval, self.silent_seconds if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


def limit_waits(engine: Engine, statement_seconds: float = LOCK_TIMEOUT_SECONDS) -> None:
    """Set these limits for an engine that has no connection yet: for serving. Commands may take their time."""
    if engine.dialect.name != "postgresql":
        return

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, parameters: dict[str, Any]) -> LimitedConnection:
        given = parameters.pop("options", "")
        own = f"-c statement_timeout={1000 * statement_seconds:.0f} -c {IDLE_LIMIT}={IDLE_SECONDS}s"
        limits: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "options": f"{own} {given}".strip()}
        connection = LimitedConnection.connect(*arguments, **limits | parameters)
        connection.silent_seconds = statement_seconds + SILENT_AFTER
        return connection


CONNECTIONS = 4
POOL_SECONDS = 6
KEEP_PLANS = "-c plan_cache_mode=force_generic_plan"
"""PostgreSQL would else plan the first look-ups of each connection anew, which is half of their work."""
_readers: WeakKeyDictionary[Engine, Engine] = WeakKeyDictionary()
_guard = threading.Lock()


def read_connection(engine: Engine) -> Connection:
    """A connection on which each statement reads what is committed by then. Raises SQLAlchemyError."""
    if engine.dialect.name == "postgresql":
        return get_reader(engine).connect()
    return engine.connect().execution_options(**{NO_BEGIN: True})


def get_reader(engine: Engine) -> Engine:
    """The engine without transactions for the PostgreSQL of this one."""
    with _guard:
        reader = _readers.get(engine)
        if reader is None:
            reader = _readers[engine] = _make_reader(engine)
        return reader


def _make_reader(engine: Engine) -> Engine:
    options = f"{engine.url.query.get('options', '')} {KEEP_PLANS}".strip()
    reader = create_engine(
        engine.url.update_query_dict({"options": options}),
        isolation_level="AUTOCOMMIT",
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        pool_reset_on_return=None,
        hide_parameters=True,
    )
    limit_waits(reader, READ_SECONDS)
    replace_stale(reader)
    watch_database(reader, "reader", CONNECTIONS)
    event.listen(engine, "engine_disposed", lambda _: reader.dispose())
    return reader
