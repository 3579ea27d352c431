"""No request waits for ever for PostgreSQL: the server gives up a statement, and the client a silent server."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, event

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
