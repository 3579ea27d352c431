"""Reading the audit events: whether they are whole, and a copy for the university's own records."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.models import AuditEvent, AuditHead, Slip
from app.services.audit import find_broken_event, iterate_events

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
            yield json.dumps(_describe(event), ensure_ascii=False)


def _describe(event: AuditEvent) -> dict[str, object]:
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
