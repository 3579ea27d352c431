"""A copy of the database while the service goes on.

SQLite: its online backup API, in one step under one read transaction, so that writers go on and none makes it
start again (sqlite.org/backup.html). The copy is one file, checked whole before it takes its name.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, text

from app.extensions import db

NOT_WHOLE = "the copy is not whole: the database itself may be damaged"


class BackupFailed(Exception):
    """There is no backup; the message says why."""


class NotOneFile(Exception):
    """The database is PostgreSQL's, whose own program copies it. `command` is that program's, without a password."""

    def __init__(self, command: str) -> None:
        super().__init__(command)
        self.command = command


def back_up(target: Path) -> int:
    """Copy the database to a new file of mode 0600; returns its size in bytes. Raises BackupFailed, and NotOneFile
    where the database is no file.
    """
    url = db.engine.url
    if url.get_backend_name() != "sqlite":
        raise NotOneFile(describe_pg_dump(url, target))
    if target.exists():
        raise BackupFailed(f"{target} is there already")
    try:
        handle, name = tempfile.mkstemp(".part", f"{target.name}.", target.parent)  # of mode 0600
    except OSError as error:
        raise BackupFailed(f"{target} cannot be written: {error.strerror}") from error
    try:
        _copy(Path(name))
        os.fsync(handle)
        Path(name).rename(target)
    except (OSError, sqlite3.OperationalError) as error:
        raise BackupFailed(f"{target} cannot be written: {error}") from error
    except sqlite3.DatabaseError as error:
        raise BackupFailed(NOT_WHOLE) from error
    finally:
        os.close(handle)
        Path(name).unlink(missing_ok=True)
    return target.stat().st_size


def describe_pg_dump(url: URL, target: Path) -> str:
    """The command for a shell: a file of mode 0600, read whole afterwards, as `pg_restore --list` reads its head alone.
    The password comes from ~/.pgpass, or is asked for.
    """
    options = [f"--file={target}", "--format=custom"]
    host = url.host or url.query.get("host")
    for name, value in (
        ("host", host),
        ("port", url.port),
        ("username", url.username),
        ("dbname", url.database),
    ):
        options += [f"--{name}={value}"] if value else []
    dump, look = (
        shlex.join(["pg_dump", *options]),
        shlex.join(["pg_restore", "--file=/dev/null", str(target)]),
    )
    return f"(umask 077 && {dump}) && {look}"


def _copy(draft: Path) -> None:
    with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
        with db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)
            source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # all in one file
        found = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise BackupFailed(NOT_WHOLE)
