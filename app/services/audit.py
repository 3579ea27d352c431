"""Audit events 审计记录, hash-chained and written in the transaction that they describe.

Chain, format 1: hash = SHA-256(previous hash as 64 hex digits || canonical JSON of the event), which has the keys
actor, details, happened_at, kind and subject (`app.domain.hash_chain`). Once old events were deleted, the first one
left follows the hash of the last of those, which the head numbered 0 keeps and an event `audit_purged` confirms.

An event names the rows that decide which its transaction added and removed (`app.domain.row_ledger`); where these are
many, events `rows_changed` behind it name the rest.

With every event that a command writes, who sits at the keyboard 操作者 is kept: `--by` is what was typed and proves
nothing; the system's user, and who became it by sudo, is what an audit can hold against it.
"""

from __future__ import annotations

import json
import os
import pwd
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.domain.hash_chain import START, get_hash
from app.domain.row_ledger import RowChange, RowLedger
from app.extensions import DatabaseSession, db
from app.models import AuditEvent, AuditHead, HeadDiffers, Sender, Slip, StoredChain
from app.services.authenticated_rows import find_row_faults
from app.services.desk_histories import find_history_faults
from app.services.row_keys import RowKeyError, RowKeyStore

_USER_NAME = re.compile(r"[\w.@\\$-]{1,64}", re.ASCII)
_present: ContextVar[Mapping[str, str] | None] = ContextVar("keyboard", default=None)


@contextmanager
def at_keyboard() -> Iterator[None]:
    """Audit events written inside name the operating system's user."""
    token = _present.set(read_user())
    try:
        yield
    finally:
        _present.reset(token)


def get_keyboard() -> Mapping[str, str] | None:
    """Who is at the keyboard, or None outside a command."""
    return _present.get()


def read_user() -> dict[str, str]:
    """`os_user`, whose process this is, and `sudo_user` where the process was begun by sudo."""
    uid = os.getuid()
    try:
        user = {"os_user": pwd.getpwuid(uid).pw_name}
    except KeyError:  # as in a container: no name for the number
        user = {"os_user": str(uid)}
    sudo_user = os.environ.get("SUDO_USER", "")
    if sudo_user:
        user["sudo_user"] = sudo_user if _USER_NAME.fullmatch(sudo_user) else "unreadable"
    return user


ALONE_BY_COMMAND: Mapping[str, Any] = {"persons": 1, "via": "command"}
"""What the event of a decision says that one person took at the command line, where pages may ask for two."""
PURGED = "audit_purged"
ISSUED = "slip_issued"
ROWS_CHANGED = "rows_changed"
HASHED_KEYS = ("actor", "details", "happened_at", "kind", "subject")
EVENTS = StoredChain(AuditEvent, AuditHead)


