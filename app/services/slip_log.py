"""The issued log 签发记录: entries are written in the transaction that they describe, and never changed.

`app.domain.slip_log` holds the format.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from app.domain.slip_log import CodeState, get_chain_hash, get_content_hash
from app.extensions import DatabaseSession
from app.models import IssuedCode, Slip, SlipLogEntry, SlipLogHead, Submission


def log_issued_code(
    session: DatabaseSession, code: IssuedCode, slip: Slip, *, actor: str, reason: str, now: datetime
) -> None:
    """Enter a new code, which is not stored yet, and give it its place in the log."""
    code.log_sequence = _append(session, code, slip, CodeState.ISSUED, actor, reason, now)


def change_code_state(
    session: DatabaseSession, code: IssuedCode, state: CodeState, *, actor: str, reason: str, now: datetime
) -> None:
    """Enter what became of a code, and let its row repeat it."""
    _append(session, code, code.slip, state, actor, reason, now)
    code.state = state


def _append(
    session: DatabaseSession,
    code: IssuedCode,
    slip: Slip,
    state: CodeState,
    actor: str,
    reason: str,
    now: datetime,
) -> int:
    head = lock_log(session)
    entry: dict[str, Any] = {
        "sequence": head.sequence + 1,
        "happened_at": now,
        "state": state,
        "short_code": code.short_code,
        "content_hash": get_content_hash(_describe(code), _describe(slip), _describe(slip.submission)),
        "actor": actor,
        "reason": reason,
        "previous_hash": head.chain_hash,
    }
    entry["chain_hash"] = get_chain_hash(entry)
    session.execute(insert(SlipLogEntry), entry)
    head.sequence, head.chain_hash = entry["sequence"], entry["chain_hash"]
    return head.sequence


def lock_log(session: DatabaseSession) -> SlipLogHead:
    """Take the log's head for this transaction; other writers wait in line until it ends."""
    return session.execute(select(SlipLogHead).where(SlipLogHead.id == 1).with_for_update()).scalar_one()


def _describe(row: IssuedCode | Slip | Submission) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}
