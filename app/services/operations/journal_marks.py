"""Whether a database has ever had a journal of checkpoints: one that is gone is missed, while a new installation, or one
that comes from a release without checkpoints, begins its first journal by itself.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Engine, delete, inspect, select

from app.models import JournalMark, Sender, insert_once, write_connection
from app.models.chain import NEWEST


def has_had_journal(sender: Sender) -> bool:
    """Whether a journal was begun for this database. False before the database is upgraded. Raises SQLAlchemyError."""
    connection = sender if isinstance(sender, Connection) else sender.connection()
    if not inspect(connection).has_table(JournalMark.__tablename__):
        return False
    return connection.execute(select(JournalMark.id)).first() is not None


def note_journal(engine: Engine, now: datetime) -> None:
    """Keep that this database has a journal. Raises SQLAlchemyError."""
    with write_connection(engine) as connection:
        insert_once(connection, JournalMark, {"id": NEWEST, "begun_at": now})


def forget_journal(sender: Sender) -> None:
    """Let the next journal be a first one, as part of the transaction that declares a restore."""
    sender.execute(delete(JournalMark))
