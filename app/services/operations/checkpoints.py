"""Whether the database has all that the checkpoints tell of, and the next checkpoint.

A backup that was restored makes revoked slips valid again, and who removes the newest rows of a chain with its head leaves
a whole, shorter chain: neither can be told from the database alone. `app.domain.checkpoints` has the format.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, Table, bindparam, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from app.domain.checkpoints import (
    Checkpoint,
    DamagedJournal,
    Heads,
    MarkedEntry,
    hash_code,
    read_checkpoints,
    read_parts,
    read_trusted,
    write_checkpoint,
)
from app.domain.errors import BelowCheckpoint
from app.domain.keys import NoSigningKey
from app.domain.slip_log import RESTORED
from app.models import (
    AuditEvent,
    AuditHead,
    IssuedCode,
    Sender,
    Slip,
    SlipLogEntry,
    SlipLogHead,
    get_floor,
    read_connection,
)
from app.models.chain import NEWEST
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.operations.journal_marks import has_had_journal, note_journal
from app.services.slips.checkpoint_journal import read_report
from app.services.slips.signing_keys import SlipKeyError

log = logging.getLogger(__name__)

_EVENTS, _ENTRIES = cast("Table", AuditEvent.__table__), cast("Table", SlipLogEntry.__table__)
_NEWEST_ENTRY = (
    select(_ENTRIES.c.sequence, _ENTRIES.c.chain_hash).order_by(_ENTRIES.c.sequence.desc()).limit(1)
)
_NEWEST_EVENT = select(_EVENTS.c.id, _EVENTS.c.chain_hash).order_by(_EVENTS.c.id.desc()).limit(1)
_NEWEST_AND_HEADS = select(
    _NEWEST_ENTRY.with_only_columns(_ENTRIES.c.chain_hash).scalar_subquery(),
    select(SlipLogHead.chain_hash).where(SlipLogHead.id == NEWEST).scalar_subquery(),
    _NEWEST_EVENT.with_only_columns(_EVENTS.c.chain_hash).scalar_subquery(),
    select(AuditHead.chain_hash).where(AuditHead.id == NEWEST).scalar_subquery(),
)
_ENTRY_AT = (
    select(_ENTRIES.c.sequence, _ENTRIES.c.chain_hash, _ENTRIES.c.state)
    .where(_ENTRIES.c.sequence >= bindparam("sequence"))
    .order_by(_ENTRIES.c.sequence)
    .limit(1)
)
_EVENT_AT = select(_EVENTS.c.chain_hash).where(_EVENTS.c.id == bindparam("event_id"))
_RESTORED_BEHIND = (
    select(_ENTRIES.c.sequence)
    .where(_ENTRIES.c.state == RESTORED, _ENTRIES.c.sequence > bindparam("sequence"))
    .limit(1)
)
_BETWEEN = (
    select(_ENTRIES.c.sequence, _ENTRIES.c.state, _ENTRIES.c.short_code, Slip.number, IssuedCode.status_index)
    .select_from(_ENTRIES)
    .outerjoin(IssuedCode, IssuedCode.short_code == _ENTRIES.c.short_code)
    .outerjoin(Slip, Slip.id == IssuedCode.slip_id)
    .where(_ENTRIES.c.sequence > bindparam("after"), _ENTRIES.c.sequence <= bindparam("last"))
    .order_by(_ENTRIES.c.sequence)
)
ODD_HEAD = "the newest rows are not those that the chains' heads name: see `flask audit verify`"
WHAT_TO_DO = (
    "a backup was restored, or rows were removed: see `flask restore status`, then `flask restore declare`"
)
NO_JOURNAL = (
    "the journal of checkpoints is gone, which this database has had: put it back, or one of another host or of a second "
    "place beside its place under a name that ends in .jsonl"
)


class CheckpointsRefused(Exception):
    """The service does not start: its database is below its checkpoints, or these cannot be trusted."""


def read_heads(sender: Sender) -> Heads:
    """The newest entries of both chains. Raises SQLAlchemyError."""
    none = Heads()
    entry, event = sender.execute(_NEWEST_ENTRY).first(), sender.execute(_NEWEST_EVENT).first()
    return Heads(
        (entry.sequence, entry.chain_hash) if entry else none.log,
        (event.id, event.chain_hash) if event else none.audit,
    )


def list_entries(sender: Sender, after: int, last: int) -> tuple[MarkedEntry, ...]:
    """What a checkpoint tells of the log's entries behind `after`, up to `last`."""
    return tuple(
        MarkedEntry(sequence, state, hash_code(code) if code else "", number or "", place)
        for sequence, state, code, number, place in sender.execute(_BETWEEN, {"after": after, "last": last})
    )


