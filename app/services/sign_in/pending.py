"""People who arrived and are to say who they are before a session begins.

Two kinds wait here: who has several identities and chooses one, and who was opened from the campus app, where
nothing shows that the browser is theirs. What waits stays in the browser's session, for ten minutes, and is
used once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from app.domain.person import parse_person
from app.services.sign_in.sign_in import PendingSignIn, is_over

ARRIVED = "arrived"


class PendingStore(Protocol):
    """The browser's session as far as an arrival needs it."""

    def __setitem__(self, key: str, value: Any) -> None: ...

    def get(self, key: str) -> Any:
        """The value, or None."""

    def take(self, key: str) -> Any:
        """Remove a key and return its value, to one caller only; None if it is not there."""


def keep_pending(session: PendingStore, provider: str, pending: PendingSignIn, now: datetime) -> None:
    """Let an arrival wait for the person's word; it takes the place of an earlier one."""
    session[ARRIVED] = {
        "provider": provider,
        "people": [person.to_json() for person in pending.people],
        "next": pending.next_page,
        "interrupted": pending.has_interrupted,
        "campus_session": pending.campus_session,
        "at": now.timestamp(),
    }


def read_pending(session: PendingStore, provider: str, now: datetime) -> PendingSignIn | None:
    """What waits for this provider, or None."""
    return _parse(session.get(ARRIVED), provider, now)


def confirm_pending(session: PendingStore, provider: str, choice: str, now: datetime) -> PendingSignIn | None:
    """Take what waits, for the person at the place that `choice` tells; None if there is no such thing."""
    pending = _parse(session.take(ARRIVED), provider, now)
    places = {str(place): person for place, person in enumerate(pending.people)} if pending else {}
    if pending is None or choice not in places:
        return None
    return replace(pending, people=(places[choice],))


def _parse(kept: Mapping[str, Any] | None, provider: str, now: datetime) -> PendingSignIn | None:
    if kept is None or kept["provider"] != provider or is_over(kept, now.timestamp()):
        return None
    people = tuple(parse_person(person) for person in kept["people"])
    return PendingSignIn(people, kept["next"], kept["interrupted"], kept["campus_session"])
