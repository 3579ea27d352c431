"""How often codes were checked behind which no slip stands, by day."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scan_counts",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("viewer", sa.String(8), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "viewer", "verdict", name="pk_scan_counts"),
    )


def downgrade() -> None:
    op.drop_table("scan_counts")
