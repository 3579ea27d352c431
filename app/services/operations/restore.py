"""After a backup was restored: what it lacks, and the declaration with which the service goes on.

The checkpoints tell which slips were issued, reissued and revoked since, by number. Revocations are entered again. A slip
that was issued since cannot be made anew, as its content stands in no checkpoint: its code is declared lost, its place in
the status list stays taken, and its holder submits again. The log goes on above all numbers that were ever given out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from app.domain.checkpoints import (
    Checkpoint,
    DamagedJournal,
    Heads,
    MarkedEntry,
    hash_code,
    read_parts,
    read_trusted,
)
from app.domain.hash_chain import START
from app.domain.slip import parse_slip_record
from app.domain.slip_log import CodeState
from app.extensions import DatabaseSession
from app.models import AuditEvent, IssuedCode, LostCode, Slip, get_floor, read_connection, write_transaction
from app.services.audit import add_event
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.operations.checkpoints import (
    find_checkpoint_faults,
    find_widest_gap,
    list_journals,
    read_heads,
    read_journal,
)
from app.services.operations.journal_marks import forget_journal
from app.services.slips.checkpoint_journal import MOST_AHEAD, read_report
from app.services.slips.issued_log import find_newest_code, log_restored
from app.services.slips.issuing import end_code, issue_code, sign_code
from app.services.slips.lost_codes import add_lost_codes

_NEWEST_EVENT_AT = select(AuditEvent.happened_at).order_by(AuditEvent.id.desc()).limit(1)


class UnusableMarks(Exception):
    """A file that was given as a journal cannot be read whole; the message names it and says why."""


@dataclass(slots=True)
class Missing:
    """What the database lacks. `faults` says how that is known; `revoked` and `reissued` are numbers of slips that the
    database holds as they were before; `lost` are rows of LostCode to be added, `gone` the numbers of slips of which
    nothing is left, `ended` those of them that had been revoked. `marked` is the farthest checkpoint, `gate` the highest
    counter that a gate saw, `newest` when this database's newest audit event was. `unused` says which journals in the
    folder could not be read whole, `cut` before which checkpoints lines are missing.
    """

    faults: list[str]
    stands: Heads
    marked: Checkpoint | None
    gate: int
    revoked: list[str] = field(default_factory=list)
    reissued: list[str] = field(default_factory=list)
    lost: list[dict[str, Any]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    newest: datetime | None = None
    unused: list[str] = field(default_factory=list)
    cut: list[datetime] = field(default_factory=list)

    @property
    def is_behind(self) -> bool:
        """Whether anything is missing, as far as could be read."""
        return bool(self.faults or self.lost or self.revoked or self.reissued)

    @property
    def missing_events(self) -> int:
        """How many audit events are missing, at most: their numbers may have gaps."""
        return max(0, self.marked.heads.audit[0] - self.stands.audit[0]) if self.marked else 0

    @property
    def highest(self) -> int:
        """The highest number that an entry of the log or a status list had. A gate's word counts as far as it can be."""
        known = max([self.stands.log[0], *([self.marked.heads.log[0]] if self.marked else [])])
        return max(known, self.gate if self.gate <= known + MOST_AHEAD else 0)


def find_missing(installation: Installation, engine: Engine, more: tuple[Path, ...] = ()) -> Missing:
    """Compare the database with every journal in reach, and with the journals or parts of one in `more`. Raises
    UnusableMarks for one of `more` that cannot be read whole, SQLAlchemyError or SlipKeyError.
    """
    marks = [_read_marks(installation, path) for path in more]
    checkpoints, unused = _read_journals(installation)
    checkpoints += chain.from_iterable(marks)
    with read_connection(engine) as connection:
        missing = Missing(
            find_checkpoint_faults(installation, engine),
            read_heads(connection),
            max(checkpoints, key=lambda checkpoint: checkpoint.heads, default=None),
            read_report(installation.checkpoint_folder),
            newest=connection.scalar(_NEWEST_EVENT_AT),
            unused=unused,
            cut=_list_cuts(checkpoints),
        )
        entries = {entry for checkpoint in checkpoints for entry in checkpoint.entries if entry.code}
        _compare(connection, missing, sorted(entries, key=lambda entry: entry.sequence))
    newest = [max(lines, key=lambda checkpoint: checkpoint.heads) for lines in marks]
    gap = find_widest_gap(engine, newest) if newest else ""
    if gap and gap not in missing.faults:
        missing.faults.append(gap)
    return missing


def _read_marks(installation: Installation, path: Path) -> list[Checkpoint]:
    try:
        return read_parts(path.read_bytes(), installation.slip_keys.current().ring)
    except OSError as error:
        raise UnusableMarks(f"{path} cannot be read: {error.strerror}") from error
    except DamagedJournal as error:
        raise UnusableMarks(f"{path} is no journal, nor a letter's attachment as it came: {error}") from error


def _read_journals(installation: Installation) -> tuple[list[Checkpoint], list[str]]:
    """The lines of the journals in reach, and what is wrong with those of others. What is wrong with this host's own is a
    fault of the database's.
    """
    found: list[Checkpoint] = []
    unused: list[str] = []
    for path in list_journals(installation):
        try:
            found += read_journal(installation, path)
        except DamagedJournal as error:
            found += read_trusted(path.read_bytes(), installation.slip_keys.current().ring)
            unused.append(f"{path}: {error}")
        except OSError as error:
            unused.append(f"{path}: {error.strerror}")
    own = f"{installation.journal.path}: "
    return found, [words for words in unused if not words.startswith(own)]


