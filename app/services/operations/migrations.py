"""Which revision the database stands at, beside those that this release knows."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def get_migration_head() -> str:
    """The revision that the code expects."""
    return _open_scripts().get_current_head() or ""


def is_newer(revision: str) -> bool:
    """Whether a newer release brought the database to this revision: releases only add some, and this one is not here."""
    return revision not in {script.revision for script in _open_scripts().walk_revisions()}


def describe_difference(revision: str) -> str:
    """What is wrong with a database at this revision, and what to do; "" at the one that the code expects."""
    head = get_migration_head()
    if revision == head:
        return ""
    if is_newer(revision):
        return (
            f"the database is of a newer release (revision {revision}, this one knows up to {head}): "
            "upgrade the program, or restore the backup from before the upgrade"
        )
    return f"the database is of an older release (revision {revision}, this one expects {head}): `flask db upgrade`"


def _open_scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)
