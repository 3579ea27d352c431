"""The history of a desk's entries: every change of one is a decision 办理记录 with the next version, kept for good.

Whoever changes entries does it by `keep_changes`, after `lock_audit` in one transaction: versions follow each other
without gaps, and the UNIQUE constraint refuses a second one should anything get past the lock.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import RowMapping, Table, and_, bindparam, delete, func, insert, select

from app.connectors.desk import DOUBT
from app.domain.decisions import require_other
from app.domain.row_ledger import RowChange
from app.extensions import DatabaseSession
from app.models import DeskDecision, DeskEntry, DeskRefusal, Sender, upsert
from app.services.audit import NewEvent
from app.services.authenticated_rows import is_authentic, name_row, sign_row
from app.services.desk.desk import CHUNK, Desk, Facts, iterate_entries
from app.services.desk_histories import rests_on
from app.services.row_keys import RowKeyStore

REFUSED = "refused"
"""The cause of doubt of a student whose entry is gone, or is not authentic: only a good one mends it."""
_DECISIONS, _ENTRIES = cast("Table", DeskDecision.__table__), cast("Table", DeskEntry.__table__)
_REFUSALS = cast("Table", DeskRefusal.__table__)
_OF_STUDENT = and_(
    _DECISIONS.c.connector == bindparam("connector"),
    _DECISIONS.c.student_number == bindparam("student_number"),
)
_LIST = select(_DECISIONS).where(_OF_STUDENT).order_by(_DECISIONS.c.version.desc())
_INSERT = insert(_DECISIONS)
_INSERT_ONE = _INSERT.returning(_DECISIONS.c.id)


class Outcome(StrEnum):
    """What a decision did."""

    DONE = "done"
    NOT_DONE = "not_done"
    UNDONE = "undone"
    RECORDED = "recorded"
    IMPORTED = "imported"
    REMOVED = "removed"


class Via(StrEnum):
    """By which way somebody decided."""

    SCAN = "scan"
    TYPED = "typed"
    LIST = "list"
    IMPORT = "import"
    COMMAND = "command"


EVENTS: Mapping[Outcome, str] = {
    Outcome.DONE: "desk_recorded",
    Outcome.NOT_DONE: "desk_recorded",
    Outcome.RECORDED: "desk_recorded",
    Outcome.UNDONE: "desk_undone",
    Outcome.IMPORTED: "desk_imported",
    Outcome.REMOVED: "desk_entry_removed",
}
"""The kind of the event that tells of a decision, whose subject is the student."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One change of a student's entry: `facts` is what it holds since, `before` what it held, None for no entry.
    `undoes` is the id of the decision that it took back. `decided_at` is UTC.
    """

    id: int
    student_number: str
    version: int
    outcome: Outcome
    facts: Mapping[str, Any] | None
    before: Mapping[str, Any] | None
    reason_key: str
    note: str
    actor: str
    via: Via
    undoes: int | None
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """What stood of a student before a change: the entry, the newest decision with its version, and why the student was
    unknown, if so. `is_lost`: there was an entry that no clerk took away.
    """

    entry: Mapping[str, Any] | RowMapping | None = None
    decision: Mapping[str, Any] | RowMapping | None = None
    cause: str = ""
    is_lost: bool = False

    @property
    def version(self) -> int:
        """That of the newest decision, 0 before the first."""
        return self.decision["version"] if self.decision else 0

    def get_before(self, keys: RowKeyStore) -> Facts | None:
        """What an undo of the change brings back. Whoever was unknown is so again: nobody passes by it."""
        is_true = self.entry is not None and is_authentic(keys, DeskEntry, self.entry)
        facts: Facts | None = dict(self.entry["facts"]) if is_true and self.entry is not None else None
        cause = self.cause or (REFUSED if self.is_lost or (self.entry is not None and not is_true) else "")
        if self.decision is not None and is_authentic(keys, DeskDecision, self.decision):
            is_its = facts is not None and self.entry is not None and rests_on(self.entry, self.decision)
            if not is_its:
                facts = self.decision["facts"]
        return {DOUBT: cause, **(facts or {})} if cause else facts


@dataclass(frozen=True, slots=True)
class Change:
    """A change that is to be made: `facts` None takes the entry away. `told` is said in its event beside what every
    event of a decision says. Of a command or an import, which know the desk alone, mini-app, step and period are empty.
    """

    student_number: str
    facts: Facts | None
    outcome: Outcome
    via: Via
    mini_app: str = ""
    step: str = ""
    period: str = ""
    reason_key: str = ""
    note: str = ""
    nonce: str = ""
    undoes: int | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kept:
    """A change that was made: the decision's row, with its id where it is the only one, and what it did to the rows that
    decide.
    """

    change: Change
    row: dict[str, Any]
    rows: RowChange

    def make_event(self, desk: Desk, **told: Any) -> NewEvent:
        """The event that tells of it, with what else is `told`."""
        row = self.row
        details = {
            "desk": desk.name,
            "facts": row["facts"],
            "before": row["before"],
            "version": row["version"],
            "outcome": row["outcome"],
            "via": row["via"],
        }
        named = ("mini_app", "step", "reason_key", "note", "undoes")
        details |= {name: row[name] for name in named if row[name]}
        details |= {**self.change.told, **told}
        return NewEvent(EVENTS[self.change.outcome], row["actor"], row["student_number"], details, self.rows)


def make_decision(row: Mapping[str, Any] | RowMapping) -> Decision:
    """The decision of a row."""
    return Decision(
        row["id"],
        row["student_number"],
        row["version"],
        Outcome(row["outcome"]),
        row["facts"],
        row["before"],
        row["reason_key"],
        row["note"],
        row["actor"],
        Via(row["via"]),
        row["undoes"],
        row["decided_at"],
    )


def make_nonce() -> str:
    """A nonce of a form, or of a change that no form asked for."""
    return secrets.token_hex(16)


def list_decisions(sender: Sender, desk: Desk, student_number: str) -> tuple[Decision, ...]:
    """All decisions of a student (a folded number) at a desk, the newest first; one that is not authentic is none."""
    parameters = {"connector": desk.name, "student_number": student_number}
    return tuple(_iterate(desk.row_keys, sender.execute(_LIST, parameters).mappings()))


def list_decisions_of(
    sender: Sender, desk: Desk, actor: str, since: datetime, until: datetime
) -> list[Decision]:
    """What this person decided at a desk from `since` on and before `until` (UTC), the newest first."""
    query = select(_DECISIONS).where(
        _DECISIONS.c.actor == actor,
        _DECISIONS.c.connector == desk.name,
        _DECISIONS.c.decided_at >= since,
        _DECISIONS.c.decided_at < until,
    )
    rows = sender.execute(query.order_by(_DECISIONS.c.decided_at.desc(), _DECISIONS.c.id.desc())).mappings()
    return list(_iterate(desk.row_keys, rows))


def _iterate(keys: RowKeyStore, rows: Iterable[RowMapping]) -> Iterator[Decision]:
    yield from (make_decision(row) for row in rows if is_authentic(keys, DeskDecision, row))


def read_held(session: DatabaseSession, desk: Desk, numbers: Sequence[str]) -> dict[str, Held]:
    """What stands of these students now, by number."""
    entries = {row["student_number"]: row for row in iterate_entries(session, desk, numbers)}
    decisions: dict[str, RowMapping] = {}
    causes: dict[str, str] = {}
    for start in range(0, len(numbers), CHUNK):
        chunk = numbers[start : start + CHUNK]
        newest = (
            select(_DECISIONS.c.student_number, func.max(_DECISIONS.c.version).label("version"))
            .where(_DECISIONS.c.connector == desk.name, _DECISIONS.c.student_number.in_(chunk))
            .group_by(_DECISIONS.c.student_number)
            .subquery()
        )
        is_newest = and_(
            _DECISIONS.c.connector == desk.name,
            _DECISIONS.c.student_number == newest.c.student_number,
            _DECISIONS.c.version == newest.c.version,
        )
        for row in session.execute(select(_DECISIONS).join(newest, is_newest)).mappings():
            decisions[row["student_number"]] = row
        of_chunk = and_(_REFUSALS.c.connector == desk.name, _REFUSALS.c.student_number.in_(chunk))
        refused = session.execute(select(_REFUSALS.c.student_number, _REFUSALS.c.cause).where(of_chunk))
        causes.update((number, cause) for number, cause in refused)
    return {
        number: Held(entries.get(number), decisions.get(number), causes.get(number, "")) for number in numbers
    }


def keep_changes(
    session: DatabaseSession,
    desk: Desk,
    changes: Sequence[Change],
    held: Mapping[str, Held],
    actor: str,
    now: datetime,
) -> list[Kept]:
    """Make these changes, each of another student, in the session's transaction, whose `lock_audit` came before `held` was
    read. The caller appends the events of what is returned. Raises OwnDecision where the actor is one of the students.
    """
    require_other(actor, [change.student_number for change in changes])
    kept, entries, gone = [], [], []
    for change in changes:
        stood, rows = held[change.student_number], RowChange()
        row = sign_row(desk.row_keys, DeskDecision, _make_row(desk, change, stood, actor, now), now)
        rows.add(name_row(DeskDecision, row))
        if stood.entry is not None:
            rows.remove(name_row(DeskEntry, stood.entry))
        if change.facts is not None:
            entry = _make_entry(desk, change, actor, now)
            rows.add(name_row(DeskEntry, entry))
            entries.append(entry)
        elif stood.entry is not None:
            gone.append(change.student_number)
        kept.append(Kept(change, row, rows))
    connection = session.connection()
    if len(kept) == 1:
        kept[0].row["id"] = connection.scalar(_INSERT_ONE, kept[0].row)
    elif kept:
        connection.execute(_INSERT, [one.row for one in kept])
    if entries:
        upsert(connection, DeskEntry, entries)
    for start in range(0, len(gone), CHUNK):
        chunk = _ENTRIES.c.student_number.in_(gone[start : start + CHUNK])
        connection.execute(delete(_ENTRIES).where(_ENTRIES.c.connector == desk.name, chunk))
    return kept


def _make_entry(desk: Desk, change: Change, actor: str, now: datetime) -> dict[str, Any]:
    row = {
        "connector": desk.name,
        "student_number": change.student_number,
        "facts": change.facts,
        "recorded_by": actor,
        "recorded_at": now,
    }
    return sign_row(desk.row_keys, DeskEntry, row, now)


def _make_row(desk: Desk, change: Change, held: Held, actor: str, now: datetime) -> dict[str, Any]:
    return {
        "connector": desk.name,
        "student_number": change.student_number,
        "version": held.version + 1,
        "mini_app": change.mini_app,
        "step": change.step,
        "period": change.period,
        "outcome": str(change.outcome),
        "facts": change.facts,
        "before": held.get_before(desk.row_keys),
        "reason_key": change.reason_key,
        "note": change.note,
        "actor": actor,
        "via": str(change.via),
        "nonce": change.nonce or make_nonce(),
        "undoes": change.undoes,
        "decided_at": now,
    }
