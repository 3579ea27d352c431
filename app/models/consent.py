"""A consent: a student agreed to a version of a mini-app's privacy notice."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base
from app.models.types import UtcDateTime


class Consent(Base):
    """Stands while the consent holds; that it was given or withdrawn is told by the audit events."""

    __tablename__ = "consents"

    mini_app: Mapped[str] = mapped_column(String(40), primary_key=True)
    student_number: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[str] = mapped_column(String(20), primary_key=True)
    given_at: Mapped[datetime] = mapped_column(UtcDateTime)
