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
from app.services.sign_in.sign_in import Arrival, is_over

ARRIVED = "arrived"


class WaitingRoom(Protocol):
    """The browser's session as far as an arrival needs it."""

    def __setitem__(self, key: str, value: Any) -> None: ...

    def get(self, key: str) -> Any:
        """The value, or None."""

    def take(self, key: str) -> Any:
        """Remove a key and return its value, to one caller only; None if it is not there."""


def keep_arrival(session: WaitingRoom, provider: str, arrival: Arrival, now: datetime) -> None:
    """Let an arrival wait for the person's word; it takes the place of an earlier one."""
    session[ARRIVED] = {
        "provider": provider,
        "people": [person.to_json() for person in arrival.people],
        "next": arrival.next_page,
        "interrupted": arrival.has_interrupted,
        "campus_session": arrival.campus_session,
        "at": now.timestamp(),
    }


def read_arrival(session: WaitingRoom, provider: str, now: datetime) -> Arrival | None:
    """What waits for this provider, or None."""
    return _parse(session.get(ARRIVED), provider, now)


def confirm_arrival(session: WaitingRoom, provider: str, choice: str, now: datetime) -> Arrival | None:
    """Take what waits, for the person at the place that `choice` tells; None if there is no such thing."""
    arrival = _parse(session.take(ARRIVED), provider, now)
    places = {str(place): person for place, person in enumerate(arrival.people)} if arrival else {}
    if arrival is None or choice not in places:
        return None
    return replace(arrival, people=(places[choice],))


def _parse(kept: Mapping[str, Any] | None, provider: str, now: datetime) -> Arrival | None:
    if kept is None or kept["provider"] != provider or is_over(kept, now.timestamp()):
        return None
    people = tuple(parse_person(person) for person in kept["people"])
    return Arrival(people, kept["next"], kept["interrupted"], kept["campus_session"])