def _list_cuts(checkpoints: list[Checkpoint]) -> list[datetime]:
    """The times of checkpoints that follow one which nobody has brought."""
    known = {START, *(checkpoint.digest for checkpoint in checkpoints)}
    return sorted({checkpoint.time for checkpoint in checkpoints if checkpoint.previous not in known})


def _compare(connection: Connection, missing: Missing, entries: Sequence[MarkedEntry]) -> None:
    query = select(IssuedCode.short_code, IssuedCode.state, Slip.number).join(
        Slip, Slip.id == IssuedCode.slip_id
    )
    codes = {hash_code(code): (state, number) for code, state, number in connection.execute(query)}
    numbers = {number for _, number in codes.values()}
    revoked = {number for state, number in codes.values() if state == CodeState.REVOKED}
    declared = set(connection.scalars(select(LostCode.code_hash)))
    lost: dict[str, dict[str, Any]] = {}
    to_revoke: dict[str, None] = {}
    to_reissue: dict[str, None] = {}
    for entry in entries:
        if entry.code not in codes and entry.code not in declared:
            lost[entry.code] = _make_row(entry)
        if entry.number not in numbers or entry.number in revoked:
            continue
        if entry.state == CodeState.REVOKED:
            to_revoke[entry.number] = None
        if entry.state == CodeState.SUPERSEDED and codes.get(entry.code, ("",))[0] == CodeState.ISSUED:
            to_reissue[entry.number] = None
    missing.revoked = list(to_revoke)
    missing.reissued = [number for number in to_reissue if number not in to_revoke]
    missing.lost = list(lost.values())
    ended = {entry.number for entry in entries if entry.state == CodeState.REVOKED}
    gone = dict.fromkeys(row["number"] for row in missing.lost if row["number"] not in numbers)
    missing.gone = [number for number in gone if number not in ended]
    missing.ended = [number for number in gone if number in ended]


def _make_row(entry: MarkedEntry) -> dict[str, Any]:
    return {
        "code_hash": entry.code,
        "number": entry.number,
        "status_index": entry.place,
        "state": entry.state,
        "log_sequence": entry.sequence,
    }


def declare(
    installation: Installation, engine: Engine, missing: Missing, *, by: str, reason: str, revokes: bool
) -> int:
    """Let the service go on from what the database has, with what is missing entered again, in one transaction; returns the
    number at which the log goes on. `revokes`: slips that were revoked or reissued since are again. The next checkpoint is
    the caller's to write. Raises NoSigningKey, SlipKeyError, SQLAlchemyError or OSError.
    """
    now, floor = get_now(), get_floor(engine)
    floor.lift()
    with write_transaction() as session:
        sequence = log_restored(session, missing.highest, missing.lost, actor=by, reason=reason, now=now)
        rows = [{**row, "declared_sequence": sequence} for row in missing.lost]
        add_lost_codes(session.connection(), rows)
        for number in missing.revoked if revokes else ():
            _end(session, number, CodeState.REVOKED, "slip_revoked", by, reason)
        for number in missing.reissued if revokes else ():
            _reissue(installation, session, number, by, reason)
        details = {
            "reason": reason,
            "stood_at": missing.stands.log[0],
            "goes_on_at": sequence,
            "events_stood_at": missing.stands.audit[0],
            "events_missing_to": missing.marked.heads.audit[0] if missing.marked else 0,
            "lost_codes": len(missing.lost),
            "revoked_again": len(missing.revoked) if revokes else 0,
            "reissued_again": len(missing.reissued) if revokes else 0,
        }
        forget_journal(session)
        add_event(session, "restore_declared", actor=by, subject="database", details=details, now=now)
    _begin_journals_anew(installation)
    return sequence


def _end(session: DatabaseSession, number: str, state: CodeState, kind: str, by: str, reason: str) -> None:
    rows = find_newest_code(session, number)
    assert rows is not None, "a slip that was there"
    now = get_now()
    end_code(session, rows, state, actor=by, reason=reason, now=now)
    add_event(session, kind, actor=by, subject=number, details={"reason": reason}, now=now)


def _reissue(installation: Installation, session: DatabaseSession, number: str, by: str, reason: str) -> None:
    _end(session, number, CodeState.SUPERSEDED, "slip_reissued", by, reason)
    rows, now = find_newest_code(session, number), get_now()
    assert rows is not None, "a slip that was there"
    code = sign_code(
        session, installation, rows.submission["mini_app"], parse_slip_record(rows.slip["record"]), now
    )
    issue_code(session, rows._replace(code=code), actor=by, reason=reason, now=now)


def _begin_journals_anew(installation: Installation) -> None:
    """A damaged journal is kept beside a new one, and so is a copy that does not end where this host's journal does: what
    both told of is declared.
    """
    journal, copy = installation.journal, installation.settings.checkpoints.copy_file
    try:
        newest = journal.refresh()
    except DamagedJournal:
        journal.set_aside()
        newest = None
    if copy is None or not copy.is_file():
        return
    try:
        lines = read_journal(installation, copy)
    except DamagedJournal:
        lines = []
    known = _list_digests(installation) if newest else set()
    if not lines or lines[-1].digest not in known:
        copy.rename(copy.with_name(f"{copy.name}.{get_now():%Y%m%dT%H%M%SZ}.declared"))


def _list_digests(installation: Installation) -> set[str]:
    ring = installation.slip_keys.current().ring
    return {line.digest for line in read_trusted(installation.journal.path.read_bytes(), ring)}
