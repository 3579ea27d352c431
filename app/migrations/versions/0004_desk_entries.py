"""What the clerks of departments without a system recorded."""

import sqlalchemy as sa
from alembic import op

from app.extensions import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "desk_entries",
        sa.Column("connector", sa.String(40), nullable=False),
        sa.Column("student_number", sa.String(32), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("recorded_by", sa.String(40), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("connector", "student_number", name="pk_desk_entries"),
    )


def downgrade() -> None:
    op.drop_table("desk_entries")
