"""Signing in 统一身份认证: from "begin at this provider" to "this person came back".

What is pending stays in the browser, sealed, one value for each attempt: several tabs do not disturb each other, at most
five attempts wait, each for ten minutes, and each is used once. Nothing is stored here before somebody has signed in.
Two kinds of people wait there too, before a session begins: who has several identities and chooses one, and who was
opened from the campus app, where nothing shows that the browser is theirs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import unquote

from app.domain.person import Person, Role, parse_person
from app.identity.base import (
    EndsSessions,
    IdentityProvider,
    OpenedFromCampus,
    ProviderMisbehaved,
    SignInError,
    SignInRefused,
)
from app.identity.claims import SeveralIdentities
from app.services.sign_in.seal import TooMuchToSeal

PENDING = "sign_in:"
MAX_PENDING = 5
PENDING_SECONDS = 600
MAX_NEXT = 500
"""Characters: five attempts, and their cookies stay below the 8 KB of a request's line at usual proxies."""
HOME = "/"

Clock = Callable[[], datetime]


class PendingStore(Protocol):
    """What this browser keeps for the service, as far as a sign-in needs it."""

    def __setitem__(self, name: str, value: Any) -> None: ...

    def __delitem__(self, name: str) -> None: ...

    def items(self) -> Any:
        """Names with their values."""

    def get(self, name: str) -> Any:
        """The value, or None."""

    def take(self, name: str) -> Any:
        """Remove a value and return it, to one caller only; None if it is not there."""


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """Who came from a provider, in all their identities, and where to go now. `campus_session` is the hash of
    what the provider calls this session, None where it never tells of its end.
    """

    people: tuple[Person, ...]
    next_page: str
    has_interrupted: bool
    campus_session: str | None


class SignInFailed(SignInError):
    """A sign-in that began here came to nothing: `cause` says why, `next_page` where it was to lead."""

    def __init__(self, cause: SignInError, next_page: str) -> None:
        super().__init__(cause.reason)
        self.cause = cause
        self.next_page = next_page


def begin_sign_in(
    provider: IdentityProvider,
    store: PendingStore,
    next_page: str,
    redirect_uri: str,
    clock: Clock,
    *,
    has_interrupted: bool = False,
    asks_anew: bool = False,
) -> str:
    """Keep what is pending in the browser and return the provider's address. Raises SignInError."""
    redirect = provider.begin(redirect_uri, asks_anew=asks_anew)
    now = clock().timestamp()
    waiting = {key: value for key, value in store.items() if key.startswith(PENDING)}
    newest_first = sorted(waiting, key=lambda key: waiting[key]["at"], reverse=True)
    for place, key in enumerate(newest_first, start=1):
        if place >= MAX_PENDING or is_over(waiting[key], now):
            del store[key]
    store[PENDING + redirect.pending["state"]] = {
        "provider": provider.name,
        "next": clean_next(next_page),
        "interrupted": has_interrupted,
        "at": now,
        "pending": redirect.pending,
    }
    return redirect.url


def finish_sign_in(
    provider: IdentityProvider,
    store: PendingStore,
    query: Mapping[str, str],
    redirect_uri: str,
    clock: Clock,
) -> PendingSignIn:
    """Tell who came back. What was pending is used up, whatever comes of it.
    Raises SignInRefused for a state that this browser does not know, else SignInFailed.
    """
    kept = store.take(PENDING + query.get("state", ""))
    if kept is None or kept["provider"] != provider.name:
        raise SignInRefused("unknown_state")
    try:
        if is_over(kept, clock().timestamp()):
            raise SignInRefused("expired_state")
        people = _list_people(lambda: provider.finish(query, kept["pending"], redirect_uri))
    except SignInError as fault:
        raise SignInFailed(fault, kept["next"]) from fault
    return PendingSignIn(people, kept["next"], kept["interrupted"], _get_campus_session(provider, query))


def enter_from_campus(
    provider: OpenedFromCampus, query: Mapping[str, str], redirect_uri: str
) -> PendingSignIn:
    """Tell who was sent here by the campus app. Nothing shows that the browser is theirs: ask before a
    session begins. Raises SignInError.
    """
    people = _list_people(lambda: provider.enter(query, redirect_uri))
    return PendingSignIn(people, HOME, False, _get_campus_session(provider, query))


def assign_role(person: Person, roles: Mapping[str, Role]) -> Person:
    """The person in the role that the configuration gives to this number, if it does."""
    return replace(person, role=roles.get(person.number, person.role))


def hash_campus_session(provider: str, named: str) -> str:
    """The form in which a provider's name for a session is stored: it may be a ticket."""
    return hashlib.sha256(f"{provider}:{named}".encode()).hexdigest()


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


def _list_people(identify: Callable[[], Person]) -> tuple[Person, ...]:
    try:
        return (identify(),)
    except SeveralIdentities as several:
        return several.people


def _get_campus_session(provider: object, query: Mapping[str, str]) -> str | None:
    if not isinstance(provider, EndsSessions):
        return None
    return hash_campus_session(provider.name, provider.name_session(query))


def is_over(kept: Mapping[str, Any], now: float) -> bool:
    """Whether what was kept `at` some time is too old by now (both in seconds)."""
    return not 0 <= now - float(kept["at"]) <= PENDING_SECONDS


ARRIVED = "arrived"


def keep_pending(store: PendingStore, provider: str, pending: PendingSignIn, now: datetime) -> None:
    """Let an arrival wait for the person's word; it takes the place of an earlier one. Raises ProviderMisbehaved for
    more identities than a browser keeps.
    """
    arrival = {
        "provider": provider,
        "people": [person.to_json() | {"keys": dict(person.keys)} for person in pending.people],
        "next": pending.next_page,
        "interrupted": pending.has_interrupted,
        "campus_session": pending.campus_session,
        "at": now.timestamp(),
    }
    try:
        store[ARRIVED] = arrival
    except TooMuchToSeal:
        raise ProviderMisbehaved("odd_claim:identities") from None


def read_pending(store: PendingStore, provider: str, now: datetime) -> PendingSignIn | None:
    """What waits for this provider, or None."""
    return _parse(store.get(ARRIVED), provider, now)


def confirm_pending(store: PendingStore, provider: str, choice: str, now: datetime) -> PendingSignIn | None:
    """Take what waits, for the person at the place that `choice` tells; None if there is no such thing."""
    pending = _parse(store.take(ARRIVED), provider, now)
    places = {str(place): person for place, person in enumerate(pending.people)} if pending else {}
    if pending is None or choice not in places:
        return None
    return replace(pending, people=(places[choice],))


def _parse(kept: Mapping[str, Any] | None, provider: str, now: datetime) -> PendingSignIn | None:
    if kept is None or kept["provider"] != provider or is_over(kept, now.timestamp()):
        return None
    people = tuple(parse_person(person) for person in kept["people"])
    return PendingSignIn(people, kept["next"], kept["interrupted"], kept["campus_session"])
