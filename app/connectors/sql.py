"""The connector for a read-only view in the campus data centre, through SQLAlchemy (see `sql_config.py`)."""

from __future__ import annotations

from datetime import UTC, datetime

from app.connectors.base import ActionOutcome, UnknownAction, UntrustedAnswer
from app.connectors.loop import PerLoop
from app.connectors.sql_config import SqlConfig
from app.connectors.sql_database import ReadOnlyDatabase
from app.connectors.sql_values import get_as_of, read_rows
from app.connectors.threads import Threads
from app.domain.clearance import DepartmentUnavailable, Reading


class SqlConnector:
    """One view. Has no deadline of its own: it runs inside a GuardedConnector. A database that hangs keeps
    this connector's threads and nothing else.
    """

    def __init__(self, name: str, config: SqlConfig) -> None:
        self.name = name
        self.actions: frozenset[str] = frozenset()
        self._config = config
        self._threads = Threads(f"sql-{name}", config.threads)
        self._database = PerLoop(lambda: ReadOnlyDatabase(config))

    async def fetch_reading(self, student_number: str) -> Reading:
        """See Connector; a view that is too old raises StaleView."""
        database = self._database.get()
        try:
            found = await self._threads.run(lambda: database.ask(student_number))
            now = datetime.now(UTC)
            records = read_rows(self._config, found, student_number)
            as_of = get_as_of(self._config, found, now)
        except UntrustedAnswer as error:
            raise DepartmentUnavailable(self.name, error.fault) from None
        self._config.freshness.age.require_fresh(self.name, as_of, now)
        return Reading(self.name, student_number, records, now)

    async def perform_action(self, action: str, student_number: str) -> ActionOutcome:
        """A view takes no actions: raises UnknownAction."""
        raise UnknownAction(action)

    async def close(self) -> None:
        """See Connector."""
        database = self._database.pop()
        if database is not None:
            database.close()
