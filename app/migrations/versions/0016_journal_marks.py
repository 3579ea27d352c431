"""That a database has checkpoints outside of it: then a journal that is gone is missed."""

import sqlalchemy as sa
from alembic import op

from app.extensions import UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "journal_marks",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("begun_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_journal_marks"),
    )


def downgrade() -> None:
    op.drop_table("journal_marks")
