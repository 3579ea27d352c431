"""Browsers' sessions in the database: few statements, by SQLAlchemy Core, with the clock as an argument.

Only the SHA-256 of a session's identifier is stored, so that a copy of the table opens nothing. Each row carries a MAC
over all its columns under a key that is not in the database, so that who can write to the table signs nobody in, and
changes nobody's number, role or time. From outside its browser a session is ended by the campus (single logout), and
listed and ended by an operator.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, Row, Select, Table, bindparam, delete, insert, select, update

from app.domain.derived_keys import derive_key
from app.extensions import db
from app.models import LITTLE_PATIENCE_SECONDS, BrowserSession, read_connection, write_transaction
from app.services.audit import add_event
from app.services.sign_in.sign_in import hash_campus_session

EXPIRED_AT_ONCE = 500
_ROWS = cast("Table", BrowserSession.__table__)
_SIGNED = (
    "id_hash",
    "person_number",
    "data",
    "created_at",
    "seen_at",
    "expires_at",
    "campus_session_hash",
)
_FIND = select(*(_ROWS.c[name] for name in (*_SIGNED, "mac"))).where(_ROWS.c.id_hash == bindparam("id_hash"))
_LOCK = _FIND.with_for_update()
_EXPIRED = (
    select(_ROWS.c.id_hash)
    .where(_ROWS.c.expires_at <= bindparam("now"))
    .limit(EXPIRED_AT_ONCE)
    .scalar_subquery()
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredSession:
    """What a session holds: `data` is JSON-ready."""

    person_number: str
    data: dict[str, Any]
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A signed-in session: whose, since when, last used, and when it ends at the latest (UTC)."""

    person_number: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


def hash_identifier(identifier: str) -> str:
    """The form in which an identifier is stored."""
    return hashlib.sha256(identifier.encode()).hexdigest()


