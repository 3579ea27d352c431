"""Whether desks' entries are what their histories made of them: what `flask audit verify` compares beside every row's code
and event. An entry without a history is from before there were decisions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from app.connectors.desk import DOUBT
from app.models import DeskDecision, DeskEntry

MOST_TOLD = 20
IN_PORTIONS = {"yield_per": 500}


def rests_on(entry: Mapping[str, Any] | RowMapping, decision: Mapping[str, Any] | RowMapping) -> bool:
    """Whether an entry is what this decision made of it; marks of doubt come and go without one."""
    facts = decision["facts"]
    return (
        isinstance(facts, dict)
        and isinstance(entry["facts"], dict)
        and drop_doubt(facts) == drop_doubt(entry["facts"])
        and entry["recorded_by"] == decision["actor"]
        and entry["recorded_at"] == decision["decided_at"]
    )


def drop_doubt(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts without a mark of doubt."""
    return {name: value for name, value in facts.items() if name != DOUBT}


def find_history_faults(connection: Connection) -> Iterator[str]:
    """What does not hold between desks' entries and decisions, a sentence each."""
    decisions, entries = DeskDecision.__table__, DeskEntry.__table__
    kept = {
        (row["connector"], row["student_number"]): row
        for row in connection.execute(select(entries), execution_options=IN_PORTIONS).mappings()
    }
    ordered = select(decisions).order_by(
        decisions.c.connector, decisions.c.student_number, decisions.c.version
    )
    before: RowMapping | None = None
    faults: list[str] = []
    for row in connection.execute(ordered, execution_options=IN_PORTIONS).mappings():
        if before is not None and not _is_same_history(before, row):
            faults += _compare(before, kept)
            before = None
        faults += _follow(before, row)
        before = row
    faults += _compare(before, kept) if before is not None else []
    yield from faults[:MOST_TOLD]
    if len(faults) > MOST_TOLD:
        yield f"and {len(faults) - MOST_TOLD} more decisions of desks"


def _is_same_history(one: RowMapping, other: RowMapping) -> bool:
    return (one["connector"], one["student_number"]) == (other["connector"], other["student_number"])


def _follow(before: RowMapping | None, row: RowMapping) -> Iterator[str]:
    """The oldest ones may have been deleted by their time; those that are left follow each other."""
    if before is None:
        return
    if row["version"] != before["version"] + 1:
        yield f"decision {row['id']} of a desk has version {row['version']} behind version {before['version']}"
    if row["undoes"] is not None and row["undoes"] != before["id"]:
        yield f"decision {row['id']} of a desk takes back another one than the one before it"


def _compare(newest: RowMapping, kept: dict[tuple[str, str], Any]) -> Iterator[str]:
    entry = kept.get((newest["connector"], newest["student_number"]))
    if newest["facts"] is None:
        if entry is not None:
            yield f"decision {newest['id']} of a desk took an entry away, and there is one"
    elif entry is None:
        yield f"decision {newest['id']} of a desk made an entry, and there is none"
    elif not rests_on(entry, newest):
        yield f"decision {newest['id']} of a desk made another entry than there is"
