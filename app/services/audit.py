"""Audit events 审计记录, hash-chained and written in the transaction that they describe.

Chain, format 1: hash = SHA-256(previous hash as 64 hex digits || canonical JSON of the event), where the
canonical JSON has the sorted keys actor, details, happened_at (ISO 8601, UTC), kind and subject, no
spaces, and UTF-8 text as it is. The first event follows 64 zeros.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.extensions import DatabaseSession, db
from app.models import AuditEvent, AuditHead

START = "0" * 64


def lock_audit(session: DatabaseSession) -> AuditHead:
    """Take the chain's head for this transaction; other writers wait in line until it ends."""
    return session.execute(select(AuditHead).where(AuditHead.id == 1).with_for_update()).scalar_one()


def add_event(
    session: DatabaseSession,
    kind: str,
    *,
    actor: str,
    subject: str,
    details: dict[str, Any],
    now: datetime,
) -> None:
    """Append an event to the transaction. `kind` is in the past tense, `actor` who did it, `subject` the
    student number, slip number or key it is about.
    """
    head = lock_audit(session)
    event = AuditEvent(happened_at=now, kind=kind, actor=actor, subject=subject, details=details)
    event.chain_hash = _get_hash(head.chain_hash, event)
    head.chain_hash = event.chain_hash
    session.add(event)


def find_broken_event() -> int | None:
    """The id of the first event that was altered, removed or reordered, or None when the chain holds.
    A removed tail is found by the head's hash; its id is then one past the last event's.
    """
    expected, last_id = START, 0
    for event in db.session.execute(select(AuditEvent).order_by(AuditEvent.id)).scalars().yield_per(500):
        expected, last_id = _get_hash(expected, event), event.id
        if event.chain_hash != expected:
            return event.id
    head = db.session.get(AuditHead, 1)
    return None if head is not None and head.chain_hash == expected else last_id + 1


def _get_hash(previous: str, event: AuditEvent) -> str:
    text = json.dumps(
        {
            "actor": event.actor,
            "details": event.details,
            "happened_at": event.happened_at.isoformat(),
            "kind": event.kind,
            "subject": event.subject,
        },
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256((previous + text).encode()).hexdigest()
