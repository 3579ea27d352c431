"""The tables of staff 工作人员: who may do what 授权, what waits for a second person 复核, who looked at which student, and
the roster 名单, whose rows' random keys are the only names that students have in addresses.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Base, UtcDateTime


class StaffGrant(Base):
    """A role within a scope, of which "" is all. It holds from `valid_from` until `valid_until`, where there is one, unless
    revoked before. One that was delegated ends with the one of `delegated_from`. `mac` authenticates it.
    """

    __tablename__ = "staff_grants"
    __table_args__ = (
        Index(
            "uq_staff_grants_standing",
            *("staff_number", "role", "mini_app", "step", "college", "period"),
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    staff_number: Mapped[str] = mapped_column(String(32), index=True)
    name: Mapped[str] = mapped_column(String(80))
    role: Mapped[str] = mapped_column(String(12))
    mini_app: Mapped[str] = mapped_column(String(40))
    step: Mapped[str] = mapped_column(String(40))
    college: Mapped[str] = mapped_column(String(80))
    period: Mapped[str] = mapped_column(String(20))
    valid_from: Mapped[datetime] = mapped_column(UtcDateTime)
    valid_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    granted_by: Mapped[str] = mapped_column(String(40))
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(200))
    delegated_from: Mapped[int | None]
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str | None] = mapped_column(String(40))
    revocation_reason: Mapped[str | None] = mapped_column(String(200))
    mac: Mapped[str | None] = mapped_column(String(64))


class Approval(Base):
    """What one person asks and another decides. `payload` says exactly what is done when it is approved, and
    `payload_digest` is the SHA-256 of its canonical JSON. `mini_app` to `student_number` are whom it is about, for scopes;
    `step` is empty where it is about no single one. `decided_by` is empty where nobody decided: its time was over. `mac`
    authenticates it.
    """

    __tablename__ = "approvals"
    __table_args__ = (
        CheckConstraint("decided_by <> asked_by", name="second_person"),
        Index(
            "uq_approvals_open",
            *("kind", "subject"),
            unique=True,
            sqlite_where=text("decided_at IS NULL"),
            postgresql_where=text("decided_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(String(160))
    mini_app: Mapped[str] = mapped_column(String(40))
    period: Mapped[str] = mapped_column(String(20))
    step: Mapped[str] = mapped_column(String(40))
    student_number: Mapped[str] = mapped_column(String(32))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    payload_digest: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(200))
    asked_by: Mapped[str] = mapped_column(String(40))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(40))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decision: Mapped[str | None] = mapped_column(String(12))
    note: Mapped[str | None] = mapped_column(String(200))
    mac: Mapped[str | None] = mapped_column(String(64))


class StaffView(Base):
    """How often somebody looked at a student on a page on a day of the service's wall clock: one row however often."""

    __tablename__ = "staff_views"
    __table_args__ = (
        Index("ix_staff_views_subject_day", "subject", "day"),
        Index("ix_staff_views_day", "day"),
    )

    viewer: Mapped[str] = mapped_column(String(40), primary_key=True)
    subject: Mapped[str] = mapped_column(String(32), primary_key=True)
    page: Mapped[str] = mapped_column(String(40), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    count: Mapped[int]
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RosterEntry(Base):
    """A student of a mini-app and period. `key` is 60 random bits; `source` is how the student came here: `sign_in`, or
    `desk` where a clerk was told of somebody who never signed in. `name_folded` is the name as it is searched by.
    """

    __tablename__ = "roster_entries"
    __table_args__ = (
        UniqueConstraint("mini_app", "period", "student_number", name="uq_roster_entries_once"),
        UniqueConstraint("key", name="uq_roster_entries_key"),
        Index("ix_roster_entries_college", "mini_app", "period", "college", "student_number"),
        Index("ix_roster_entries_name", "mini_app", "period", "name"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mini_app: Mapped[str] = mapped_column(String(40))
    period: Mapped[str] = mapped_column(String(20))
    student_number: Mapped[str] = mapped_column(String(32))
    key: Mapped[str] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(100))
    name_folded: Mapped[str] = mapped_column(String(200))
    college: Mapped[str] = mapped_column(String(100))
    major: Mapped[str] = mapped_column(String(100))
    level: Mapped[str] = mapped_column(String(100))
    source: Mapped[str] = mapped_column(String(10))
    listed_at: Mapped[datetime] = mapped_column(UtcDateTime)
