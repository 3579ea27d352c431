"""Last known answers of the departments, and waivers."""

import sqlalchemy as sa
from alembic import op

from app.extensions import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "known_answers",
        sa.Column("mini_app", sa.String(40), nullable=False),
        sa.Column("student_number", sa.String(32), nullable=False),
        sa.Column("step", sa.String(40), nullable=False),
        sa.Column("system", sa.String(40), nullable=False),
        sa.Column("records", sa.JSON(), nullable=True),
        sa.Column("learnt_at", UtcDateTime(), nullable=True),
        sa.Column("failing_since", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("mini_app", "student_number", "step", name="pk_known_answers"),
    )
    op.create_table(
        "waivers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mini_app", sa.String(40), nullable=False),
        sa.Column("period", sa.String(20), nullable=False),
        sa.Column("student_number", sa.String(32), nullable=False),
        sa.Column("step", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("granted_by", sa.String(40), nullable=False),
        sa.Column("granted_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_waivers"),
        sa.UniqueConstraint("mini_app", "period", "student_number", "step", name="uq_waivers_once"),
    )


def downgrade() -> None:
    op.drop_table("waivers")
    op.drop_table("known_answers")
