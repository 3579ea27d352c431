"""The issued log 签发记录: entries are written in the transaction that they describe, and never changed.

`app.domain.slip_log` holds the format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, bindparam, select

from app.domain.hash_chain import START
from app.domain.slip_log import RESTORED, CodeState, get_chain_hash, get_content_hash, get_lost_hash
from app.models import (
    HeadDiffers,
    IssuedCode,
    LostCode,
    Sender,
    Slip,
    SlipLogEntry,
    SlipLogHead,
    StoredChain,
    Submission,
)

Values = Mapping[str, Any]
"""A row by its columns' names."""

ISSUED_LOG = StoredChain(SlipLogEntry, SlipLogHead)
IN_PORTIONS = {"yield_per": 500}
"""Not all rows of a large log in memory at once."""


class CodeRows(NamedTuple):
    """What an entry is about: an issued code, which need not be stored yet, its slip, and the slip's submission."""

    code: Values
    slip: Values
    submission: Values


def log_code(
    sender: Sender, rows: CodeRows, state: CodeState, *, actor: str, reason: str, now: datetime
) -> int:
    """Append an entry about a code, and return its sequence number. `actor` is who did it, `reason` why."""
    about = {"state": state, "short_code": rows.code["short_code"], "content_hash": get_content_hash(*rows)}
    head = ISSUED_LOG.lock(sender)
    return _append(sender, head, head["sequence"] + 1, about, actor=actor, reason=reason, now=now)


def log_restored(
    sender: Sender, highest: int, lost: Sequence[Values], *, actor: str, reason: str, now: datetime
) -> int:
    """Let the log go on above all numbers up to `highest`, and return the entry's sequence number, which confirms the
    codes that were lost, each with the keys of LOST_KEYS.
    """
    about = {"state": RESTORED, "short_code": "", "content_hash": get_lost_hash(lost)}
    head = ISSUED_LOG.lock(sender)
    sequence = max(head["sequence"], highest) + 1
    return _append(sender, head, sequence, about, actor=actor, reason=reason, now=now)


def _append(
    sender: Sender,
    head: RowMapping,
    sequence: int,
    about: dict[str, Any],
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> int:
    told = {"happened_at": now, "actor": actor, "reason": reason, "previous_hash": head["chain_hash"]}
    entry = {"sequence": sequence, **about, **told}
    ISSUED_LOG.append(sender, {**entry, "chain_hash": get_chain_hash(entry)})
    return sequence


_MODELS = (IssuedCode, Slip, Submission)
_CODES = (
    select(
        *(
            column.label(f"{model.__tablename__}_{column.name}")
            for model in _MODELS
            for column in model.__table__.columns
        )
    )
    .select_from(IssuedCode)
    .join(Slip, Slip.id == IssuedCode.slip_id, isouter=True)
    .join(Submission, Submission.id == Slip.submission_id, isouter=True)
)
_NEWEST_CODE = _CODES.where(Slip.number == bindparam("number")).order_by(IssuedCode.id.desc()).limit(1)


def find_newest_code(sender: Sender, number: str) -> CodeRows | None:
    """The newest code of the slip of this number, or None."""
    row = sender.execute(_NEWEST_CODE, {"number": number}).mappings().first()
    return _split(row) if row is not None else None


def _split(row: RowMapping) -> CodeRows:
    return CodeRows(
        *(
            {column.name: row[f"{model.__tablename__}_{column.name}"] for column in model.__table__.columns}
            for model in _MODELS
        )
    )


def find_log_faults(connection: Connection) -> Iterator[str]:
    """What does not hold in the issued log and in the rows that it is about, a sentence each; nothing when all
    holds. Finds every altered, removed, added or reordered entry, and every altered or removed code, slip or
    submission.
    """
    lines: dict[str, _Line] = {}
    try:
        yield from _check_chain(connection, lines)
        yield from _check_lost(connection)
        yield from _check_codes(connection, lines)
        yield from _check_unlogged(connection)
        yield from _check_people(connection)
    except (ValueError, TypeError, ArithmeticError):
        yield "a row cannot be read at all"


@dataclass(slots=True)
class _Line:
    """What the log says of a code: where it was issued, for what, and its state now."""

    sequence: int
    content_hash: str
    state: CodeState


def _check_chain(connection: Connection, lines: dict[str, _Line]) -> Iterator[str]:
    expected = 1
    try:
        for entry, previous in ISSUED_LOG.follow(connection, {"sequence": 0, "chain_hash": START}):
            is_restored = entry["state"] == RESTORED
            if entry["sequence"] != expected:
                if not is_restored or entry["sequence"] < expected:
                    yield f"entry {expected} is missing"
                expected = entry["sequence"]
            if entry["previous_hash"] != previous:
                yield f"entry {expected} does not follow the one before it"
            fits = is_restored or _apply(entry, lines)
            if entry["chain_hash"] != get_chain_hash(entry) or not fits:
                yield f"entry {expected} was altered"
            expected += 1
    except HeadDiffers:
        yield "the log's head is not its newest entry: entries are missing at the end, or the head was altered"


def _apply(entry: Values, lines: dict[str, _Line]) -> bool:
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
    for row in connection.execute(_CODES, execution_options=IN_PORTIONS).mappings():
        code, slip, submission = _split(row)
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


def _check_lost(connection: Connection) -> Iterator[str]:
    """Whether the lost codes are those that the log's entries `restored` confirm."""
    lost: dict[int, list[Values]] = {}
    for row in connection.execute(select(LostCode.__table__)).mappings():
        lost.setdefault(row["declared_sequence"], []).append(dict(row))
    query = select(SlipLogEntry.sequence, SlipLogEntry.content_hash).where(SlipLogEntry.state == RESTORED)
    for sequence, content_hash in connection.execute(query):
        if get_lost_hash(lost.pop(sequence, ())) != content_hash:
            yield f"entry {sequence}: the codes that it tells lost were altered"
    yield from (f"entry {sequence} tells no lost codes, and some name it" for sequence in lost)


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
