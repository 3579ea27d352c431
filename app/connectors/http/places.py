"""The places of a request and what may stand in them: which keys of the configuration fill which, what they may not do to
each other, and the bytes that come of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlencode

from app.config_model import Text, matching
from app.http_client import Request, add_query

NAME_PATTERN = r"[A-Za-z0-9_.\-]+"
Name = Annotated[Text, matching(NAME_PATTERN)]


class Place(StrEnum):
    """Where in a request a value goes."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    FORM = "form"
    JSON = "json"
    BODY = "body"
    NONE = "none"


Scalar = str | int | float | bool
Value = Scalar | Sequence[Scalar]
"""What a place holds; what is no text or whole number stands in JSON alone."""
Placed = Mapping[Place, Mapping[str, Value]]
NOTHING: Placed = {}
BODY_PLACES = frozenset({Place.FORM, Place.JSON, Place.BODY})
CLIENT_HEADERS = frozenset(
    {
        "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
        "keep-alive", "soapaction", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Headers that the client sets itself, or that would change how a request is framed."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A key of the configuration that fills a place: `key` says the name there and `place_key` the place."""

    key: str
    place_key: str
    place: Place
    name: str

    @property
    def _steps(self) -> tuple[str, ...]:
        if self.place is Place.JSON:
            return tuple(self.name.split("."))
        return (self.name.lower() if self.place is Place.HEADER else self.name,)

    def meets(self, other: Claim) -> bool:
        """Whether both fill one place, or in JSON one of them a place inside the other's value."""
        shorter = min(len(self._steps), len(other._steps))
        return self.place is other.place and self._steps[:shorter] == other._steps[:shorter]


def list_claim_contradictions(
    own: Sequence[Claim], shared: Sequence[Claim], method: str
) -> Iterator[tuple[str, str]]:
    """What is wrong between the keys of a request, its `own` and those that it has in common with others: each told at
    a key of its own where there is one.
    """
    yield from _list_name_contradictions(own)
    for number, claim in enumerate(own):
        for other in (*own[number + 1 :], *shared):
            if claim.meets(other):
                yield claim.key, f"and {other.key} fill the same place"
    in_body = [claim for claim in (*own, *shared) if claim.place in BODY_PLACES]
    told = set[str]()
    for claim in own:
        if claim in in_body and claim.place_key not in told:
            told.add(claim.place_key)
            if claim.place is not in_body[-1].place:
                yield claim.place_key, f"names another kind of body than {in_body[-1].place_key}"
            if method == "GET":
                yield claim.place_key, "needs method POST to send a body"
    if in_body and method == "GET":
        yield "method", "must be POST to send a body"


def list_shared_contradictions(shared: Sequence[Claim]) -> Iterator[tuple[str, str]]:
    """What is wrong between the keys that every request of a system has."""
    yield from _list_name_contradictions(shared)
    for number, claim in enumerate(shared):
        for other in shared[number + 1 :]:
            if claim.meets(other):
                yield claim.key, f"and {other.key} fill the same place"


def _list_name_contradictions(claims: Sequence[Claim]) -> Iterator[tuple[str, str]]:
    for claim in claims:
        if claim.place is Place.HEADER and claim.name.lower() in CLIENT_HEADERS:
            yield claim.key, "names a header that the client sets itself"
        if claim.place is Place.JSON and not all(claim.name.split(".")):
            yield claim.key, "has a dot with nothing beside it"


def assemble(
    method: str, url: str, placed: Placed, written: tuple[dict[str, str], bytes] | None = None
) -> Request:
    """The request with everything in its place; a dotted name of JSON is a place inside an object. `written` is a body
    that a template made, with its headers.
    """
    headers, body = written or _make_body(placed)
    wanted = {name: str(value) for name, value in placed.get(Place.HEADER, {}).items()}
    return Request(method, add_query(url, write_texts(placed.get(Place.QUERY, {}))), headers | wanted, body)


def merge(*parts: Placed) -> dict[Place, dict[str, Value]]:
    """Several parts of one request as one."""
    placed: dict[Place, dict[str, Value]] = {place: {} for place in Place}
    for part in parts:
        for place, fields in part.items():
            placed[place] |= fields
    return placed


def write_texts(fields: Mapping[str, Value]) -> dict[str, str]:
    """Values as they are written where there are texts only."""
    return {
        name: json.dumps(value) if isinstance(value, bool) else str(value) for name, value in fields.items()
    }


def _make_body(placed: Placed) -> tuple[dict[str, str], bytes | None]:
    if placed.get(Place.FORM):
        body = urlencode(write_texts(placed[Place.FORM])).encode()
        return {"Content-Type": "application/x-www-form-urlencoded"}, body
    if placed.get(Place.JSON):
        body = json.dumps(_nest(placed[Place.JSON]), ensure_ascii=False).encode()
        return {"Content-Type": "application/json; charset=utf-8"}, body
    return {}, None


def _nest(fields: Mapping[str, Value]) -> dict[str, object]:
    """`{"data.xh": 1}` as `{"data": {"xh": 1}}`."""
    nested: dict[str, object] = {}
    for name, value in fields.items():
        *outer, last = name.split(".")
        inner = nested
        for step in outer:
            inner = inner.setdefault(step, {})  # type: ignore[assignment]
        inner[last] = value
    return nested
