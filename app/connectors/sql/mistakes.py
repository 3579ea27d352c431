"""What a database says of a mistake in a connector's `url` or statements, in its own words: for whoever tries the connector.

Its messages are taken only where they speak of names: those about data quote values.
SQLSTATE: postgresql.org/docs/current/errcodes-appendix.html. SQLite: sqlite.org/rescode.html. MySQL:
dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

STATEMENT, DATABASE = "statement", "database"
MOST_WORDS = 300
_SQLITE_REASONS = {
    "SQLITE_ERROR": STATEMENT,
    "SQLITE_READONLY": STATEMENT,
    "SQLITE_CANTOPEN": DATABASE,
    "SQLITE_NOTADB": DATABASE,
}
_STATE_REASONS = {"42": STATEMENT, "3F": STATEMENT, "25": STATEMENT, "0A": STATEMENT, "3D": DATABASE}
"""By the class of an SQLSTATE: syntax and access, schema, transaction (read-only), not supported, database."""
_MYSQL_STATEMENT = frozenset({1054, 1064, 1109, 1142, 1143, 1146, 1305, 1792})


def describe_mistake(error: SQLAlchemyError, student_number: str) -> tuple[str, str]:
    """A word for the mistake, and what the database says of it without the number; both empty where it is none."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    reason = "" if cause is None else _find_reason(error, cause)
    if cause is None or not reason:
        return "", ""
    said = cause.args[1] if len(cause.args) > 1 and isinstance(cause.args[0], int) else str(cause)
    # Further lines of a message are details, which quote values.
    first = next(iter(str(said).strip().splitlines()), "").replace(student_number, ":student_number")
    return reason, first[:MOST_WORDS]


def _find_reason(error: SQLAlchemyError, cause: BaseException) -> str:
    if isinstance(cause, sqlite3.Error):
        if isinstance(error, DBAPIError) and error.statement is None:
            return DATABASE  # no statement was reached
        return _SQLITE_REASONS.get(getattr(cause, "sqlite_errorname", ""), "")
    state = getattr(cause, "sqlstate", None)
    if state:
        return _STATE_REASONS.get(state[:2], "")
    if cause.args and cause.args[0] in _MYSQL_STATEMENT:
        return STATEMENT
    return DATABASE if isinstance(error, DBAPIError) and error.statement is None else ""
