"""A session's row is bound to the service by a MAC; and what a browser brought back to finish a sign-in is used once."""

import logging

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

log = logging.getLogger("app.migrations")


def upgrade() -> None:
    # Nothing shows that a row without a MAC was written by the service: people sign in again.
    count = op.get_bind().execute(sa.text("DELETE FROM browser_sessions")).rowcount
    if count:
        log.warning("all sessions have ended: people sign in again", extra={"count": count})
    with op.batch_alter_table("browser_sessions") as batch:
        batch.add_column(sa.Column("mac", sa.String(64), nullable=False))
    op.create_table(
        "used_once",
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("slot", name="pk_used_once"),
    )


def downgrade() -> None:
    op.drop_table("used_once")
    with op.batch_alter_table("browser_sessions") as batch:
        batch.drop_column("mac")
