"""A waiver can be withdrawn: who did it, when and why is kept, and the step can be waived again."""

import sqlalchemy as sa
from alembic import op

from app.extensions import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ONCE = ["mini_app", "period", "student_number", "step"]
STANDS = sa.text("withdrawn_at IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("waivers") as batch:
        batch.add_column(sa.Column("withdrawn_by", sa.String(40), nullable=True))
        batch.add_column(sa.Column("withdrawn_at", UtcDateTime(), nullable=True))
        batch.add_column(sa.Column("withdrawal_reason", sa.String(200), nullable=True))
        batch.drop_constraint("uq_waivers_once", type_="unique")
    op.create_index(
        "uq_waivers_standing",
        "waivers",
        ONCE,
        unique=True,
        sqlite_where=STANDS,
        postgresql_where=STANDS,
    )


def downgrade() -> None:
    # An older version would take a withdrawn waiver for one that stands; the audit events keep what was.
    op.execute(sa.text("DELETE FROM waivers WHERE withdrawn_at IS NOT NULL"))
    op.drop_index("uq_waivers_standing", "waivers")
    with op.batch_alter_table("waivers") as batch:
        batch.create_unique_constraint("uq_waivers_once", ONCE)
        batch.drop_column("withdrawal_reason")
        batch.drop_column("withdrawn_at")
        batch.drop_column("withdrawn_by")
