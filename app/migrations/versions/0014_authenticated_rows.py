"""Rows that decide carry an authentication code. Rows of before have none: `flask row-keys adopt` gives it to them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLES = ("waivers", "desk_entries", "desk_completions", "consents")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("mac", sa.String(64), nullable=True))
    op.add_column("desk_completions", sa.Column("roll", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("desk_completions", "roll")
    for table in TABLES:
        op.drop_column(table, "mac")
