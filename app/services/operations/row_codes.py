"""Codes for rows that stand already: rows of a release before there were codes, or of a lost key, are adopted by somebody
who looked at them; and rows stay authentic when numbers are folded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, cast

from sqlalchemy import Connection, Table, and_, select, update

from app.connectors.desk import DOUBT
from app.domain.person import NumberForm
from app.domain.row_ledger import RowChange, RowLedger, RowName
from app.domain.row_mac import RowKeys
from app.extensions import Base
from app.models import (
    Approval,
    DeskCompletion,
    DeskDecision,
    DeskEntry,
    DeskRefusal,
    StaffGrant,
    Waiver,
    write_transaction,
)
from app.services.audit import add_event, read_ledger
from app.services.authenticated_rows import (
    DECIDING,
    TRACKED,
    get_moment,
    is_foreign,
    is_proven,
    make_mac,
    name_row,
    read_rows,
)
from app.services.clock import get_now
from app.services.operations.row_makings import Makings
from app.services.row_keys import RowKeyStore

ADOPTED = "rows_adopted"
SHOWN_SINGLY: Mapping[type[Base], tuple[str, ...]] = {
    Waiver: ("mini_app", "period", "step", "student_number", "granted_by", "reason"),
    DeskCompletion: ("connector", "declared_by", "declared_at"),
    StaffGrant: ("staff_number", "role", "mini_app", "step", "college", "granted_by", "reason"),
    Approval: ("kind", "subject", "asked_by", "reason"),
}
GROUPED_BY: Mapping[type[Base], tuple[str, ...]] = {
    DeskEntry: ("connector", "recorded_by", "recorded_at"),
    DeskDecision: ("connector", "actor", "outcome"),
}


class OtherRows(Exception):
    """There are not as many rows to adopt as was said; `found` is how many there are."""

    def __init__(self, found: int) -> None:
        super().__init__(f"there are {found} rows")
        self.found = found


class UnknownRow(LookupError):
    """No row of this name waits that no event tells of."""


@dataclass(frozen=True, slots=True)
class Unproven:
    """A row that no key of this host proves or, where its table has no codes, that no event tells of."""

    model: type[Base]
    row: dict[str, Any]
    is_told: bool
    """Whether an event tells of its making."""

    @property
    def name(self) -> str:
        """How a command names it: its table and its key."""
        keys = (str(value) for name, value in self.row.items() if name.startswith("key_"))
        return "/".join((self.model.__tablename__, *keys))


def list_unproven(connection: Connection, keys: RowKeys, numbers: NumberForm) -> list[Unproven]:
    """The rows that may be adopted. A row whose own key disproves its code was changed, one that an event ended was put
    back: neither is adopted.
    """
    ledger = read_ledger(connection)
    rows: list[tuple[type[Base], dict[str, Any]]] = [
        (model, row)
        for model in TRACKED
        for row in read_rows(connection, model)
        if _may_be_adopted(model, row, ledger, keys)
    ]
    untold = Makings(connection, numbers).list_untold([(model, row) for model, row in rows])
    return [
        Unproven(model, row, not is_untold or name_row(model, row) in ledger.standing)
        for (model, row), is_untold in zip(rows, untold, strict=True)
    ]


def describe_unproven(rows: list[Unproven], zone: tzinfo) -> Iterator[str]:
    """Waivers, declarations and what no event tells of line by line, of other rows how many there are of each kind; with
    the moment that each says it was made at.
    """
    for one in rows:
        if one.model in SHOWN_SINGLY or not one.is_told:
            names = SHOWN_SINGLY.get(one.model, ())
            made = f"made {get_moment(one.model, one.row).astimezone(zone):%Y-%m-%d %H:%M}"
            event = "an event tells of it" if one.is_told else f"NO EVENT: {one.name}"
            yield "  ".join(filter(None, (one.model.__tablename__, _say(one.row, names), made, event)))
    counts = Counter(
        f"{one.model.__tablename__}  {_say(one.row, GROUPED_BY.get(one.model, ()))}".rstrip()
        for one in rows
        if one.model not in SHOWN_SINGLY and one.is_told
    )
    yield from (f"{group}  {count} row(s)" for group, count in sorted(counts.items()))


def choose_rows(found: list[Unproven], named: Collection[str]) -> list[Unproven]:
    """Those that may be adopted: an event tells of them, or they are named. Raises UnknownRow for a name of none."""
    strange = set(named) - {one.name for one in found if not one.is_told}
    if strange:
        raise UnknownRow(min(strange))
    return [one for one in found if one.is_told or one.name in named]


def adopt_rows(
    keys: RowKeyStore,
    numbers: NumberForm,
    expected: int,
    actor: str,
    reason: str,
    named: Collection[str] = (),
) -> None:
    """Give unproven rows codes, see `choose_rows`, and let an event tell of them. Raises UnknownRow, OtherRows unless there
    are as many as `expected`, or RowKeyError.
    """
    now, changes, counts = get_now(), RowChange(), Counter[str]()
    with write_transaction() as session:
        connection = session.connection()
        rows = choose_rows(list_unproven(connection, keys.current(), numbers), named)
        if len(rows) != expected:
            raise OtherRows(len(rows))
        causes = _list_causes(connection)
        for one in rows:
            cause = (
                causes.get((one.row["connector"], one.row["student_number"]))
                if one.model is DeskEntry
                else None
            )
            if cause and isinstance(one.row["facts"], dict):
                changes.remove(name_row(one.model, one.row))
                one.row["facts"] = {**one.row["facts"], DOUBT: cause}
                _store(connection, one.model, one.row, facts=one.row["facts"])
            if one.model in DECIDING:
                _set_mac(connection, one.model, one.row, make_mac(keys, one.model, one.row, now))
            changes.add(name_row(one.model, one.row))
            counts[one.model.__tablename__] += 1
        details = {"reason": reason, "counts": dict(counts), "without_event": sorted(named)}
        add_event(session, ADOPTED, actor=actor, subject="row-keys", details=details, now=now, rows=changes)


@contextmanager
def keep_authentic(connection: Connection, keys: RowKeyStore, actor: str, now: datetime) -> Iterator[None]:
    """What is done inside changes rows by the service's own hand: rows that were authentic are so afterwards, and an event
    tells what changed. Raises RowKeyError.
    """
    before, proven = _read_names(connection, keys)
    yield
    for model in DECIDING:
        for row in list(read_rows(connection, model)):
            if row["mac"] in proven and not is_proven(keys.current(), model, row):
                _set_mac(connection, model, row, make_mac(keys, model, row, now))
    after, _ = _read_names(connection, keys)
    changes = RowChange()
    for name in before - after:
        changes.remove(name)
    for name in after - before:
        changes.add(name)
    if before != after:
        add_event(connection, "rows_changed", actor=actor, subject=actor, details={}, now=now, rows=changes)


def _list_causes(connection: Connection) -> dict[tuple[str, str], str]:
    """Why students are unknown at desks; earlier releases did not say so in their entries."""
    rows = connection.execute(select(DeskRefusal.connector, DeskRefusal.student_number, DeskRefusal.cause))
    return {(connector, number): cause for connector, number, cause in rows}


def _read_names(connection: Connection, keys: RowKeyStore) -> tuple[set[RowName], set[str]]:
    """The names of the rows that are what they should be, and the codes of those that have one."""
    current, names = keys.current(), set()
    proven: set[str] = set()
    for model in TRACKED:
        for row in read_rows(connection, model):
            if model not in DECIDING or is_proven(current, model, row):
                names.add(name_row(model, row))
            if model in DECIDING and is_proven(current, model, row):
                proven.add(row["mac"])
    return names, proven


def _may_be_adopted(model: type[Base], row: dict[str, Any], ledger: RowLedger, keys: RowKeys) -> bool:
    name = name_row(model, row)
    if name in ledger.ended:
        return False
    return is_foreign(keys, row) if model in DECIDING else name not in ledger.standing


def _set_mac(connection: Connection, model: type[Base], row: Mapping[str, Any], mac: str) -> None:
    _store(connection, model, row, mac=mac)


def _store(connection: Connection, model: type[Base], row: Mapping[str, Any], **values: Any) -> None:
    table = cast("Table", model.__table__)
    is_it = and_(*(key == row[f"key_{key.name}"] for key in table.primary_key))
    connection.execute(update(table).where(is_it).values(**values))


def _say(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return "  ".join(
        f"{row[name]:%Y-%m-%d}" if isinstance(row[name], datetime) else str(row[name]) for name in names
    )
