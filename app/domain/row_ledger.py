"""Which rows that decide there should be, by the audit events: each names the rows that it added and removed.

A row is named by its table and the digest of its state (`app.domain.row_mac`); a changed one was removed and added. In an
event's details: `"rows": {"added": {table: [digest, ...]}, "removed": {table: [digest, ...]}}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

ROWS = "rows"
MOST_ROWS = 1000
"""How many one event names; an import may store ten thousand."""

RowName = tuple[str, str]
"""Table and digest."""


class RowChange:
    """What one transaction does to the rows, in all."""

    def __init__(self) -> None:
        self.added: dict[RowName, None] = {}
        self.removed: dict[RowName, None] = {}

    def add(self, row: RowName) -> None:
        """The row is there now."""
        if row in self.removed:
            del self.removed[row]
        else:
            self.added[row] = None

    def remove(self, row: RowName) -> None:
        """The row is there no more, in this state."""
        if row in self.added:
            del self.added[row]
        else:
            self.removed[row] = None

    def iterate_details(self) -> Iterator[dict[str, Any]]:
        """The parts for the events' details, MOST_ROWS rows in each; none where nothing changes."""
        rows = [("removed", *row) for row in self.removed] + [("added", *row) for row in self.added]
        portions = iter(rows)
        while portion := list(islice(portions, MOST_ROWS)):
            part: dict[str, dict[str, list[str]]] = {}
            for change, table, digest in portion:
                part.setdefault(change, {}).setdefault(table, []).append(digest)
            yield {ROWS: part}


class RowLedger:
    """The rows by the events read so far, oldest first."""

    def __init__(self) -> None:
        self.standing: dict[RowName, int] = {}
        """Rows that should be there, with the id of the event that added them."""
        self.ended: dict[RowName, int] = {}
        """Rows that should not be there any more, with the id of the event that removed them."""

    def note(self, event: Mapping[str, Any]) -> None:
        """Follow an event. Raises AttributeError or TypeError for details of another form."""
        part = event["details"].get(ROWS, {})
        for table, digests in part.get("removed", {}).items():
            for digest in digests:
                self.standing.pop((table, digest), None)
                self.ended[table, digest] = event["id"]
        for table, digests in part.get("added", {}).items():
            for digest in digests:
                self.standing[table, digest] = event["id"]
                self.ended.pop((table, digest), None)
