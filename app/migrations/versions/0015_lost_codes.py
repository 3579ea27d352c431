"""Codes that a restored backup lacks."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lost_codes",
        sa.Column("code_hash", sa.String(32), nullable=False),
        sa.Column("number", sa.String(24), nullable=False),
        sa.Column("status_index", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("log_sequence", sa.Integer(), nullable=False),
        sa.Column("declared_sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("code_hash", name="pk_lost_codes"),
        sa.ForeignKeyConstraint(
            ["declared_sequence"], ["slip_log_entries.sequence"], name="fk_lost_codes_declared_sequence"
        ),
    )
    for column in ("number", "status_index", "declared_sequence"):
        op.create_index(f"ix_lost_codes_{column}", "lost_codes", [column])


def downgrade() -> None:
    op.drop_table("lost_codes")
