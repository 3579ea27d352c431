"""Codes that were issued and that the database lacks since a backup was restored: they are genuine, and prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import Connection, Engine, Table, bindparam, func, insert, select

from app.domain.checkpoints import hash_code
from app.domain.slip_log import RESTORED, CodeState
from app.extensions import db
from app.models import LostCode, SlipLogEntry, get_floor, read_connection

_LOST = cast("Table", LostCode.__table__)
_ENTRIES = cast("Table", SlipLogEntry.__table__)
_BEFORE = _ENTRIES.alias("before")
_FIND = select(_LOST.c.state).where(_LOST.c.code_hash == bindparam("code_hash"))
_GAPS = (
    select(_ENTRIES.c.happened_at, func.max(_BEFORE.c.happened_at))
    .select_from(_ENTRIES.outerjoin(_BEFORE, _BEFORE.c.sequence < _ENTRIES.c.sequence))
    .where(_ENTRIES.c.state == RESTORED)
    .group_by(_ENTRIES.c.sequence, _ENTRIES.c.happened_at)
)
"""When each declared restore was, and the last change before what it lacks."""


Gap = tuple[datetime, datetime | None]


class LostLook:
    """Which codes are lost, at no cost of the database as long as no restore was ever declared."""

    def __init__(self) -> None:
        self._held: tuple[tuple[Engine, int], list[Gap]] | None = None

    def find_state(self, short_code: str) -> CodeState | None:
        """What became of a lost code last, as far as the checkpoints tell; None for a code that is not lost. Raises
        SQLAlchemyError.
        """
        if not self._list_gaps():
            return None
        with read_connection(db.engine) as connection:
            state = connection.execute(_FIND, {"code_hash": hash_code(short_code)}).scalar()
        return CodeState(state) if state else None

    def may_include(self, issued_on: date, to_local_day: Callable[[datetime], date]) -> bool:
        """Whether a code of this day may have been lost without a checkpoint that tells of it: it is of a time that a
        restored backup lacks. `to_local_day` gives the service's day of a moment. Raises SQLAlchemyError.
        """
        return any(
            (before is None or to_local_day(before) <= issued_on) and issued_on <= to_local_day(declared)
            for declared, before in self._list_gaps()
        )

    def _list_gaps(self) -> list[Gap]:
        """As of the last entry that this process knows of: a declared restore is one."""
        key = (db.engine, get_floor(db.engine).sequence)
        if self._held is None or self._held[0] != key:
            with read_connection(db.engine) as connection:
                found = [(declared, before) for declared, before in connection.execute(_GAPS)]
            self._held = (key, found)
        return self._held[1]


def add_lost_codes(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Add what a restore lacks to the transaction: rows of LostCode."""
    if rows:
        connection.execute(insert(_LOST), rows)


def list_lost_places(connection: Connection, declared: int) -> list[tuple[int, str]]:
    """The places in the status list of the codes that this entry of the log declared lost, with their states."""
    query = select(_LOST.c.status_index, _LOST.c.state).where(_LOST.c.declared_sequence == declared)
    return [(place, state) for place, state in connection.execute(query)]