class SessionStore:
    """The sessions of people who are signed in. A row that was not written by this service's key is no session."""

    def __init__(self, secret_key: str) -> None:
        """`secret_key` is the service's; another one ends all sessions."""
        self._key = derive_key(secret_key, "session rows")

    def load(self, identifier: str, now: datetime, idle: timedelta) -> StoredSession | None:
        """Return a session that is still valid. One read, on a connection of its own that is given back at once,
        so that no transaction stays open behind it.
        """
        row = self._find(hash_identifier(identifier), now, idle)
        return None if row is None else StoredSession(row.person_number, json.loads(row.data), row.seen_at)

    def find_person_number(self, id_hash: str, now: datetime, idle: timedelta) -> str | None:
        """Whose valid session is stored under this hash of an identifier, if there is one."""
        row = self._find(id_hash, now, idle)
        return None if row is None else str(row.person_number)

    def change(
        self, identifier: str, changes: Mapping[str, Any], removed: Iterable[str], now: datetime
    ) -> None:
        """Set and remove single keys, so that tabs at work at the same time keep each other's. A session that
        has ended meanwhile stays ended.
        """
        with write_transaction() as session:
            row = self._lock(session.connection(), identifier)
            if row is not None:
                gone = set(removed)
                kept = {key: value for key, value in json.loads(row["data"]).items() if key not in gone}
                self._update(
                    session.connection(), row | {"data": _dump(kept | dict(changes)), "seen_at": now}
                )

    def touch(self, identifier: str, now: datetime) -> None:
        """Note that the session is in use."""
        with write_transaction(LITTLE_PATIENCE_SECONDS) as session:
            row = self._lock(session.connection(), identifier)
            if row is not None:
                self._update(session.connection(), row | {"seen_at": now})

    def begin(
        self,
        identifier: str,
        person_number: str,
        data: Mapping[str, Any],
        now: datetime,
        lifetime: timedelta,
        campus_session: str | None = None,
        *,
        instead_of: str | None = None,
    ) -> None:
        """Sign in: a new session begins, and the one that the browser had before ends, in one transaction.
        `campus_session` is the hash of what the campus calls it.
        """
        row = {
            "id_hash": hash_identifier(identifier),
            "person_number": person_number,
            "data": _dump(data),
            "created_at": now,
            "seen_at": now,
            "expires_at": now + lifetime,
            "campus_session_hash": campus_session,
        }
        with write_transaction() as session:
            if instead_of is not None:
                _delete(session.connection(), instead_of)
            session.connection().execute(insert(_ROWS).values(self.sign(row)))

    def list_open(self, now: datetime, person_number: str = "") -> tuple[list[OpenSession], int]:
        """The sessions that are not past their absolute limit, of one person or of all, newest first; and how many
        other rows there are that this service did not write, which sign nobody in.
        """
        wanted = select(_ROWS.c.id_hash).where(_ROWS.c.expires_at > now)
        if person_number:
            wanted = wanted.where(_ROWS.c.person_number == person_number)
        with db.engine.connect() as connection:
            hashes = connection.scalars(wanted.order_by(_ROWS.c.created_at.desc())).all()
            rows = [self._read(connection, _FIND, id_hash) for id_hash in hashes]
        found = [
            OpenSession(row.person_number, row.created_at, row.seen_at, row.expires_at)
            for row in rows
            if row is not None
        ]
        return found, len(rows) - len(found)

    def list_data(self, person_number: str, now: datetime) -> list[dict[str, Any]]:
        """What the sessions of a person hold that are not past their absolute limit, the newest first."""
        wanted = select(_ROWS.c.id_hash).where(
            _ROWS.c.expires_at > now, _ROWS.c.person_number == person_number
        )
        with read_connection(db.engine) as connection:
            hashes = connection.scalars(wanted.order_by(_ROWS.c.created_at.desc())).all()
            rows = [self._read(connection, _FIND, id_hash) for id_hash in hashes]
        return [json.loads(row.data) for row in rows if row is not None]

    def sign(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of the table with its MAC."""
        return {**row, "mac": self._compute_mac(*(row[name] for name in _SIGNED))}

    def _find(self, id_hash: str, now: datetime, idle: timedelta) -> Row[Any] | None:
        with read_connection(db.engine) as connection:
            row = self._read(connection, _FIND, id_hash)
        return None if row is None or now >= row.expires_at or now - row.seen_at > idle else row

    def _lock(self, connection: Connection, identifier: str) -> dict[str, Any] | None:
        row = self._read(connection, _LOCK, hash_identifier(identifier))
        return None if row is None else row._asdict()

    def _read(self, connection: Connection, statement: Select[Any], id_hash: str) -> Row[Any] | None:
        """The row of this hash, unless it is not as this service wrote it."""
        try:
            row = connection.execute(statement, {"id_hash": id_hash}).first()
            if row is None:
                return None
            *signed, mac = row
            if hmac.compare_digest(mac, self._compute_mac(*signed)):
                return row
        except (AttributeError, TypeError, ValueError):
            pass  # SQLite keeps whatever was put into a column: no moment where one should be, no text
        log.warning("a stored session is not as this service wrote it: nobody is signed in by it")
        return None

    def _update(self, connection: Connection, row: Mapping[str, Any]) -> None:
        values = self.sign(row)
        connection.execute(update(_ROWS).where(_ROWS.c.id_hash == row["id_hash"]).values(values))

    def _compute_mac(self, *columns: Any) -> str:
        """Over every other column, in the order of `_SIGNED`; as JSON, in which no two rows read alike."""
        id_hash, person_number, data, created_at, seen_at, expires_at, campus_session = columns
        moments = created_at.timestamp(), seen_at.timestamp(), expires_at.timestamp()
        text = json.dumps((id_hash, person_number, data, *moments, campus_session))
        return hmac.digest(self._key, text.encode(), "sha256").hex()


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


def _delete(connection: Connection, identifier: str) -> None:
    connection.execute(delete(_ROWS).where(_ROWS.c.id_hash == hash_identifier(identifier)))


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


def end_sessions_of(person_number: str, actor: str, now: datetime) -> int:
    """End all sessions of a person, and note in the audit who did it; returns how many there were."""
    with write_transaction() as session:
        statement = delete(_ROWS).where(_ROWS.c.person_number == person_number)
        count = int(session.connection().execute(statement).rowcount)
        add_event(
            session, "sessions_ended", actor=actor, subject=person_number, details={"count": count}, now=now
        )
        return count
