"""Who was shown all of a slip; and the checks of a slip by time, to find those that only repeat one."""

import sqlalchemy as sa
from alembic import op

from app.extensions import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "slip_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("viewed_at", UtcDateTime(), nullable=False),
        sa.Column("viewer_number", sa.String(32), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("slip_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_slip_views"),
        sa.ForeignKeyConstraint(["slip_id"], ["slips.id"], name="fk_slip_views_slip_id"),
    )
    op.create_index("ix_slip_views_viewed_at", "slip_views", ["viewed_at"])
    op.create_index("ix_slip_views_viewer_number", "slip_views", ["viewer_number"])
    op.create_index("ix_slip_views_slip_id_viewed_at", "slip_views", ["slip_id", "viewed_at"])
    op.create_index("ix_slip_checks_slip_id_checked_at", "slip_checks", ["slip_id", "checked_at"])
    op.drop_index("ix_slip_checks_slip_id", "slip_checks")


def downgrade() -> None:
    op.create_index("ix_slip_checks_slip_id", "slip_checks", ["slip_id"])
    op.drop_index("ix_slip_checks_slip_id_checked_at", "slip_checks")
    op.drop_table("slip_views")
