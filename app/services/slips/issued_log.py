"""The issued log 签发记录: entries are written in the transaction that they describe, and never changed.

`app.domain.slip_log` holds the format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Label, RowMapping, Table, insert, select, update

from app.domain.slip_log import START, CodeState, get_chain_hash, get_content_hash
from app.extensions import Base, DatabaseSession
from app.models import IssuedCode, Sender, Slip, SlipLogEntry, SlipLogHead, Submission

Values = Mapping[str, Any]
"""A row by its columns' names."""

_HEADS = cast("Table", SlipLogHead.__table__)
_LOCK = select(_HEADS.c.sequence, _HEADS.c.chain_hash).where(_HEADS.c.id == 1).with_for_update()
_ADD = insert(cast("Table", SlipLogEntry.__table__))
_MOVE = update(_HEADS).where(_HEADS.c.id == 1)
"""Built once: to build them costs more than to run them."""
IN_PORTIONS = {"yield_per": 500}
"""Not all rows of a large log in memory at once."""


def change_code_state(
    session: DatabaseSession, code: IssuedCode, state: CodeState, *, actor: str, reason: str, now: datetime
) -> None:
    """Enter what became of a code, and let its row repeat it."""
    of_code = (describe_row(code), describe_row(code.slip), describe_row(code.slip.submission))
    log_code(session, *of_code, state, actor=actor, reason=reason, now=now)
    code.state = state


