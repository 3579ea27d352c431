"""Whether the database has all that the checkpoints tell of."""

from __future__ import annotations

import os
from collections.abc import Iterator

from app.domain.checkpoints import Heads
from app.extensions import db
from app.identity.base import CheckResult
from app.models import JournalMark, get_floor, read_connection
from app.services.installation import Installation
from app.services.operations.checkpoints import find_own_gap, read_heads, tell_checkpoint_faults
from app.services.operations.database_checks import has_table
from app.services.operations.findings import fault, good, note


def check_checkpoints(installation: Installation) -> Iterator[CheckResult]:
    """Whether the database has what this host's journal tells of. A journal that lags keeps nobody from submitting."""
    if not has_table(JournalMark.__tablename__):
        return
    newest = installation.journal.refresh()
    with read_connection(db.engine) as connection:
        heads, gap = read_heads(connection), find_own_gap(installation, connection, newest)
    if gap or get_floor(db.engine).blocked:
        yield fault(
            "entries are missing that a checkpoint tells of, or the checkpoints: nothing is issued (`flask restore status`)"
        )
    elif newest is None and heads == Heads():
        yield good("nothing has happened yet that a checkpoint tells of")
    elif newest is None or newest.heads != heads:
        yield note("the newest checkpoint is not written yet")
    else:
        yield good(f"checkpoint {newest.heads.log[0]} is written")


def check_journals(installation: Installation) -> Iterator[CheckResult]:
    """All journals in reach, whether this host's can be written, and what gates saw; the database is looked at before."""
    if not has_table(JournalMark.__tablename__):
        return
    faults = tell_checkpoint_faults(installation, db.engine)
    yield from map(fault, faults)
    path = installation.journal.path
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        yield fault(f"{path} cannot be written")
    elif not faults:
        yield good("the database has all that the checkpoints tell of")