def find_gap(sender: Sender, checkpoint: Checkpoint) -> str:
    """What the database lacks of a checkpoint, in words; "" when it has all. What a declared restore left out is not
    missed. Raises SQLAlchemyError.
    """
    when = f"{checkpoint.time:%Y-%m-%d %H:%M:%S} UTC"
    sequence, chain_hash = checkpoint.heads.log
    found = sender.execute(_ENTRY_AT, {"sequence": sequence}).first() if sequence else None
    if sequence and found is None:
        stands = read_heads(sender).log[0]
        return f"the issued log stands at {stands}, and the checkpoint of {when} says {sequence}"
    if found is not None and found.sequence == sequence and found.chain_hash != chain_hash:
        return f"entry {sequence} of the issued log is another one than the checkpoint of {when} says"
    if found is not None and found.sequence > sequence and found.state != RESTORED:
        return f"entry {sequence} of the issued log is missing, which the checkpoint of {when} tells of"
    if sender.execute(_RESTORED_BEHIND, {"sequence": sequence}).first():
        return ""
    return _find_audit_gap(sender, checkpoint, when)


def _find_audit_gap(sender: Sender, checkpoint: Checkpoint, when: str) -> str:
    event_id, chain_hash = checkpoint.heads.audit
    found = sender.execute(_EVENT_AT, {"event_id": event_id}).scalar() if event_id else None
    if not event_id or found == chain_hash:
        return ""
    if found is not None:
        return f"audit event {event_id} is another one than the checkpoint of {when} says"
    stands = read_heads(sender).audit[0]
    return f"the audit stands at event {stands}, and the checkpoint of {when} says {event_id}"


def find_own_gap(installation: Installation, sender: Sender, newest: Checkpoint | None) -> str:
    """What the database lacks of this host's newest checkpoint, in words; "" when it has all. Without any it must have had
    none, or that of another journal in reach. Raises SQLAlchemyError, DamagedJournal, OSError or SlipKeyError.
    """
    if newest is not None:
        return find_gap(sender, newest)
    if not has_had_journal(sender):
        return ""
    others = read_newest(installation)
    gaps = (find_gap(sender, checkpoint) for checkpoint in others)
    return next(filter(None, gaps), "") if others else NO_JOURNAL


def compare_first(installation: Installation, sender: Sender) -> None:
    """Compare with this host's journal before this process appends anything. Raises BelowCheckpoint, also where the
    journal is there and cannot be read.
    """
    try:
        reason = find_own_gap(installation, sender, installation.journal.refresh())
    except (DamagedJournal, OSError, SlipKeyError) as error:
        reason = describe_unreadable(installation, error)
    if reason:
        raise BelowCheckpoint(f"{reason}: {WHAT_TO_DO}")


def watch_appends(installation: Installation, engine: Engine) -> None:
    """Let this process append nothing to this database before it has compared."""
    get_floor(engine).compare = partial(compare_first, installation)


def mark(installation: Installation, engine: Engine) -> str:
    """Write the checkpoint of what the database has now, unless it lacks something: then nothing is written or appended,
    and the reason is returned, "" otherwise. Rows that were moved past the chain's head are not vouched for. Raises SQLAlchemyError, OSError, SlipKeyError or NoSigningKey.
    """
    floor, journal = get_floor(engine), installation.journal
    try:
        with journal.locked() as add, read_connection(engine) as connection:
            # After the journal: whatever it tells of was committed by then.
            heads = read_heads(connection)
            floor.blocked = _find_any_gap(installation, connection, engine, heads)
            if not floor.blocked:
                floor.rise(*heads.log)
                if not _fit_heads(connection):
                    return ODD_HEAD
                if heads != (journal.newest.heads if journal.newest else Heads()):
                    add(_make_line(installation, connection, heads, journal.newest))
            is_noted = has_had_journal(connection)
        if journal.newest and not is_noted:
            # Not while the journal is held: who has the database waits for it.
            note_journal(engine, get_now())
    except DamagedJournal as error:
        floor.blocked = f"{describe_unreadable(installation, error)}: {WHAT_TO_DO}"
    return floor.blocked


def _fit_heads(sender: Sender) -> bool:
    entry, entry_head, event, event_head = sender.execute(_NEWEST_AND_HEADS).one()
    return (entry is None or entry == entry_head) and (event is None or event == event_head)


def _find_any_gap(installation: Installation, sender: Sender, engine: Engine, heads: Heads) -> str:
    reason = find_own_gap(installation, sender, installation.journal.newest)
    floor = get_floor(engine)
    if not reason and floor.is_above(*heads.log):
        reason = f"the issued log stands at {heads.log[0]}, and stood at {floor.sequence}"
    return f"{reason}: {WHAT_TO_DO}" if reason else ""


def _make_line(installation: Installation, sender: Sender, heads: Heads, newest: Checkpoint | None) -> str:
    before = newest.heads.log[0] if newest else 0
    return write_checkpoint(
        installation.settings.service.host,
        heads,
        list_entries(sender, before, heads.log[0]),
        newest.digest if newest else Heads().log[1],
        get_now(),
        _choose_signer(installation),
    )


