"""One person, one number: what is keyed by a number is held to its one form, see services/person_numbers.py."""

import logging

import sqlalchemy as sa
from alembic import op
from flask import current_app

from app.services.clock import get_now
from app.services.numbers import fold_stored_numbers

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

log = logging.getLogger("app.migrations")


def upgrade() -> None:
    op.add_column("submissions", sa.Column("person_number", sa.String(32), nullable=False, server_default=""))
    op.add_column("submissions", sa.Column("repeat", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE submissions SET person_number = student_number")
    # Who waits to confirm an identity has it in a session of nobody yet.
    op.execute("DELETE FROM browser_sessions WHERE person_number = '' AND data LIKE '%\"arrived\"%'")
    form = current_app.extensions["installation"].settings.numbers
    for name, count in fold_stored_numbers(op.get_bind(), form, get_now()).items():
        log.warning(
            "numbers were in another form than [numbers]: see `flask doctor`",
            extra={"table": name, "count": count},
        )
    op.create_index(
        "uq_submissions_person",
        "submissions",
        ["person_number", "mini_app", "period", "repeat"],
        unique=True,
    )
    op.drop_index("ix_submissions_student_number", "submissions")


def downgrade() -> None:
    op.create_index("ix_submissions_student_number", "submissions", ["student_number"])
    op.drop_index("uq_submissions_person", "submissions")
    op.drop_column("submissions", "repeat")
    op.drop_column("submissions", "person_number")
