"""What is counted of the database: how many connections are in use, and its errors by kind, wherever they are caught."""

from __future__ import annotations

import sqlite3
from typing import Any

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from app import metrics

KINDS = ("conflict", "full", "locked", "no_free_connection", "other", "read_only", "timeout", "unreachable")
_SQLITE = {
    "SQLITE_BUSY": "locked",
    "SQLITE_CANTOPEN": "unreachable",
    "SQLITE_FULL": "full",
    "SQLITE_LOCKED": "locked",
    "SQLITE_READONLY": "read_only",
}
"""By primary result code (sqlite.org/rescode.html)."""
_POSTGRESQL = {
    "08": "unreachable",
    "25006": "read_only",
    "40": "conflict",
    "533": "unreachable",  # too many connections
    "53": "full",
    "55P03": "locked",
    "57014": "timeout",
    "57P": "unreachable",
}
"""By how an SQLSTATE begins (postgresql.org/docs/current/errcodes-appendix.html)."""
_IS_COUNTED = "lixiao_counted"


def classify(error: BaseException) -> str | None:
    """Which of `KINDS` a driver's error is; None for a broken constraint, by which races are decided."""
    if isinstance(error, sqlite3.IntegrityError | psycopg.IntegrityError):
        return None
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "")
        return next((kind for code, kind in _SQLITE.items() if name.startswith(code)), "other")
    if isinstance(error, psycopg.Error):
        state = error.sqlstate
        if state is None:  # the server did not say it: it was not there
            return "unreachable" if isinstance(error, psycopg.OperationalError) else "other"
        return next((kind for start, kind in _POSTGRESQL.items() if state.startswith(start)), "other")
    return "other"


def watch_database(engine: Engine, pool: str, most: int) -> None:
    """Count the engine's errors, and its connections under the name `pool`; it has `most` at most."""
    in_use = metrics.database_connections.labels(pool, "in_use")
    metrics.database_connections.labels(pool, "limit").set(most)

    @event.listens_for(engine, "checkout")
    def count(_connection: Any, record: Any, _proxy: Any) -> None:
        record.record_info[_IS_COUNTED] = True
        in_use.inc()

    @event.listens_for(engine, "checkin")
    def count_back(_connection: Any, record: Any) -> None:
        # One that could not be opened comes back without having gone out.
        if record.record_info.pop(_IS_COUNTED, False):
            in_use.dec()

    @event.listens_for(engine, "handle_error")
    def count_error(context: ExceptionContext) -> None:
        kind = classify(context.original_exception)
        if kind:
            metrics.database_errors.labels(kind).inc()
