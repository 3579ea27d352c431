"""A hash chain in two tables: its entries, and its heads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, Table, insert, select, update

from app.extensions import Base
from app.models.engine import Sender
from app.models.floors import find_floor

NEWEST = 1
IN_PORTIONS = {"yield_per": 500}
"""Not all rows of a large chain in memory at once."""


class HeadDiffers(Exception):
    """The head is not the newest entry: entries are missing at the end, or the head was altered."""


class StoredChain:
    """Row 1 of the heads repeats columns of the newest entry, and its lock puts writers in line."""

    def __init__(self, entries: type[Base], heads: type[Base]) -> None:
        """The entries have one column as their primary key, their number."""
        table, heads_table = cast("Table", entries.__table__), cast("Table", heads.__table__)
        self._columns = [column.name for column in heads_table.c if not column.primary_key]
        (self._number,) = table.primary_key
        is_newest = heads_table.c.id == NEWEST
        # Built once: to build them costs more than to run them.
        self._select = select(table).order_by(self._number)
        self._read_head = select(*(heads_table.c[name] for name in self._columns)).where(is_newest)
        self._lock_head = self._read_head.with_for_update()
        self._insert = insert(table)
        self._move_head = update(heads_table).where(is_newest)

    def read_head(self, sender: Sender) -> RowMapping:
        """The head as it is now."""
        return sender.execute(self._read_head).mappings().one()

    def lock(self, sender: Sender) -> RowMapping:
        """Take the head for this transaction; other writers wait until it ends. Raises BelowCheckpoint where entries are
        missing that a checkpoint tells of.
        """
        head = sender.execute(self._lock_head).mappings().one()
        find_floor(sender).require(sender, head)
        return head

    def append(self, sender: Sender, *entries: dict[str, Any]) -> None:
        """Add the entries, of which the first follows the locked head, and let the last be the head."""
        sender.execute(self._insert, entries[0] if len(entries) == 1 else list(entries))
        sender.execute(self._move_head, {name: entries[-1][name] for name in self._columns})
        find_floor(sender).was_moved = True

    def read(self, connection: Connection, after: int | None = None) -> Iterator[dict[str, Any]]:
        """The entries behind the one of this number, oldest first."""
        query = self._select if after is None else self._select.where(self._number > after)
        with connection.execute(query, execution_options=IN_PORTIONS) as rows:
            yield from (dict(row) for row in rows.mappings())

    def follow(self, connection: Connection, start: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
        """Each entry with the hash that it has to follow, also those that come meanwhile. `start` is the head of an
        empty chain. Raises HeadDiffers at the end.
        """
        newest, after, read_to = start, None, None
        while True:
            for entry in self.read(connection, after):
                yield entry, newest["chain_hash"]
                newest, after = entry, entry[self._number.name]
            head = connection.execute(self._read_head).mappings().first()
            if head is not None and all(head[name] == newest[name] for name in self._columns):
                return
            if after == read_to:
                raise HeadDiffers
            read_to = after
