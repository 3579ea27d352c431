"""The issued log as a hash chain, and the log of checks."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from app.domain.hash_chain import START
from app.domain.slip_log import CodeState, get_chain_hash, get_content_hash
from app.extensions import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ISSUED = sa.text(
    """
    SELECT codes.id, codes.short_code, codes.digits, codes.kid, codes.status_index, codes.issued_at,
           slips.number, slips.record, slips.issued_at AS slip_issued_at,
           submissions.mini_app, submissions.period, submissions.student_number, submissions.student,
           submissions.evidence, submissions.submitted_at
    FROM issued_codes AS codes
    JOIN slips ON slips.id = codes.slip_id
    JOIN submissions ON submissions.id = slips.submission_id
    ORDER BY codes.id
    """
).columns(
    issued_at=UtcDateTime(),
    slip_issued_at=UtcDateTime(),
    submitted_at=UtcDateTime(),
    record=sa.JSON(),
    student=sa.JSON(),
    evidence=sa.JSON(),
)


def upgrade() -> None:
    entries = op.create_table(
        "slip_log_entries",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("happened_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("short_code", sa.String(16), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("chain_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_slip_log_entries"),
        sa.UniqueConstraint("chain_hash", name="uq_slip_log_entries_chain_hash"),
    )
    op.create_index("ix_slip_log_entries_short_code", "slip_log_entries", ["short_code"])
    heads = op.create_table(
        "slip_log_heads",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("chain_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_slip_log_heads"),
    )
    op.create_table(
        "slip_checks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("checked_at", UtcDateTime(), nullable=False),
        sa.Column("viewer", sa.String(8), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("address_hash", sa.String(32), nullable=False),
        sa.Column("slip_id", sa.Integer(), nullable=True),
        sa.Column("offline_id", sa.String(36), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_slip_checks"),
        sa.ForeignKeyConstraint(["slip_id"], ["slips.id"], name="fk_slip_checks_slip_id"),
        sa.UniqueConstraint("offline_id", name="uq_slip_checks_offline_id"),
    )
    op.create_index("ix_slip_checks_checked_at", "slip_checks", ["checked_at"])
    op.create_index("ix_slip_checks_slip_id", "slip_checks", ["slip_id"])
    op.add_column("slips", sa.Column("check_count", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("issued_codes") as batch:
        batch.add_column(sa.Column("log_sequence", sa.Integer(), nullable=True))
    _log_issued_codes(entries, heads)
    with op.batch_alter_table("issued_codes") as batch:
        batch.alter_column("log_sequence", existing_type=sa.Integer(), nullable=False)
        batch.create_unique_constraint("uq_issued_codes_log_sequence", ["log_sequence"])
        batch.create_foreign_key(
            "fk_issued_codes_log_sequence", "slip_log_entries", ["log_sequence"], ["sequence"]
        )
        batch.create_index("ix_issued_codes_kid", ["kid"])


def _log_issued_codes(entries: sa.Table, heads: sa.Table) -> None:
    """Write the entries of the codes that were issued before there was a chain."""
    connection = op.get_bind()
    last: dict[str, Any] = {"id": 1, "sequence": 0, "chain_hash": START}
    for row in connection.execute(ISSUED).mappings().all():
        entry = _make_entry(dict(row), last["sequence"] + 1, last["chain_hash"])
        connection.execute(sa.insert(entries), entry)
        connection.execute(
            sa.text("UPDATE issued_codes SET log_sequence = :sequence WHERE id = :id"),
            {"sequence": entry["sequence"], "id": row["id"]},
        )
        last |= {"sequence": entry["sequence"], "chain_hash": entry["chain_hash"]}
    connection.execute(sa.insert(heads), last)


def _make_entry(row: dict[str, Any], sequence: int, previous_hash: str) -> dict[str, Any]:
    entry = {
        "sequence": sequence,
        "happened_at": row["issued_at"],
        "state": CodeState.ISSUED,
        "short_code": row["short_code"],
        "content_hash": get_content_hash(row, {**row, "issued_at": row["slip_issued_at"]}, row),
        "actor": row["student_number"],
        "reason": "",
        "previous_hash": previous_hash,
    }
    return {**entry, "chain_hash": get_chain_hash(entry)}


def downgrade() -> None:
    with op.batch_alter_table("issued_codes") as batch:
        batch.drop_index("ix_issued_codes_kid")
        batch.drop_constraint("fk_issued_codes_log_sequence", type_="foreignkey")
        batch.drop_constraint("uq_issued_codes_log_sequence", type_="unique")
        batch.drop_column("log_sequence")
    op.drop_table("slip_checks")
    op.drop_column("slips", "check_count")
    op.drop_table("slip_log_heads")
    op.drop_table("slip_log_entries")
