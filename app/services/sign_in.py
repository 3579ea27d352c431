"""Signing in 统一身份认证: from "begin at this provider" to "this person came back".

What is pending stays in the browser's session, one key for each attempt: several tabs do not disturb each
other, at most five attempts wait, each for ten minutes, and each is used once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import unquote

from app.domain.person import Person
from app.identity.base import IdentityProvider, SignInFault, SignInRefused

PENDING = "sign_in:"
MAX_PENDING = 5
PENDING_SECONDS = 600
MAX_NEXT = 1000
HOME = "/"

Clock = Callable[[], datetime]


class SessionData(Protocol):
    """The browser's session as far as a sign-in needs it."""

    def __setitem__(self, key: str, value: Any) -> None: ...

    def __delitem__(self, key: str) -> None: ...

    def items(self) -> Any:
        """Keys with their values."""

    def take(self, key: str) -> Any:
        """Remove a key and return its value, to one caller only; None if it is not there."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was kept of a sign-in that began here: where to go afterwards, and whether it interrupted a form."""

    next_page: str
    has_interrupted: bool
    pending: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who came back, and where to go now."""

    person: Person
    next_page: str
    has_interrupted: bool


class SignInFailed(SignInFault):
    """A sign-in that began here came to nothing: `cause` says why, `next_page` where it was to lead."""

    def __init__(self, cause: SignInFault, next_page: str) -> None:
        super().__init__(cause.reason)
        self.cause = cause
        self.next_page = next_page


def begin_sign_in(
    provider: IdentityProvider,
    session: SessionData,
    next_page: str,
    redirect_uri: str,
    clock: Clock,
    has_interrupted: bool = False,
) -> str:
    """Keep what is pending in the session and return the provider's address. Raises SignInFault."""
    redirect = provider.begin(redirect_uri)
    now = clock().timestamp()
    waiting = {key: value for key, value in session.items() if key.startswith(PENDING)}
    newest_first = sorted(waiting, key=lambda key: waiting[key]["at"], reverse=True)
    for place, key in enumerate(newest_first, start=1):
        if place >= MAX_PENDING or _is_over(waiting[key], now):
            del session[key]
    session[PENDING + redirect.pending["state"]] = {
        "provider": provider.name,
        "next": clean_next(next_page),
        "interrupted": has_interrupted,
        "at": now,
        "pending": redirect.pending,
    }
    return redirect.url


def finish_sign_in(
    provider: IdentityProvider,
    session: SessionData,
    query: Mapping[str, str],
    redirect_uri: str,
    clock: Clock,
) -> SignedIn:
    """Tell who came back. What was pending is used up, whatever comes of it.
    Raises SignInRefused for a state that this session does not know, else SignInFailed.
    """
    kept = session.take(PENDING + query.get("state", ""))
    if kept is None or kept["provider"] != provider.name:
        raise SignInRefused("unknown_state")
    try:
        if _is_over(kept, clock().timestamp()):
            raise SignInRefused("expired_state")
        person = provider.finish(query, kept["pending"], redirect_uri)
    except SignInFault as fault:
        raise SignInFailed(fault, kept["next"]) from fault
    return SignedIn(person, kept["next"], kept["interrupted"])


def clean_next(text: str) -> str:
    """Return a path on this service to go to, or "/" for anything else: other hosts in any spelling,
    schemes, control characters, and the sign-in's own pages.
    """
    plain = _unquote_fully(text)
    is_local = text.startswith("/") and not plain.startswith(("//", "/\\"))
    is_plain = text.isascii() and text.isprintable() and plain.isprintable() and "\\" not in plain
    is_page = not plain.startswith(("/sign-in", "/sign-out"))
    return text if is_local and is_plain and is_page and " " not in text and len(text) <= MAX_NEXT else HOME


def _unquote_fully(text: str) -> str:
    for _ in range(5):
        decoded = unquote(text)
        if decoded == text:
            break
        text = decoded
    return text


def _is_over(kept: Mapping[str, Any], now: float) -> bool:
    return not 0 <= now - float(kept["at"]) <= PENDING_SECONDS
