"""Flask's session: of who is signed in, kept in the database; of everybody else, sealed in the browser.

The cookie of a signed-in browser holds a random identifier and nothing else. The row is read when the session is first
looked into and written when it changed, so that pages which do not use it cost nothing and stay free of cookies. Strangers
have no row: see sealed_cookies.py.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, cast

from flask import Flask, Request, Response, current_app
from flask.globals import request_ctx
from flask.sessions import SessionInterface, SessionMixin

from app.extensions import DATABASE_ERRORS
from app.services.clock import get_now
from app.services.sign_in import sessions
from app.services.sign_in.seal import Seal
from app.settings import Settings
from app.web.sealed_cookies import FORM, SealedCookies

SEEN_EVERY = timedelta(minutes=1)
CLEAN_EVERY_SECONDS = 600
IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{43}")

log = logging.getLogger(__name__)


class ServerSession(SessionMixin):
    """One browser's session during one request; a mapping of JSON-ready values.

    Change values by assigning them: a change inside a value is not noticed. `pending` is what the browser itself keeps,
    whether somebody is signed in or not.
    """

    def __init__(
        self,
        identifier: str | None,
        load: Callable[[str], sessions.StoredSession | None],
        pending: SealedCookies,
    ) -> None:
        self.identifier = identifier
        self.pending = pending
        self.seen_at: datetime | None = None
        self.new_person: str | None = None
        self.campus_session: str | None = None
        self.is_ended = False
        self.was_read = False
        self.changed: set[str] = set()
        self._load = load
        self._data: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        return self._read()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._read()[key] = value
        self.changed.add(key)

    def __delitem__(self, key: str) -> None:
        del self._read()[key]
        self.changed.add(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def sign_in(self, person_number: str, campus_session: str | None = None) -> None:
        """Forget everything, and change the identifier with the answer.
        `campus_session` is the hash of what the campus calls the new session.
        """
        self._read().clear()
        self.changed.clear()
        self.new_person = person_number
        self.campus_session = campus_session

    def end(self) -> None:
        """Sign out: the session ends with the answer."""
        self._read().clear()
        self.changed.clear()
        self.is_ended = True

    def _read(self) -> dict[str, Any]:
        if not self.was_read:
            self.was_read = True
            stored = self._load(self.identifier) if self.identifier else None
            if stored is None:
                self.identifier = None
                self._data = dict(self.pending.get(FORM) or {})
            else:
                self._data, self.seen_at = stored.data, stored.seen_at
        return self._data


def get_session() -> ServerSession:
    """The session of the current request, with all that it can do beyond a mapping."""
    return cast("ServerSession", request_ctx.session)


def get_session_interface() -> DatabaseSessionInterface:
    """What opens the sessions of the present application."""
    return cast("DatabaseSessionInterface", current_app.session_interface)


class DatabaseSessionInterface(SessionInterface):
    """Opens and saves `ServerSession`s."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime] = get_now) -> None:
        self._limits = settings.session
        self._is_https = settings.service.is_https
        self._store = sessions.SessionStore(settings.service.secret_key)
        self._seal = Seal(settings.service.secret_key)
        self.key_seal = Seal(settings.service.secret_key, "person keys")
        self._clock = clock
        self._cleaned_at = time.monotonic()
        self.cookie_name = "__Host-lixiao" if self._is_https else "lixiao_session"

    def open_session(self, app: Flask, request: Request) -> ServerSession:
        """Take the identifier from the cookie, if it looks like one; nothing is read yet."""
        identifier = request.cookies.get(self.cookie_name, "")
        is_possible = IDENTIFIER.fullmatch(identifier) is not None
        pending = SealedCookies(request.cookies, self._seal, self._clock, is_https=self._is_https)
        return ServerSession(identifier if is_possible else None, self._load, pending)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write what changed. An answer that looked into the session is for this browser alone."""
        if not isinstance(session, ServerSession) or not (session.was_read or session.pending.was_read):
            return
        response.headers["Cache-Control"] = "private, no-store"
        response.vary.add("Cookie")
        try:
            self._save(session, response)
        except DATABASE_ERRORS as error:
            _become(response, app.make_response(app.handle_user_exception(error)))
        else:
            session.pending.save(response)

    def _save(self, session: ServerSession, response: Response) -> None:
        if session.is_ended:
            self._end(session, response)
        elif session.new_person is not None:
            self._replace(session, response)
        elif session.changed:
            self._change(session)
        elif session.identifier and session.seen_at and self._clock() - session.seen_at >= SEEN_EVERY:
            self._touch(session.identifier)

    def find_person_number(self, id_hash: str) -> str | None:
        """Whose session is stored under this hash of an identifier, if it is still valid."""
        return self._store.find_person_number(id_hash, self._clock(), self._limits.idle)

    def _load(self, identifier: str) -> sessions.StoredSession | None:
        return self._store.load(identifier, self._clock(), self._limits.idle)

    def _end(self, session: ServerSession, response: Response) -> None:
        if session.identifier is not None:
            sessions.end_session(session.identifier)
        response.delete_cookie(
            self.cookie_name, path="/", secure=self._is_https, httponly=True, samesite="Lax"
        )

    def _replace(self, session: ServerSession, response: Response) -> None:
        identifier = secrets.token_urlsafe(32)
        self._store.begin(
            identifier,
            session.new_person or "",
            dict(session),
            self._clock(),
            self._limits.absolute,
            session.campus_session,
            instead_of=session.identifier,
        )
        if FORM in session.pending:
            del session.pending[FORM]
        self._set_cookie(response, identifier)
        self._clean_now_and_then()

    def _change(self, session: ServerSession) -> None:
        if session.identifier is None:
            session.pending[FORM] = dict(session)
        else:
            changes = {key: session[key] for key in session.changed if key in session}
            removed = session.changed - changes.keys()
            self._store.change(session.identifier, changes, removed, self._clock())

    def _touch(self, identifier: str) -> None:
        try:
            self._store.touch(identifier, self._clock())
        except DATABASE_ERRORS:
            log.warning("a session's use could not be noted")

    def _clean_now_and_then(self) -> None:
        if time.monotonic() >= self._cleaned_at + CLEAN_EVERY_SECONDS:
            self._cleaned_at = time.monotonic()
            sessions.delete_expired_sessions(self._clock())

    def _set_cookie(self, response: Response, identifier: str) -> None:
        response.set_cookie(
            self.cookie_name, identifier, path="/", secure=self._is_https, httponly=True, samesite="Lax"
        )


def _become(response: Response, other: Response) -> None:
    """An answer whose session could not be kept must not be sent: turn it into the page that says so."""
    response.status_code = other.status_code
    response.set_data(other.get_data())
    response.headers.remove("Content-Encoding")
    response.headers.remove("Location")
    response.headers.remove("Set-Cookie")
    response.headers.update(other.headers)
