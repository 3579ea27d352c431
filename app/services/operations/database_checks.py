"""Whether the database is there, at the code's migration, and keeps what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, text

from app.extensions import db
from app.identity.base import CheckResult, Severity
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.numbers import count_unfolded, list_unfolded_slips
from app.services.operations.findings import fault, good, note
from app.services.operations.migrations import describe_difference

MOST_SKEW = timedelta(seconds=5)
MOST_SLIPS = 20
# Every migration is loaded to tell it, which is most of what /readyz and /metrics would cost.
_describe_difference = cache(describe_difference)


def get_database_file() -> Path | None:
    """SQLite's file, or None on PostgreSQL."""
    url = db.engine.url
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def has_table(name: str) -> bool:
    """Whether the database is there and has this table. A SQLite file that is not there is not made by looking."""
    file = get_database_file()
    return (file is None or file.is_file()) and db.inspect(db.engine).has_table(name)


def check_database(installation: Installation) -> Iterator[CheckResult]:
    file = get_database_file()
    if file is None or file.is_file():
        with db.engine.connect() as connection:
            yield from _check_postgresql(connection) if file is None else _check_sqlite(connection)
    migration = list(check_migration())
    yield from migration
    if all(result.fit is not Severity.FAULT for result in migration):
        yield from _check_numbers(installation)


def check_migration() -> Iterator[CheckResult]:
    file = get_database_file()
    if file is not None and not file.is_file():
        yield fault("there is no database yet: `flask db upgrade` makes it")
        return
    if not has_table("alembic_version"):
        yield fault("the database is empty: `flask db upgrade`")
        return
    with db.engine.connect() as connection:
        revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    difference = _describe_difference(revision)
    yield fault(difference) if difference else good(f"reachable, schema {revision}")


def _check_sqlite(connection: Connection) -> Iterator[CheckResult]:
    version, mode, synchronous = (
        connection.scalar(text(query))
        for query in ("SELECT sqlite_version()", "PRAGMA journal_mode", "PRAGMA synchronous")
    )
    words = f"SQLite {version}, journal {mode}, synchronous {synchronous}"
    yield (
        good(words)
        if (mode, synchronous) == ("wal", 2)
        else fault(f"{words}: must be wal and 2, does another program set them?")
    )


def _check_postgresql(connection: Connection) -> Iterator[CheckResult]:
    yield good(f"PostgreSQL {connection.scalar(text('SHOW server_version'))}")
    skew = abs(connection.scalar(text("SELECT clock_timestamp()")) - get_now())
    words = f"its clock and ours are {skew.total_seconds():.0f} seconds apart"
    yield good(words) if skew <= MOST_SKEW else fault(f"{words}: have both kept in step (chrony)")


def _check_numbers(installation: Installation) -> Iterator[CheckResult]:
    """Whether one person is one to the database."""
    with db.engine.connect() as connection:
        unfolded = count_unfolded(connection, installation.settings.numbers)
        odd = list_unfolded_slips(connection)
    for name, count in unfolded.items():
        yield fault(
            f"{count} number(s) of {name} are in another form than [numbers]: run `flask numbers fold`"
        )
    for slip in odd[:MOST_SLIPS]:
        if slip.first:
            yield fault(f"slip {slip.number} is another one of who has {slip.first}: revoke it")
        else:
            yield note(
                f"slip {slip.number} was issued for a number as it was typed, of which departments may have known "
                "nothing: compare, and revoke it if need be"
            )
    if len(odd) > MOST_SLIPS:
        yield note(f"and {len(odd) - MOST_SLIPS} more slips for numbers as they were typed")
    if not unfolded and not odd:
        yield good("every number is in its one form")
