"""A browser's session: who is signed in, kept on the server."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base
from app.models.types import UtcDateTime


class BrowserSession(Base):
    """`id_hash` is the SHA-256 of the identifier in the cookie; the identifier itself is not stored.
    `person_number` is empty before sign-in. `expires_at` is the absolute limit. `campus_session_hash` is the
    SHA-256 of what the campus calls the session, where it tells of its end.
    """

    __tablename__ = "browser_sessions"

    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_number: Mapped[str] = mapped_column(String(32), default="", index=True)
    data: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    campus_session_hash: Mapped[str | None] = mapped_column(String(64), index=True)
