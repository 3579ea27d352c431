"""Sessions seen from outside their browser: ended by the campus (single logout), listed and ended by an operator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Table, delete, select

from app.extensions import db
from app.models import BrowserSession, write_transaction
from app.services.audit import add_event
from app.services.sign_in import hash_campus_session

_ROWS = cast("Table", BrowserSession.__table__)


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A signed-in session: whose, since when, last used, and when it ends at the latest (UTC)."""

    person_number: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


def end_campus_session(provider: str, named: str) -> bool:
    """End the session that began with what the provider calls `named`; tells whether there was one. A name
    that is not known costs one read, so that strangers' messages write nothing.
    """
    is_it = _ROWS.c.campus_session_hash == hash_campus_session(provider, named)
    with db.engine.connect() as connection:
        if connection.execute(select(_ROWS.c.id_hash).where(is_it)).first() is None:
            return False
    with write_transaction() as session:
        return bool(session.connection().execute(delete(_ROWS).where(is_it)).rowcount)


def list_sessions(now: datetime, person_number: str = "") -> list[OpenSession]:
    """The signed-in sessions that are not past their absolute limit, of one person or of all, newest first."""
    is_wanted = _ROWS.c.person_number == person_number if person_number else _ROWS.c.person_number != ""
    statement = (
        select(_ROWS.c.person_number, _ROWS.c.created_at, _ROWS.c.seen_at, _ROWS.c.expires_at)
        .where(is_wanted, _ROWS.c.expires_at > now)
        .order_by(_ROWS.c.created_at.desc())
    )
    with db.engine.connect() as connection:
        return [OpenSession(*row) for row in connection.execute(statement)]


def end_sessions_of(person_number: str, actor: str, now: datetime) -> int:
    """End all sessions of a person, and note in the audit who did it; returns how many there were."""
    with write_transaction() as session:
        statement = delete(_ROWS).where(_ROWS.c.person_number == person_number)
        count = int(session.connection().execute(statement).rowcount)
        add_event(
            session, "sessions_ended", actor=actor, subject=person_number, details={"count": count}, now=now
        )
        return count
