"""Rows that decide, authenticated: who writes to the database without the row keys lets nobody pass.

A row of DECIDING carries a code over its deciding columns, which is checked wherever the row is used; without a true one
it counts as if it were not there. What a code cannot show, a row that is gone or an older state that was put back, the
audit events show: each names the rows that its transaction added and removed, see `find_row_faults`. Rows of TRACKED that
have no code can only keep somebody from passing.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, func, select

from app import metrics
from app.domain.row_ledger import RowLedger, RowName
from app.domain.row_mac import KEY_ID_DIGITS, RowKeys, get_row_digest
from app.extensions import Base
from app.models import (
    Approval,
    Consent,
    DeskCompletion,
    DeskDecision,
    DeskEntry,
    DeskRefusal,
    StaffGrant,
    Waiver,
)
from app.services.row_keys import RowKeyError, RowKeyStore

log = logging.getLogger(__name__)

DECIDING: Mapping[type[Base], tuple[str, ...]] = {
    Waiver: (
        *("mini_app", "period", "student_number", "step", "reason", "granted_by", "granted_at"),
        *("withdrawn_by", "withdrawn_at", "withdrawal_reason"),
    ),
    DeskEntry: ("connector", "student_number", "facts", "recorded_by", "recorded_at"),
    DeskCompletion: ("connector", "declared_by", "declared_at", "roll"),
    Consent: ("mini_app", "student_number", "version", "given_at"),
    StaffGrant: (
        *(
            "staff_number",
            "name",
            "role",
            "mini_app",
            "step",
            "college",
            "period",
            "valid_from",
            "valid_until",
        ),
        *(
            "granted_by",
            "granted_at",
            "reason",
            "delegated_from",
            "revoked_at",
            "revoked_by",
            "revocation_reason",
        ),
    ),
    Approval: (
        *("kind", "subject", "mini_app", "period", "step", "student_number", "payload", "payload_digest"),
        *("reason", "asked_by", "asked_at", "expires_at"),
        *("decided_by", "decided_at", "decision", "note"),
    ),
    DeskDecision: (
        *(
            "connector",
            "student_number",
            "version",
            "mini_app",
            "step",
            "period",
            "outcome",
            "facts",
            "before",
        ),
        *("reason_key", "note", "actor", "via", "nonce", "undoes", "decided_at"),
    ),
}
TRACKED: Mapping[type[Base], tuple[str, ...]] = {
    **DECIDING,
    DeskRefusal: ("connector", "student_number", "cause", "message", "refused_by", "refused_at"),
}
FORESEEN = frozenset({"valid_from", "valid_until", "expires_at"})
"""Moments of a row that lie ahead when it is written."""
MOST_TOLD = 20
"""How many rows of a kind are named one by one."""
IN_PORTIONS = {"yield_per": 500}

Row = Mapping[Any, Any] | Base


def name_row(model: type[Base], row: Row) -> RowName:
    """How audit events name a row in the state that it has."""
    return model.__tablename__, get_row_digest(model.__tablename__, _take(model, row))


def sign_row(keys: RowKeyStore, model: type[Base], row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The row with its code. Raises RowKeyError."""
    return {**row, "mac": make_mac(keys, model, row, now)}


def make_mac(keys: RowKeyStore, model: type[Base], row: Row, now: datetime) -> str:
    """The code of a row. Raises RowKeyError."""
    return keys.current().sign(model.__tablename__, _take(model, row), now)


def is_authentic(keys: RowKeyStore, model: type[Base], row: Row) -> bool:
    """Whether a row has the code that this service gave to exactly this row; a line in the log where it has not."""
    try:
        is_true = is_proven(keys.current(), model, row)
    except RowKeyError as error:
        log.error("rows cannot be authenticated", extra={"reason": str(error)})
        is_true = False
    if not is_true:
        log.error("a row is not authentic and does not count", extra={"table": model.__tablename__})
        metrics.rows_refused.labels(model.__tablename__).inc()
    return is_true


def is_proven(keys: RowKeys, model: type[Base], row: Row) -> bool:
    """The same by these keys, without a word."""
    mac = _get(row, "mac")
    return isinstance(mac, str) and keys.proves(model.__tablename__, _take(model, row), mac)


def is_foreign(keys: RowKeys, row: Row) -> bool:
    """Whether a row has no code, or one by a key that is not here: it may be from before there were codes, or another
    host's.
    """
    mac = _get(row, "mac")
    return mac is None or not keys.has(mac)