def log_code(
    sender: Sender,
    code: Values,
    slip: Values,
    submission: Values,
    state: CodeState,
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> int:
    """Append an entry about a code, which need not be stored yet, and return its sequence number."""
    sequence, previous_hash = lock_log(sender)
    entry: dict[str, Any] = {
        "sequence": sequence + 1,
        "happened_at": now,
        "state": state,
        "short_code": code["short_code"],
        "content_hash": get_content_hash(code, slip, submission),
        "actor": actor,
        "reason": reason,
        "previous_hash": previous_hash,
    }
    entry["chain_hash"] = get_chain_hash(entry)
    sender.execute(_ADD, entry)
    sender.execute(_MOVE, {"sequence": entry["sequence"], "chain_hash": entry["chain_hash"]})
    return sequence + 1


def lock_log(sender: Sender) -> tuple[int, str]:
    """Take the log's head, its newest entry's sequence and hash, for this transaction; other writers wait in line
    until it ends.
    """
    sequence, chain_hash = sender.execute(_LOCK).one()
    return sequence, chain_hash


def describe_row(row: IssuedCode | Slip | Submission) -> dict[str, Any]:
    """A stored row by its columns' names."""
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


def find_log_faults(connection: Connection) -> Iterator[str]:
    """What does not hold in the issued log and in the rows that it is about, a sentence each; nothing when all
    holds. Finds every altered, removed, added or reordered entry, and every altered or removed code, slip or
    submission.
    """
    lines: dict[str, _Line] = {}
    try:
        yield from _check_chain(connection, lines)
        yield from _check_codes(connection, lines)
        yield from _check_unlogged(connection)
        yield from _check_people(connection)
    except (ValueError, TypeError, ArithmeticError) as error:
        yield f"a row cannot be read at all: {type(error).__name__}"


@dataclass(slots=True)
class _Line:
    """What the log says of a code: where it was issued, for what, and its state now."""

    sequence: int
    content_hash: str
    state: CodeState


def _check_chain(connection: Connection, lines: dict[str, _Line]) -> Iterator[str]:
    expected, previous = 1, START
    query = select(SlipLogEntry.__table__).order_by(SlipLogEntry.sequence)
    for entry in connection.execute(query, execution_options=IN_PORTIONS).mappings():
        if entry["sequence"] != expected:
            yield f"entry {expected} is missing"
            expected = entry["sequence"]
        if entry["previous_hash"] != previous:
            yield f"entry {expected} does not follow the one before it"
        if entry["chain_hash"] != get_chain_hash(dict(entry)) or not _apply(entry, lines):
            yield f"entry {expected} was altered"
        expected, previous = expected + 1, entry["chain_hash"]
    head = connection.execute(select(SlipLogHead.sequence, SlipLogHead.chain_hash)).all()
    if [tuple(row) for row in head] != [(expected - 1, previous)]:
        yield "the log's head is not its newest entry: entries are missing at the end, or the head was altered"


def _apply(entry: RowMapping, lines: dict[str, _Line]) -> bool:
    """Follow an entry; False for one that cannot come after the others."""
    state = CodeState(entry["state"])
    line = lines.get(entry["short_code"])
    if line is None:
        lines[entry["short_code"]] = _Line(entry["sequence"], entry["content_hash"], state)
        return state is CodeState.ISSUED
    fits = line.state is CodeState.ISSUED and state is not CodeState.ISSUED
    line.state = state
    return fits and line.content_hash == entry["content_hash"]


def _check_codes(connection: Connection, lines: dict[str, _Line]) -> Iterator[str]:
    query = (
        select(*_list_columns(IssuedCode), *_list_columns(Slip), *_list_columns(Submission))
        .select_from(IssuedCode)
        .join(Slip, Slip.id == IssuedCode.slip_id, isouter=True)
        .join(Submission, Submission.id == Slip.submission_id, isouter=True)
    )
    for row in connection.execute(query, execution_options=IN_PORTIONS).mappings():
        code, slip, submission = (_pick(row, model) for model in (IssuedCode, Slip, Submission))
        line = lines.pop(code["short_code"], None)
        if line is None:
            yield f"code row {code['id']} stands in no entry"
        elif slip["id"] is None or submission["id"] is None:
            yield f"entry {line.sequence}: its slip or its submission is gone"
        elif line.content_hash != get_content_hash(code, slip, submission):
            yield f"entry {line.sequence}: the code, the slip or the submission was altered"
        elif (line.sequence, line.state) != (code["log_sequence"], code["state"]):
            yield f"entry {line.sequence}: the code's state or place was altered"
    yield from (f"entry {line.sequence}: its code is gone" for line in lines.values())


def _check_people(connection: Connection) -> Iterator[str]:
    """Submissions that are found by a number that is not theirs, or that do not count though nothing does for them.
    These columns are in no hash: they may be set anew when the form of numbers is.
    """
    columns = (Submission.id, Submission.mini_app, Submission.period, Submission.student_number)
    query = select(*columns, Submission.person_number, Submission.repeat).order_by(Submission.id)
    repeats: dict[tuple[str, str, str], list[int]] = {}
    for row_id, mini_app, period, signed, person, repeat in connection.execute(query):
        if person.casefold() != signed.casefold():
            yield f"submission row {row_id}: its person's number was altered"
        repeats.setdefault((mini_app, period, person), []).append(repeat)
    for found in repeats.values():
        if sorted(found) != list(range(len(found))):
            yield "submissions of one person do not count from 0"


def _check_unlogged(connection: Connection) -> Iterator[str]:
    """Slips that never had a code or whose newest one is gone, and submissions without their slip."""
    codes = select(IssuedCode.slip_id)
    slips = select(Slip.submission_id)
    for row_id in connection.scalars(select(Slip.id).where(Slip.id.not_in(codes))):
        yield f"slip row {row_id} has no code"
    current = select(IssuedCode.slip_id).where(IssuedCode.state != CodeState.SUPERSEDED)
    query = select(Slip.id).where(Slip.id.in_(codes), Slip.id.not_in(current))
    for row_id in connection.scalars(query):  # the code that superseded the others came with them
        yield f"slip row {row_id} has lost its newest code"
    for row_id in connection.scalars(select(Submission.id).where(Submission.id.not_in(slips))):
        yield f"submission row {row_id} has no slip"


def _list_columns(model: type[Base]) -> list[Label[Any]]:
    return [column.label(f"{model.__tablename__}_{column.name}") for column in model.__table__.columns]


def _pick(row: RowMapping, model: type[Base]) -> dict[str, Any]:
    return {column.name: row[f"{model.__tablename__}_{column.name}"] for column in model.__table__.columns}
