"""Browsers' sessions in the database: few statements, by SQLAlchemy Core, with the clock as an argument.

Only the SHA-256 of a session's identifier is stored, so that a copy of the table opens nothing.

Sessions seen from outside their browser: ended by the campus (single logout), listed and ended by an operator.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update

from app.extensions import db
from app.models import LITTLE_PATIENCE_SECONDS, BrowserSession, read_connection, write_transaction
from app.services.audit import add_event
from app.services.sign_in.sign_in import hash_campus_session

EXPIRED_AT_ONCE = 500
_ROWS = cast("Table", BrowserSession.__table__)
_FIND = select(_ROWS.c.person_number, _ROWS.c.data, _ROWS.c.seen_at, _ROWS.c.expires_at).where(
    _ROWS.c.id_hash == bindparam("id_hash")
)
_EXPIRED = (
    select(_ROWS.c.id_hash)
    .where(_ROWS.c.expires_at <= bindparam("now"))
    .limit(EXPIRED_AT_ONCE)
    .scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class StoredSession:
    """What a session holds: `person_number` is "" before sign-in, `data` is JSON-ready."""

    person_number: str
    data: dict[str, Any]
    seen_at: datetime


def hash_identifier(identifier: str) -> str:
    """The form in which an identifier is stored."""
    return hashlib.sha256(identifier.encode()).hexdigest()


def load_session(identifier: str, now: datetime, idle: timedelta) -> StoredSession | None:
    """Return a session that is still valid. One read, on a connection of its own that is given back at once,
    so that no transaction stays open behind it.
    """
    with read_connection(db.engine) as connection:
        row = connection.execute(_FIND, {"id_hash": hash_identifier(identifier)}).first()
    if row is None or now >= row.expires_at or (row.person_number and now - row.seen_at > idle):
        return None
    return StoredSession(row.person_number, json.loads(row.data), row.seen_at)


def create_session(identifier: str, data: Mapping[str, Any], now: datetime, lifetime: timedelta) -> None:
    """Store a new session of nobody in particular."""
    with write_transaction() as session:
        _insert(session.connection(), identifier, "", data, now, lifetime)


def change_session(
    identifier: str, changes: Mapping[str, Any], removed: Iterable[str], now: datetime
) -> None:
    """Set and remove single keys, so that tabs at work at the same time keep each other's. A session that
    has ended meanwhile stays ended.
    """
    with write_transaction() as session:
        data = _lock_data(session.connection(), identifier)
        if data is not None:
            kept = {key: value for key, value in data.items() if key not in set(removed)}
            _update(session.connection(), identifier, {"data": _dump(kept | dict(changes)), "seen_at": now})


def take_from_session(identifier: str, key: str) -> Any | None:
    """Remove a key and return its value: of several requests at once, one gets it and the others None."""
    with write_transaction() as session:
        data = _lock_data(session.connection(), identifier)
        if data is None or key not in data:
            return None
        value = data.pop(key)
        _update(session.connection(), identifier, {"data": _dump(data)})
        return value


def touch_session(identifier: str, now: datetime) -> None:
    """Note that the session is in use."""
    with write_transaction(LITTLE_PATIENCE_SECONDS) as session:
        _update(session.connection(), identifier, {"seen_at": now})


def replace_session(
    old_identifier: str | None,
    identifier: str,
    person_number: str,
    data: Mapping[str, Any],
    keep_prefix: str,
    now: datetime,
    lifetime: timedelta,
    campus_session: str | None = None,
) -> None:
    """Sign in: the old session ends and a new one begins in one transaction. Of the old one's data only the
    keys that start with `keep_prefix` stay. `campus_session` is the hash of what the campus calls it.
    """
    with write_transaction() as session:
        kept: dict[str, Any] = {}
        if old_identifier is not None:
            old = _lock_data(session.connection(), old_identifier) or {}
            kept = {key: value for key, value in old.items() if key.startswith(keep_prefix)}
            _delete(session.connection(), old_identifier)
        _insert(
            session.connection(), identifier, person_number, kept | dict(data), now, lifetime, campus_session
        )


def end_session(identifier: str) -> None:
    """Sign out: the session is gone, in every copy of its cookie."""
    with write_transaction() as session:
        _delete(session.connection(), identifier)


def delete_expired_sessions(now: datetime) -> int:
    """Delete some of the sessions past their absolute limit, 500 at most; returns how many."""
    with write_transaction() as session:
        statement = delete(_ROWS).where(_ROWS.c.id_hash.in_(_EXPIRED))
        return int(session.connection().execute(statement, {"now": now}).rowcount)


def _dump(data: Mapping[str, Any]) -> str:
    return json.dumps(dict(data), ensure_ascii=False, separators=(",", ":"))


def _lock_data(connection: Connection, identifier: str) -> dict[str, Any] | None:
    statement = select(_ROWS.c.data).where(_ROWS.c.id_hash == hash_identifier(identifier)).with_for_update()
    data = connection.execute(statement).scalar()
    return None if data is None else json.loads(data)


def _insert(
    connection: Connection,
    identifier: str,
    person_number: str,
    data: Mapping[str, Any],
    now: datetime,
    lifetime: timedelta,
    campus_session: str | None = None,
) -> None:
    row = {
        "id_hash": hash_identifier(identifier),
        "person_number": person_number,
        "data": _dump(data),
        "created_at": now,
        "seen_at": now,
        "expires_at": now + lifetime,
        "campus_session_hash": campus_session,
    }
    connection.execute(insert(_ROWS).values(row))


def _update(connection: Connection, identifier: str, values: dict[str, Any]) -> None:
    connection.execute(update(_ROWS).where(_ROWS.c.id_hash == hash_identifier(identifier)).values(values))


def _delete(connection: Connection, identifier: str) -> None:
    connection.execute(delete(_ROWS).where(_ROWS.c.id_hash == hash_identifier(identifier)))


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
