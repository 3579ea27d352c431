"""Single rows are read outside any transaction: SQLite is spared a BEGIN, PostgreSQL two round trips.

For PostgreSQL there is an engine of its own: a connection that goes to and fro between the two ways of working pays
for it each time.

No request waits for ever for PostgreSQL: the server gives up a statement, and the client a silent server.
"""

from __future__ import annotations

import threading
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, create_engine, event

from app.models.engine import NO_BEGIN

CONNECT_SECONDS = 3
STATEMENT_SECONDS = 4
SILENT_SECONDS = 5.0
IDLE_SECONDS = 10
"""A process that stopped in the middle of a transaction must not hold its locks for ever."""
OPTIONS = {
    "statement_timeout": STATEMENT_SECONDS,
    "idle_in_transaction_session_timeout": IDLE_SECONDS,
}


class LimitedConnection(psycopg.Connection[Any]):
    """Closes itself when the server leaves a statement unanswered for too long."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As psycopg's, with a time limit. Raises OperationalError."""
        try:
            return super().wait(gen, interval, SILENT_SECONDS if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


def limit_waits(engine: Engine) -> None:
    """Set these limits for an engine that has no connection yet: for serving. Commands may take their time."""
    if engine.dialect.name != "postgresql":
        return

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, parameters: dict[str, Any]) -> LimitedConnection:
        given = parameters.pop("options", "")
        options = " ".join(f"-c {name}={seconds}s" for name, seconds in OPTIONS.items())
        limits: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "options": f"{options} {given}".strip()}
        return LimitedConnection.connect(*arguments, **limits | parameters)


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
    limit_waits(reader)
    event.listen(engine, "engine_disposed", lambda _: reader.dispose())
    return reader
