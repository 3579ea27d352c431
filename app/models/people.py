"""The tables about people: browsers' sessions and which sign-ins were used, consents to a mini-app's privacy notice, and
the audit events 审计记录, append-only and hash-chained.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, UtcDateTime


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


class BrowserSession(Base):
    """`id_hash` is the SHA-256 of the identifier in the cookie; the identifier itself is not stored.
    `expires_at` is the absolute limit. `campus_session_hash` is the SHA-256 of what the campus calls the session,
    where it tells of its end. `mac` covers all the other columns, see services/sign_in/sessions.py.
    """

    __tablename__ = "browser_sessions"

    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_number: Mapped[str] = mapped_column(String(32), index=True)
    data: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    campus_session_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    mac: Mapped[str] = mapped_column(String(64))


class UsedOnce(Base):
    """What was used last of the values that share a slot, see services/sign_in/used_once.py."""

    __tablename__ = "used_once"

    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value_hash: Mapped[str] = mapped_column(String(64))


class Consent(Base):
    """Stands while the consent holds; that it was given or withdrawn is told by the audit events. `mac` authenticates it,
    see `app.services.authenticated_rows`.
    """

    __tablename__ = "consents"

    mini_app: Mapped[str] = mapped_column(String(40), primary_key=True)
    student_number: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[str] = mapped_column(String(20), primary_key=True)
    given_at: Mapped[datetime] = mapped_column(UtcDateTime)
    mac: Mapped[str | None] = mapped_column(String(64))
