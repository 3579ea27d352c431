"""The staff's tables: grants, approvals, views, roster entries and the decisions of desks."""

import sqlalchemy as sa
from alembic import op

from app.extensions import UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "staff_grants",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_number", sa.String(32), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("role", sa.String(12), nullable=False),
        sa.Column("mini_app", sa.String(40), nullable=False),
        sa.Column("step", sa.String(40), nullable=False),
        sa.Column("college", sa.String(80), nullable=False),
        sa.Column("period", sa.String(20), nullable=False),
        sa.Column("valid_from", UtcDateTime(), nullable=False),
        sa.Column("valid_until", UtcDateTime(), nullable=True),
        sa.Column("granted_by", sa.String(40), nullable=False),
        sa.Column("granted_at", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("delegated_from", sa.Integer(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_by", sa.String(40), nullable=True),
        sa.Column("revocation_reason", sa.String(200), nullable=True),
        sa.Column("mac", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_staff_grants"),
    )
    op.create_index("ix_staff_grants_staff_number", "staff_grants", ["staff_number"])
    op.create_index(
        "uq_staff_grants_standing",
        "staff_grants",
        ["staff_number", "role", "mini_app", "step", "college", "period"],
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(160), nullable=False),
        sa.Column("mini_app", sa.String(40), nullable=False),
        sa.Column("period", sa.String(20), nullable=False),
        sa.Column("step", sa.String(40), nullable=False),
        sa.Column("student_number", sa.String(32), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("payload_digest", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("asked_by", sa.String(40), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.String(40), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decision", sa.String(12), nullable=True),
        sa.Column("note", sa.String(200), nullable=True),
        sa.Column("mac", sa.String(64), nullable=True),
        sa.CheckConstraint("decided_by <> asked_by", name="ck_approvals_second_person"),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
    )
    op.create_index(
        "uq_approvals_open",
        "approvals",
        ["kind", "subject"],
        unique=True,
        sqlite_where=sa.text("decided_at IS NULL"),
        postgresql_where=sa.text("decided_at IS NULL"),
    )
    op.create_table(
        "staff_views",
        sa.Column("viewer", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(32), nullable=False),
        sa.Column("page", sa.String(40), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("viewer", "subject", "page", "day", name="pk_staff_views"),
    )
    op.create_index("ix_staff_views_subject_day", "staff_views", ["subject", "day"])
    op.create_index("ix_staff_views_day", "staff_views", ["day"])
    op.create_table(
        "roster_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mini_app", sa.String(40), nullable=False),
        sa.Column("period", sa.String(20), nullable=False),
        sa.Column("student_number", sa.String(32), nullable=False),
        sa.Column("key", sa.String(12), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("name_folded", sa.String(200), nullable=False),
        sa.Column("college", sa.String(100), nullable=False),
        sa.Column("major", sa.String(100), nullable=False),
        sa.Column("level", sa.String(100), nullable=False),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("listed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_roster_entries"),
        sa.UniqueConstraint("mini_app", "period", "student_number", name="uq_roster_entries_once"),
        sa.UniqueConstraint("key", name="uq_roster_entries_key"),
    )
    op.create_index(
        "ix_roster_entries_college", "roster_entries", ["mini_app", "period", "college", "student_number"]
    )
    op.create_index("ix_roster_entries_name", "roster_entries", ["mini_app", "period", "name"])
    op.create_table(
        "desk_decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connector", sa.String(40), nullable=False),
        sa.Column("student_number", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("mini_app", sa.String(40), nullable=False),
        sa.Column("step", sa.String(40), nullable=False),
        sa.Column("period", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=True),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("reason_key", sa.String(40), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("actor", sa.String(40), nullable=False),
        sa.Column("via", sa.String(10), nullable=False),
        sa.Column("nonce", sa.String(32), nullable=False),
        sa.Column("undoes", sa.Integer(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.Column("mac", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_desk_decisions"),
        sa.UniqueConstraint("connector", "student_number", "version", name="uq_desk_decisions_version"),
        sa.UniqueConstraint("nonce", name="uq_desk_decisions_nonce"),
        sa.UniqueConstraint("undoes", name="uq_desk_decisions_undoes"),
    )
    op.create_index("ix_desk_decisions_actor_decided_at", "desk_decisions", ["actor", "decided_at"])
    op.create_index("ix_desk_decisions_student_number", "desk_decisions", ["student_number"])


def downgrade() -> None:
    for table in ("desk_decisions", "roster_entries", "staff_views", "approvals", "staff_grants"):
        op.drop_table(table)
