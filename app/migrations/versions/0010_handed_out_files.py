"""The digests of files that were handed out."""

import sqlalchemy as sa
from alembic import op

from app.extensions import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "handed_out_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("short_code", sa.String(16), nullable=False),
        sa.Column("kid", sa.Integer(), nullable=False),
        sa.Column("seal", sa.String(128), nullable=False),
        sa.Column("handed_out_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_handed_out_files"),
        sa.ForeignKeyConstraint(
            ["short_code"], ["issued_codes.short_code"], name="fk_handed_out_files_short_code"
        ),
        sa.UniqueConstraint("sha256", name="uq_handed_out_files_sha256"),
    )
    op.create_index("ix_handed_out_files_short_code", "handed_out_files", ["short_code"])


def downgrade() -> None:
    op.drop_table("handed_out_files")
