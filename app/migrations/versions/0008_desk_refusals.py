"""Rows that a desk could not read, and lists that a clerk declared complete.

A desk with `no_record = "empty"` has no declaration after this: it is unavailable for whoever has no entry until
`flask desk complete` says that its list is whole.
"""

import sqlalchemy as sa
from alembic import op

from app.extensions import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "desk_refusals",
        sa.Column("connector", sa.String(40), nullable=False),
        sa.Column("student_number", sa.String(32), nullable=False),
        sa.Column("cause", sa.String(10), nullable=False),
        sa.Column("says", sa.String(400), nullable=False),
        sa.Column("refused_by", sa.String(40), nullable=False),
        sa.Column("refused_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("connector", "student_number", name="pk_desk_refusals"),
    )
    op.create_table(
        "desk_completions",
        sa.Column("connector", sa.String(40), nullable=False),
        sa.Column("declared_by", sa.String(40), nullable=False),
        sa.Column("declared_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("connector", name="pk_desk_completions"),
    )


def downgrade() -> None:
    op.drop_table("desk_completions")
    op.drop_table("desk_refusals")
