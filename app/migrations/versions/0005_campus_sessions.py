"""What the campus calls a session, so that it can end it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("browser_sessions", sa.Column("campus_session_hash", sa.String(64), nullable=True))
    op.create_index("ix_browser_sessions_campus_session_hash", "browser_sessions", ["campus_session_hash"])


def downgrade() -> None:
    op.drop_index("ix_browser_sessions_campus_session_hash", "browser_sessions")
    with op.batch_alter_table("browser_sessions") as batch:
        batch.drop_column("campus_session_hash")