def lock_audit(sender: Sender) -> str:
    """Take the chain's head, its newest hash, for this transaction; other writers wait in line until it ends.

    Whoever needs the issued log's head too takes that one first.
    """
    chain_hash: str = EVENTS.lock(sender)["chain_hash"]
    return chain_hash


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be appended, see `add_event`."""

    kind: str
    actor: str
    subject: str
    details: dict[str, Any]
    rows: RowChange | None = None

    def list_told(self) -> list[tuple[str, dict[str, Any]]]:
        """Kind and details of the events that tell it: a second one, and more, where the rows are many."""
        keyboard = get_keyboard()
        first, *others = (list(self.rows.iterate_details()) if self.rows else []) or [{}]
        told = [(self.kind, {**self.details, **first}), *((ROWS_CHANGED, part) for part in others)]
        if keyboard is not None:
            for _, content in told:
                content["keyboard"] = dict(keyboard)
        return told


def add_events(sender: Sender, events: Iterable[NewEvent], now: datetime, *, head: str = "") -> None:
    """Append events to the transaction in their order: the head is taken once, they are chained in memory and sent in one
    go. `head` is what `lock_audit` gave, where nothing was appended in this transaction since.
    """
    rows, chain_hash = [], head or lock_audit(sender)
    for event in events:
        for kind, details in event.list_told():
            content: dict[str, Any] = {
                "kind": kind,
                "actor": event.actor,
                "subject": event.subject,
                "details": details,
            }
            content["happened_at"] = now
            chain_hash = get_event_hash(chain_hash, content)
            rows.append({**content, "chain_hash": chain_hash})
    if rows:
        EVENTS.append(sender, *rows)


def add_event(
    sender: Sender,
    kind: str,
    *,
    actor: str,
    subject: str,
    details: dict[str, Any],
    now: datetime,
    rows: RowChange | None = None,
) -> None:
    """Append an event to the transaction. `kind` is in the past tense, `actor` who did it, `subject` the
    student number, slip number or key it is about, `rows` what the transaction does to rows that decide. Inside a
    command it names who is at the keyboard.
    """
    add_events(sender, [NewEvent(kind, actor, subject, details, rows)], now)


def move_start(session: DatabaseSession, chain_hash: str) -> None:
    """Let the chain begin after the event of this hash, which is deleted in the same transaction."""
    session.merge(AuditHead(id=0, chain_hash=chain_hash))


def get_event_hash(previous: str, event: Mapping[str, Any]) -> str:
    """The hash of an event, which has at least HASHED_KEYS, behind the one of this hash."""
    return get_hash({key: event[key] for key in HASHED_KEYS}, previous)


def find_broken_event(on_event: Callable[[Mapping[str, Any]], None] = lambda _event: None) -> int | None:
    """The id of the first event that was altered, removed or reordered, or None when the chain holds.
    A removed tail is found by the head's hash; its id is then one past the last event's. Removed first events
    are found by the start that no event confirms; the id is then that of the first event that is left.
    """
    _begin_snapshot()
    start = db.session.get(AuditHead, 0, populate_existing=True)
    is_confirmed, first_id, last_id = start is None, 0, 0
    try:
        for event, previous in EVENTS.follow(
            db.session.connection(), {"chain_hash": start.chain_hash if start else START}
        ):
            if event["chain_hash"] != get_event_hash(previous, event):
                return int(event["id"])
            first_id, last_id = first_id or event["id"], event["id"]
            is_confirmed = is_confirmed or (start is not None and _confirms(event, start.chain_hash))
            on_event(event)
    except HeadDiffers:
        return last_id + 1
    return None if is_confirmed else first_id


def _begin_snapshot() -> None:
    """Let this session read events and rows as they stand at one moment; SQLite does so anyway."""
    db.session.rollback()
    if db.engine.dialect.name == "postgresql":
        db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _confirms(event: Mapping[str, Any], start: str) -> bool:
    return bool(event["kind"] == PURGED and event["details"].get("chain_hash") == start)


def count_events() -> int:
    """How many events there are."""
    return db.session.scalar(select(func.count(AuditEvent.id))) or 0


def find_audit_faults(on_event: Callable[[], None], keys: RowKeyStore) -> Iterator[str]:
    """What does not hold, a sentence each; nothing when all holds. The chain as far as it goes, and then that every
    slip and every row that decides has its event, every such event its slip or row, and every row its code; and that each
    desk's entry is what its newest decision made of it.
    `on_event` hears of every event read.
    """
    issued: dict[str, int] = {}
    ledger = RowLedger()

    def note(event: Mapping[str, Any]) -> None:
        on_event()
        ledger.note(event)
        if event["kind"] == ISSUED:
            issued[str(event["details"].get("slip"))] = event["id"]

    try:
        broken = find_broken_event(note)
        if broken is not None:
            yield f"event {broken} does not fit: it, or one before it, was altered, removed or moved"
            return
        oldest = _find_oldest_event()
        yield from _compare_slips(issued, oldest)
        yield from find_row_faults(db.session.connection(), ledger, keys.current(), oldest)
        yield from find_history_faults(db.session.connection())
    except RowKeyError as error:
        yield f"rows cannot be authenticated: {error}"
    except DBAPIError:
        raise  # the database fails, which says nothing of the events
    except (ValueError, TypeError, AttributeError, SQLAlchemyError):
        db.session.rollback()
        yield "an event or a row cannot be read at all"


def read_ledger(sender: Sender) -> RowLedger:
    """The rows that decide by all events; see `find_audit_faults` for whether these are whole."""
    ledger = RowLedger()
    for event_id, details in sender.execute(
        select(AuditEvent.id, AuditEvent.details).order_by(AuditEvent.id)
    ):
        ledger.note({"id": event_id, "details": details})
    return ledger


def export_events(
    since: datetime | None, until: datetime | None, on_event: Callable[[], None]
) -> Iterator[str]:
    """Each event from `since` on and before `until` as a line of JSON, oldest first."""
    for event in EVENTS.read(db.session.connection()):
        on_event()
        moment = event["happened_at"]
        if (since is None or moment >= since) and (until is None or moment < until):
            yield json.dumps({**event, "happened_at": moment.isoformat()}, ensure_ascii=False)


def _find_oldest_event() -> datetime | None:
    """Events of before this moment may have been deleted by their time; None where none were."""
    was_purged = db.session.get(AuditHead, 0) is not None
    return db.session.scalar(select(func.min(AuditEvent.happened_at))) if was_purged else None


def _compare_slips(issued: dict[str, int], oldest: datetime | None) -> Iterator[str]:
    for number, issued_at in db.session.execute(select(Slip.number, Slip.issued_at)):
        if issued.pop(number, None) is None and (oldest is None or issued_at >= oldest):
            yield f"slip {number} was issued without an event"
    yield from (f"event {event_id} is about a slip that is gone" for event_id in issued.values())
