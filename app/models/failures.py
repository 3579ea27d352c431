"""Why the database failed, in a sentence that says what to do: for operators. What the driver said may hold a value of a
row, and is left out.

Source of the names: sqlite.org/rescode.html, postgresql.org/docs/current/errcodes-appendix.html. PostgreSQL gives no code
where it lets nobody in; what libpq and the server then say is known by its English words.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

BUSY = "other programs use the database for too long: try again in a moment"
NO_TABLES = "the database lacks tables of this release: run `flask db upgrade`"
NO_FILE = (
    "the database file cannot be opened: see that [database] url names it, that its folder is there, and that this user "
    "may write in it"
)
NOT_WRITABLE = "this user may not write to the database or beside it: run the command as the service's user"
DISK_FULL = "the disk of the database is full: make room, and try again"
DAMAGED = (
    "the database file is no SQLite database, or is damaged: see [database] url, or put a backup in its place"
)
NOT_THERE = (
    "PostgreSQL does not answer: see that it runs, and that [database] url names its host, port and database"
)
NOT_LET_IN = "PostgreSQL refuses the user or the password of [database] url"
NO_DATABASE = "PostgreSQL has no database of the name in [database] url: make it, then run `flask db upgrade`"
_SQLITE = (
    (("SQLITE_BUSY", "SQLITE_LOCKED"), BUSY),
    (("SQLITE_CANTOPEN",), NO_FILE),
    (("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH"), NOT_WRITABLE),
    (("SQLITE_FULL",), DISK_FULL),
    (("SQLITE_IOERR",), "the disk of the database fails: see the system's log"),
    (("SQLITE_NOTADB", "SQLITE_CORRUPT"), DAMAGED),
)
"""How the names of SQLite's codes begin."""
_POSTGRESQL = (
    (("42P01", "42703", "3F000"), NO_TABLES),
    (("42501",), "PostgreSQL allows the user of [database] url too little: give it the tables"),
    (("25006",), "PostgreSQL may only be read now, as a standby: see which host [database] url names"),
    (("28",), NOT_LET_IN),
    (("3D000",), NO_DATABASE),
    (("53300",), "PostgreSQL has no connection free: see its max_connections, and try again"),
    (("53100",), DISK_FULL),
    (("55P03", "57014", "40001", "40P01", "25P03"), BUSY),
    (("08", "57P"), NOT_THERE),
)
"""How its codes begin."""
_WORDS = (
    (
        ("password authentication failed", "no pg_hba.conf entry", "no password supplied", 'role "'),
        NOT_LET_IN,
    ),
    (('database "',), NO_DATABASE),
    (("too many clients", "remaining connection slots"), _POSTGRESQL[5][1]),
)


def describe_failure(error: SQLAlchemyError) -> str:
    """The sentence."""
    if isinstance(error, PoolTimeout):
        return BUSY
    cause = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(cause, sqlite3.Error):
        return _describe_sqlite(error, cause)
    state = getattr(cause, "sqlstate", None) or ""
    if state or not isinstance(error, DBAPIError):
        return _choose(_POSTGRESQL, state) or _describe_other(state)
    told = str(cause)
    return next((words for signs, words in _WORDS if any(sign in told for sign in signs)), NOT_THERE)


def _describe_sqlite(error: SQLAlchemyError, cause: sqlite3.Error) -> str:
    """Also of the queue of writers, whose file is beside the database's."""
    if isinstance(error.__cause__, OSError):
        queue = error.__cause__
        if isinstance(queue, BlockingIOError | TimeoutError):
            return BUSY
        return NO_FILE if isinstance(queue, FileNotFoundError | NotADirectoryError) else NOT_WRITABLE
    if any(sign in str(cause) for sign in ("no such table", "no such column", "has no column")):
        return NO_TABLES
    name = getattr(cause, "sqlite_errorname", "")
    return _choose(_SQLITE, name) or _describe_other(name)


def _choose(table: tuple[tuple[tuple[str, ...], str], ...], name: str) -> str:
    return next((words for starts, words in table if name.startswith(starts)), "")


def _describe_other(name: str) -> str:
    return f"the database refused a statement{f' ({name})' if name else ''}: `flask doctor` looks at it"
