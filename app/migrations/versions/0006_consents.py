"""Who agreed to which version of a privacy notice."""

import sqlalchemy as sa
from alembic import op

from app.extensions import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consents",
        sa.Column("mini_app", sa.String(40), nullable=False),
        sa.Column("student_number", sa.String(32), nullable=False),
        sa.Column("version", sa.String(20), nullable=False),
        sa.Column("given_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("mini_app", "student_number", "version", name="pk_consents"),
    )


def downgrade() -> None:
    op.drop_table("consents")