def _choose_signer(installation: Installation) -> tuple[int, Ed25519PrivateKey]:
    """What signs slips now, or the newest key that ever did: a revocation is marked though no key may sign slips."""
    keys = installation.slip_keys.current()
    try:
        return keys.get_signer(installation.get_local_time(get_now()))
    except NoSigningKey:
        if not keys.signers:
            raise
        return max(keys.signers.items())


def describe_unreadable(installation: Installation, error: Exception) -> str:
    """What is wrong with this host's journal, for an operator."""
    why = error.strerror if isinstance(error, OSError) else str(error)
    return f"the journal of checkpoints {installation.journal.path} cannot be used: {why}"


def list_journals(installation: Installation) -> list[Path]:
    """Every journal in reach: those in the folder, and the copy in a second place."""
    copy = installation.settings.checkpoints.copy_file
    found = sorted(installation.checkpoint_folder.glob("*.jsonl"))
    return [*found, copy] if copy is not None and copy not in found and copy.is_file() else found


def read_journal(installation: Installation, path: Path) -> list[Checkpoint]:
    """The lines of a journal in reach: whole ones of this host and its copy, parts of others. Raises DamagedJournal, OSError
    or SlipKeyError.
    """
    data, ring = path.read_bytes(), installation.slip_keys.current().ring
    if path in (installation.journal.path, installation.settings.checkpoints.copy_file):
        return read_checkpoints(data, ring)
    return read_parts(data, ring)


def read_newest(installation: Installation) -> list[Checkpoint]:
    """The newest checkpoint of every journal in reach. One of another place that cannot be trusted is told, and used up to
    the damage. Raises DamagedJournal, OSError or SlipKeyError for this host's own.
    """
    own = installation.journal.refresh()
    found = [own] if own else []
    for path in list_journals(installation):
        if path == installation.journal.path:
            continue
        lines: list[Checkpoint] = []
        try:
            lines = read_journal(installation, path)
        except DamagedJournal as error:
            log.error("journal not readable", extra={"journal": path.name, "reason": str(error)})
            lines = read_trusted(path.read_bytes(), installation.slip_keys.current().ring)
        except OSError as error:
            log.error("journal not readable", extra={"journal": path.name, "reason": error.strerror})
        if lines:
            found.append(max(lines, key=lambda checkpoint: checkpoint.heads))
    return found


def check_start(installation: Installation, engine: Engine) -> None:
    """Compare the database with every journal in reach. Raises CheckpointsRefused where it lacks anything. A database
    that does not answer is compared when it does.
    """
    try:
        newest = read_newest(installation)
    except (DamagedJournal, OSError, SlipKeyError) as error:
        raise CheckpointsRefused(f"{describe_unreadable(installation, error)}: {WHAT_TO_DO}") from error
    try:
        gap = find_widest_gap(engine, newest)
    except SQLAlchemyError as error:
        log.error("not compared with the checkpoints", extra={"error": type(error).__name__})
        return
    if gap:
        raise CheckpointsRefused(f"the database is behind its checkpoints: {gap}: {WHAT_TO_DO}")


def find_checkpoint_faults(installation: Installation, engine: Engine) -> list[str]:
    """What the database lacks of the journals in reach and of what gates saw, a sentence each. Raises SQLAlchemyError."""
    try:
        gap = find_widest_gap(engine, read_newest(installation))
    except (DamagedJournal, OSError, SlipKeyError) as error:
        return [describe_unreadable(installation, error)]
    if gap or is_empty(engine):
        return [gap] if gap else []
    with read_connection(engine) as connection:
        stands, seen = read_heads(connection).log[0], read_report(installation.checkpoint_folder)
    return [f"the issued log stands at {stands}, and a gate saw a list of {seen}"] if seen > stands else []


def tell_checkpoint_faults(installation: Installation, engine: Engine) -> list[str]:
    """The same, each with what to do."""
    return [f"{words}: see `flask restore status`" for words in find_checkpoint_faults(installation, engine)]


def find_widest_gap(engine: Engine, checkpoints: Iterable[Checkpoint]) -> str:
    """What the database lacks most of these, the newest checkpoints of all journals, in words; "" where it has all. Raises
    SQLAlchemyError.
    """
    farthest_first = sorted(checkpoints, key=lambda checkpoint: checkpoint.heads, reverse=True)
    if is_empty(engine):
        return (
            ""
            if not farthest_first
            else f"it is empty, and the issued log stood at {farthest_first[0].heads.log[0]}"
        )
    with read_connection(engine) as connection:
        if not farthest_first and has_had_journal(connection):
            return NO_JOURNAL
        gaps = (find_gap(connection, checkpoint) for checkpoint in farthest_first)
        return next(filter(None, gaps), "")


def is_empty(engine: Engine) -> bool:
    """Whether there is no database, or none with an issued log."""
    return not has_file(engine) or not inspect(engine).has_table(SlipLogEntry.__tablename__)


def has_file(engine: Engine) -> bool:
    """False for a SQLite file that is not there: looking would make it."""
    return engine.dialect.name != "sqlite" or Path(engine.url.database or "").is_file()
