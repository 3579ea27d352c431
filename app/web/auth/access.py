"""Who may open a page: decorators for views, the way through the sign-in and back, and the account that
every page names with the way to leave it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast, overload
from urllib.parse import quote

from flask import current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadRequest

from app.domain.person import Keys, Person, parse_person
from app.extensions import DATABASE_ERRORS
from app.services.clock import get_now
from app.services.sign_in.seal import TooMuchToSeal
from app.web.page_context import find_page_above
from app.web.session import get_session, get_session_interface

PERSON, KEYS = "person", "person_keys"
FORM_WAS_LOST = "form_was_lost"
LOST_TEXT = "lost_text"
"""In the session: what was typed into a form of staff that was not sent, sealed."""
NEVER_RETURNED = frozenset({"csrf_token", "nonce", "version"})
"""Fields of a form that nobody typed."""
_TEXT_SECONDS = 30 * 60
_MOST_SEALED = 2_000
"""Characters: a browser keeps them, sealed once more, in one cookie."""

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])
Page = Callable[..., str]


def get_person() -> Person | None:
    """Who is signed in in this browser, or None. Looks into the session once a request."""
    if "person" not in g:
        g.person = _read_person()
    return cast("Person | None", g.person)


def current_person() -> Person:
    """The signed-in person, in a view that requires one."""
    person = get_person()
    if person is None:
        raise LookupError("nobody is signed in, and the view does not require it")
    return person


def keep_keys(keys: Keys) -> None:
    """Keep in the session that begins what the sign-in told of the person's keys, sealed: who reads the table, or a
    backup, does not read them.
    """
    if keys:
        text, _ = get_session_interface().key_seal.close(KEYS, keys, get_now())
        session[KEYS] = text


def get_keys() -> Keys:
    """The keys of who is signed in, as the sign-in told them."""
    sealed = session.get(KEYS)
    opened = get_session_interface().key_seal.open(sealed, get_now(), math.inf) if sealed else None
    return {name: tuple(values) for name, values in opened.value.items()} if opened else {}


@overload
def signed_in_required(view: View) -> View: ...


@overload
def signed_in_required(*, page: Page) -> Callable[[View], View]: ...


def signed_in_required(
    view: View | None = None, *, page: Page | None = None
) -> View | Callable[[View], View]:
    """Let only signed-in people in; others sign in first. A POST is never repeated: afterwards they are at
    the form's page again, which `page` tells from the view's arguments (else the nearest address above that
    answers GET).
    """
    return _require(view, page)


def answer_csrf_error(error: CSRFError) -> ResponseReturnValue:
    """A form whose session has ended has no valid token either: it leads through the sign-in like any other.
    Everything else is a bad request.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    page = getattr(view, "form_page", None)
    if page is None or get_person() is not None:
        return current_app.handle_http_exception(BadRequest(error.description))
    keep_lost_text()
    return redirect(page(), 303)


def list_typed() -> dict[str, str]:
    """What somebody typed into the form that was sent, by the names of its fields."""
    return {name: value for name, value in request.form.items() if name not in NEVER_RETURNED and value}


def keep_lost_text() -> None:
    """Keep what was typed into a form of staff whose session has ended, to be shown once on the form's page to whoever may
    open that. Only a browser that still has the session's cookie keeps it: other sites' forms come without.
    """
    typed = list_typed()
    if not request.path.startswith("/staff") or not typed or not is_session_over():
        return
    with suppress(TooMuchToSeal):
        value = [_find_return_page(None), typed]
        text, _ = get_session_interface().key_seal.close(LOST_TEXT, value, get_now())
        if len(text) <= _MOST_SEALED:
            session[LOST_TEXT] = text


def find_lost_text() -> dict[str, str]:
    """What `keep_lost_text` kept of a form of this page, where the sign-in has just led back to it; else empty."""
    sealed = get_session_interface().key_seal.open(g.get(LOST_TEXT, ""), get_now(), _TEXT_SECONDS)
    if sealed is None or sealed.name != LOST_TEXT:
        return {}
    page, typed = sealed.value
    return dict(typed) if page == _find_return_page(None) else {}


def find_return_page() -> str:
    """The page that somebody wanted whom this request's view led elsewhere first; see `signed_in_required`."""
    view: Any = current_app.view_functions[request.endpoint or ""]
    return cast("str", view.return_page())


def _require(view: View | None, page: Page | None) -> View | Callable[[View], View]:
    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*arguments: Any, **options: Any) -> ResponseReturnValue:
            if get_person() is None:
                return _go_to_sign_in(page)
            if request.method == "GET" and session.get(FORM_WAS_LOST):
                g.form_was_lost = session.pop(FORM_WAS_LOST)
                g.lost_text = session.pop(LOST_TEXT, "")
            return view(*arguments, **options)

        guarded.form_page = lambda: _make_sign_in_address(page)  # type: ignore[attr-defined]
        guarded.return_page = lambda: _find_return_page(page)  # type: ignore[attr-defined]
        return cast("View", guarded)

    return decorate if view is None else decorate(view)


def _go_to_sign_in(page: Page | None) -> ResponseReturnValue:
    if request.method not in ("GET", "HEAD"):
        keep_lost_text()
    return redirect(_make_sign_in_address(page), 302 if request.method in ("GET", "HEAD") else 303)


def _make_sign_in_address(page: Page | None) -> str:
    is_form = request.method not in ("GET", "HEAD")
    return url_for("auth.sign_in", next=_find_return_page(page), lost=1 if is_form else None)


def _find_return_page(page: Page | None) -> str:
    if request.method in ("GET", "HEAD"):
        query = request.query_string.decode("ascii", "replace")
        return quote(request.path) + (f"?{query}" if query else "")
    if page:
        return page(**(request.view_args or {}))
    above = find_page_above(request.path)
    query = request.query_string.decode("ascii", "replace")
    # A form that is sent to its own page's address is still in the page's mode.
    return f"{above}?{query}" if query and above == quote(request.path) else above


def _read_person() -> Person | None:
    data = session.get(PERSON)
    try:
        return parse_person(data) if data else None
    except (KeyError, TypeError, ValueError):
        return None


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """Who is signed in, as the head of a page says it."""

    name: str
    last_four: str


def find_person() -> Person | None:
    """Who is signed in, for a page that anybody may see. Without a session's cookie no session is looked into;
    with one whose row cannot be read nobody is known.
    """
    if get_session_interface().cookie_name not in request.cookies:
        return None
    try:
        return get_person()
    except DATABASE_ERRORS:
        log.warning("a session could not be read: shown as to a stranger")
        return None


def find_account() -> Account | None:
    """The account of the session that this browser has and will have after this answer, or None."""
    session = get_session()
    # A page that comes instead of a sign-in or sign-out cannot know whether that was stored.
    if session.is_ended or session.new_person is not None:
        return None
    person = find_person()
    return Account(person.name, person.number[-4:]) if person else None


def is_session_over() -> bool:
    """Whether this browser's session has ended: it still has a cookie, whose row is gone or past its time. False where
    that could not be read.
    """
    if get_session_interface().cookie_name not in request.cookies or find_person() is not None:
        return False
    session = get_session()
    return session.was_read and session.identifier is None
