"""The tables of desks: what clerks recorded, the rows that could not be read, and the lists declared complete."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, UtcDateTime


class DeskEntry(Base):
    """`connector` is the desk's name in the configuration; `facts` holds each fact's text or flag by its key."""

    __tablename__ = "desk_entries"

    connector: Mapped[str] = mapped_column(String(40), primary_key=True)
    student_number: Mapped[str] = mapped_column(String(32), primary_key=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    recorded_by: Mapped[str] = mapped_column(String(40))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DeskRefusal(Base):
    """A student whose status at a desk is unknown until a later row or entry mends it. `cause`: the row about the
    student was `refused`, or a row whose number was `unread` may be about anybody.
    """

    __tablename__ = "desk_refusals"

    connector: Mapped[str] = mapped_column(String(40), primary_key=True)
    student_number: Mapped[str] = mapped_column(String(32), primary_key=True)
    cause: Mapped[str] = mapped_column(String(10))
    message: Mapped[str] = mapped_column("says", String(400))
    refused_by: Mapped[str] = mapped_column(String(40))
    refused_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DeskCompletion(Base):
    """A clerk's declaration that whoever has no entry at a desk has nothing to settle there. No row: nobody said so,
    or a row that could not be read came later.
    """

    __tablename__ = "desk_completions"

    connector: Mapped[str] = mapped_column(String(40), primary_key=True)
    declared_by: Mapped[str] = mapped_column(String(40))
    declared_at: Mapped[datetime] = mapped_column(UtcDateTime)
