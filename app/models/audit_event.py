"""Audit events 审计记录: append-only and hash-chained."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base
from app.models.types import UtcDateTime


class AuditEvent(Base):
    """One thing that happened, in the past tense. `chain_hash` covers the event and its predecessor's
    hash, see services/audit.py.
    """

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    happened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(40), index=True)
    actor: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(64), index=True)
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    chain_hash: Mapped[str] = mapped_column(String(64), unique=True)


class AuditHead(Base):
    """Row 1 holds the newest hash; locking it puts writers in line. Row 0, once old events were deleted, holds the
    hash that the oldest event left follows.
    """

    __tablename__ = "audit_heads"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    chain_hash: Mapped[str] = mapped_column(String(64))
