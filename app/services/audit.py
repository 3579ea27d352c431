"""Audit events 审计记录, hash-chained and written in the transaction that they describe.

Chain, format 1: hash = SHA-256(previous hash as 64 hex digits || canonical JSON of the event), where the
canonical JSON has the sorted keys actor, details, happened_at (ISO 8601, UTC), kind and subject, no
spaces, and UTF-8 text as it is. The first event follows 64 zeros; once old events were deleted, it follows the
hash of the last of those, which the head numbered 0 keeps and an event `audit_purged` confirms.

Who sits at the keyboard 操作者: the operating system's user of a command, kept with every event that it writes.

`--by` is what was typed and proves nothing; the system's user, and who became it by sudo, is what an audit can hold
against it.

Reading the audit events: whether they are whole, and a copy for the university's own records.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import DatabaseSession, db
from app.models import AuditEvent, AuditHead, Sender, Slip

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


START = "0" * 64
PURGED = "audit_purged"
PAGE = 500
HASHED_KEYS = ("actor", "details", "happened_at", "kind", "subject")


_EVENTS, _HEADS = cast("Table", AuditEvent.__table__), cast("Table", AuditHead.__table__)
_LOCK = select(_HEADS.c.chain_hash).where(_HEADS.c.id == 1).with_for_update()
_ADD = insert(_EVENTS)
_MOVE = update(_HEADS).where(_HEADS.c.id == 1)
"""Built once: to build them costs more than to run them."""


def lock_audit(sender: Sender) -> str:
    """Take the chain's head, its newest hash, for this transaction; other writers wait in line until it ends.

    Whoever needs the issued log's head too takes that one first.
    """
    return str(sender.execute(_LOCK).scalar_one())


def add_event(
    sender: Sender,
    kind: str,
    *,
    actor: str,
    subject: str,
    details: dict[str, Any],
    now: datetime,
) -> None:
    """Append an event to the transaction. `kind` is in the past tense, `actor` who did it, `subject` the
    student number, slip number or key it is about. Inside a command it names who is at the keyboard.
    """
    keyboard = get_keyboard()
    if keyboard is not None:
        details = {**details, "keyboard": dict(keyboard)}
    event = {"happened_at": now, "kind": kind, "actor": actor, "subject": subject, "details": details}
    chain_hash = _get_hash(lock_audit(sender), event)
    sender.execute(_ADD, event | {"chain_hash": chain_hash})
    sender.execute(_MOVE, {"chain_hash": chain_hash})


def move_start(session: DatabaseSession, chain_hash: str) -> None:
    """Let the chain begin after the event of this hash, which is deleted in the same transaction."""
    session.merge(AuditHead(id=0, chain_hash=chain_hash))


def iterate_events(after: int = 0) -> Iterator[AuditEvent]:
    """The events whose id is above `after`, oldest first, read page by page."""
    while page := list(
        db.session.scalars(
            select(AuditEvent).where(AuditEvent.id > after).order_by(AuditEvent.id).limit(PAGE)
        )
    ):
        after = page[-1].id
        for event in page:
            db.session.expunge(event)
            yield event


def find_broken_event(on_event: Callable[[AuditEvent], None] = lambda _event: None) -> int | None:
    """The id of the first event that was altered, removed or reordered, or None when the chain holds.
    A removed tail is found by the head's hash; its id is then one past the last event's. Removed first events
    are found by the start that no event confirms; the id is then that of the first event that is left.
    """
    db.session.rollback()
    start = db.session.get(AuditHead, 0, populate_existing=True)
    expected = start.chain_hash if start is not None else START
    is_confirmed, first_id, last_id = start is None, 0, -1
    while True:
        read_to = last_id
        for event in iterate_events(last_id):
            if event.chain_hash != _get_hash(expected, _describe(event)):
                return event.id
            first_id, last_id, expected = first_id or event.id, event.id, event.chain_hash
            is_confirmed = is_confirmed or (start is not None and _confirms(event, start.chain_hash))
            on_event(event)
        head = db.session.get(AuditHead, 1, populate_existing=True)
        if head is not None and head.chain_hash == expected:
            return None if is_confirmed else first_id
        if last_id == read_to:  # else events may have come since the last page
            return max(last_id, 0) + 1


def _describe(event: AuditEvent) -> dict[str, Any]:
    return {key: getattr(event, key) for key in HASHED_KEYS}


def _confirms(event: AuditEvent, start: str) -> bool:
    return event.kind == PURGED and event.details.get("chain_hash") == start


def _get_hash(previous: str, event: Mapping[str, Any]) -> str:
    text = json.dumps(
        event, default=datetime.isoformat, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256((previous + text).encode()).hexdigest()


ISSUED = "slip_issued"


def count_events() -> int:
    """How many events there are."""
    return db.session.scalar(select(func.count(AuditEvent.id))) or 0


def find_audit_faults(on_event: Callable[[], None]) -> Iterator[str]:
    """What does not hold, a sentence each; nothing when all holds. The chain as far as it goes, and then that every
    slip has the event of its issue, and every such event its slip. `on_event` hears of every event read.
    """
    issued: dict[str, int] = {}

    def note(event: AuditEvent) -> None:
        on_event()
        if event.kind == ISSUED:
            issued[str(event.details.get("slip"))] = event.id

    try:
        broken = find_broken_event(note)
        if broken is not None:
            yield f"event {broken} does not fit: it, or one before it, was altered, removed or moved"
            return
        yield from _compare_slips(issued)
    except (ValueError, TypeError, AttributeError, SQLAlchemyError) as error:
        db.session.rollback()
        yield f"an event cannot be read at all: {type(error).__name__}"


def export_events(
    since: datetime | None, until: datetime | None, on_event: Callable[[], None]
) -> Iterator[str]:
    """Each event from `since` on and before `until` as a line of JSON, oldest first."""
    for event in iterate_events():
        on_event()
        moment = event.happened_at
        if (since is None or moment >= since) and (until is None or moment < until):
            yield json.dumps(_to_line(event), ensure_ascii=False)


def _to_line(event: AuditEvent) -> dict[str, object]:
    return {
        "id": event.id,
        "happened_at": event.happened_at.isoformat(),
        "kind": event.kind,
        "actor": event.actor,
        "subject": event.subject,
        "details": event.details,
        "chain_hash": event.chain_hash,
    }


def _compare_slips(issued: dict[str, int]) -> Iterator[str]:
    """The events of slips issued before the oldest event left may have been deleted by their time."""
    was_purged = db.session.get(AuditHead, 0) is not None
    oldest = db.session.scalar(select(func.min(AuditEvent.happened_at))) if was_purged else None
    for number, issued_at in db.session.execute(select(Slip.number, Slip.issued_at)):
        if issued.pop(number, None) is None and (oldest is None or issued_at >= oldest):
            yield f"slip {number} was issued without an event"
    yield from (f"event {event_id} is about a slip that is gone" for event_id in issued.values())