def read_rows(connection: Connection, model: type[Base]) -> Iterator[dict[str, Any]]:
    """All rows of a table, by the names of the model's attributes."""
    table = cast("Table", model.__table__)
    columns = [getattr(model, name).label(name) for name in TRACKED[model]]
    columns += [table.c.mac] if model in DECIDING else []
    keys = [key.label(f"key_{key.name}") for key in table.primary_key]
    with connection.execute(select(*columns, *keys), execution_options=IN_PORTIONS) as rows:
        yield from (dict(row) for row in rows.mappings())


def count_foreign(connection: Connection, keys: RowKeys) -> dict[str, int]:
    """How many rows of each table have no code, or one by a key that is not here; tables without any left out."""
    counts: Counter[str] = Counter()
    for model in DECIDING:
        mac = cast("Table", model.__table__).c.mac
        key_id = func.substr(mac, 1, KEY_ID_DIGITS)
        for found, count in connection.execute(select(key_id, func.count()).group_by(key_id)):
            if found is None or not keys.has(found):
                counts[model.__tablename__] += count
    return dict(counts)


def count_forged(connection: Connection, keys: RowKeys) -> dict[str, int]:
    """How many rows of each table have a code that their own key disproves; tables without any left out."""
    counts: Counter[str] = Counter()
    for model in DECIDING:
        for row in read_rows(connection, model):
            counts[model.__tablename__] += not is_foreign(keys, row) and not is_proven(keys, model, row)
    return {name: count for name, count in counts.items() if count}


@dataclass(frozen=True, slots=True)
class Strays:
    """How many rows of each table are other than the events say: gone or changed, and put back after an event ended them."""

    gone: Counter[str]
    put_back: Counter[str]


def count_strays(connection: Connection, ledger: RowLedger) -> Strays:
    """What no code can show, by the events that were read."""
    strays = Strays(Counter(), Counter())
    for model in TRACKED:
        table = model.__tablename__
        names = {name_row(model, row) for row in read_rows(connection, model)}
        strays.gone[table] += sum(name[0] == table and name not in names for name in ledger.standing)
        strays.put_back[table] += sum(name in ledger.ended for name in names)
    return strays


def find_row_faults(
    connection: Connection, ledger: RowLedger, keys: RowKeys, oldest_event: datetime | None
) -> Iterator[str]:
    """What does not hold between the rows and the events that were read, both ways, a sentence each. Rows from before
    the `oldest_event`, where older ones were deleted by their time, need none.
    """
    missing = dict(ledger.standing)
    for model in TRACKED:
        faults = [
            fault
            for row in read_rows(connection, model)
            if (fault := _judge(model, row, ledger, keys, oldest_event, missing))
        ]
        yield from faults[:MOST_TOLD]
        if len(faults) > MOST_TOLD:
            yield f"and {len(faults) - MOST_TOLD} more rows of {model.__tablename__}"
    for (table, _), event_id in list(missing.items())[:MOST_TOLD]:
        yield f"event {event_id} tells of a row of {table} that is gone, or was changed past the service"
    if len(missing) > MOST_TOLD:
        yield f"and {len(missing) - MOST_TOLD} more rows that are gone"


def _judge(
    model: type[Base],
    row: dict[str, Any],
    ledger: RowLedger,
    keys: RowKeys,
    oldest_event: datetime | None,
    missing: dict[RowName, int],
) -> str:
    """What is wrong with a row, or ""; an event that tells of it is taken out of the missing ones."""
    name = name_row(model, row)
    is_told = missing.pop(name, None) is not None
    what = f"the row {_describe_key(row)} of {model.__tablename__}"
    if model in DECIDING and not is_proven(keys, model, row):
        if not is_foreign(keys, row):
            return f"{what} is not authentic: it was added or changed past the service"
        return f"{what} has no code that a key of this host proves: `flask row-keys adopt` tells whether an event made it"
    if name in ledger.ended:
        return f"{what} is there again, though event {ledger.ended[name]} ended it"
    if not is_told and (oldest_event is None or get_moment(model, row) >= oldest_event):
        return f"{what} has no event"
    return ""


def get_moment(model: type[Base], row: Row) -> datetime:
    """When a row came into its state."""
    moments = (_get(row, name) for name in TRACKED[model] if name not in FORESEEN)
    return max(moment for moment in moments if isinstance(moment, datetime))


def _describe_key(row: Mapping[str, Any]) -> str:
    return " ".join(str(value) for name, value in row.items() if name.startswith("key_"))


def _take(model: type[Base], row: Row) -> dict[str, Any]:
    values = {name: _get(row, name) for name in TRACKED[model]}
    return {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def _get(row: Row, name: str) -> Any:
    return row[name] if isinstance(row, Mapping) else getattr(row, name)
