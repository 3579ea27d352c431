"""Submissions, slips and their codes, actions, audit events, browser sessions."""

import sqlalchemy as sa
from alembic import op

from app.extensions import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "submissions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mini_app", sa.String(40), nullable=False),
        sa.Column("period", sa.String(20), nullable=False),
        sa.Column("student_number", sa.String(32), nullable=False),
        sa.Column("student", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("submitted_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_submissions"),
        sa.UniqueConstraint("mini_app", "period", "student_number", name="uq_submissions_once"),
    )
    op.create_index("ix_submissions_student_number", "submissions", ["student_number"])
    op.create_table(
        "slips",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(24), nullable=False),
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_slips"),
        sa.ForeignKeyConstraint(["submission_id"], ["submissions.id"], name="fk_slips_submission_id"),
        sa.UniqueConstraint("number", name="uq_slips_number"),
        sa.UniqueConstraint("submission_id", name="uq_slips_submission_id"),
    )
    op.create_table(
        "issued_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slip_id", sa.Integer(), nullable=False),
        sa.Column("short_code", sa.String(16), nullable=False),
        sa.Column("digits", sa.String(400), nullable=False),
        sa.Column("kid", sa.Integer(), nullable=False),
        sa.Column("status_index", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_issued_codes"),
        sa.ForeignKeyConstraint(["slip_id"], ["slips.id"], name="fk_issued_codes_slip_id"),
        sa.UniqueConstraint("short_code", name="uq_issued_codes_short_code"),
        sa.UniqueConstraint("status_index", name="uq_issued_codes_status_index"),
    )
    op.create_index("ix_issued_codes_slip_id", "issued_codes", ["slip_id"])
    op.create_table(
        "actions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mini_app", sa.String(40), nullable=False),
        sa.Column("period", sa.String(20), nullable=False),
        sa.Column("student_number", sa.String(32), nullable=False),
        sa.Column("step", sa.String(40), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("outcome", sa.String(12), nullable=True),
        sa.Column("intended_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_actions"),
    )
    op.create_index("ix_actions_student_number", "actions", ["student_number"])
    op.create_table(
        "audit_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("happened_at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("actor", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("chain_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
        sa.UniqueConstraint("chain_hash", name="uq_audit_events_chain_hash"),
    )
    op.create_index("ix_audit_events_kind", "audit_events", ["kind"])
    op.create_index("ix_audit_events_subject", "audit_events", ["subject"])
    heads = op.create_table(
        "audit_heads",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("chain_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_heads"),
    )
    op.bulk_insert(heads, [{"id": 1, "chain_hash": "0" * 64}])
    op.create_table(
        "browser_sessions",
        sa.Column("id_hash", sa.String(64), nullable=False),
        sa.Column("person_number", sa.String(32), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id_hash", name="pk_browser_sessions"),
    )
    op.create_index("ix_browser_sessions_person_number", "browser_sessions", ["person_number"])
    op.create_index("ix_browser_sessions_expires_at", "browser_sessions", ["expires_at"])


def downgrade() -> None:
    for table in (
        "browser_sessions",
        "audit_heads",
        "audit_events",
        "actions",
        "issued_codes",
        "slips",
        "submissions",
    ):
        op.drop_table(table)
