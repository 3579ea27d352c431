"""The decisions of desks, append-only: what was recorded of whom, by whom, by which way, and what stood there before."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, UtcDateTime


class DeskDecision(Base):
    """One change of a student's entry at a desk. `version` counts from 1 without gaps; 0 is before the first. `facts` is what
    the entry holds afterwards, `before` what it held, None where there is or was none. `undoes` is the id of the decision
    that it takes back. `mini_app`, `step` and `period` are empty where a command or an import recorded, which know the desk
    alone. `mac` authenticates it.
    """

    __tablename__ = "desk_decisions"
    __table_args__ = (
        UniqueConstraint("connector", "student_number", "version", name="uq_desk_decisions_version"),
        UniqueConstraint("nonce", name="uq_desk_decisions_nonce"),
        UniqueConstraint("undoes", name="uq_desk_decisions_undoes"),
        Index("ix_desk_decisions_actor_decided_at", "actor", "decided_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connector: Mapped[str] = mapped_column(String(40))
    student_number: Mapped[str] = mapped_column(String(32), index=True)
    version: Mapped[int]
    mini_app: Mapped[str] = mapped_column(String(40))
    step: Mapped[str] = mapped_column(String(40))
    period: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str] = mapped_column(String(10))
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    reason_key: Mapped[str] = mapped_column(String(40))
    note: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(40))
    via: Mapped[str] = mapped_column(String(10))
    nonce: Mapped[str] = mapped_column(String(32))
    undoes: Mapped[int | None]
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
    mac: Mapped[str | None] = mapped_column(String(64))
