"""The public side of the slip's signing keys: who may sign today, and whose signatures still count.

As JSON a ring is a JSON Web Key Set of Ed25519 keys (RFC 7517, RFC 8037) with members of our own on each
key: `not_before` and `not_after` (ISO dates, both days inside the window), `state`, and `signs_from` (UTC, as
2026-06-20T01:31:00Z) on a key that was published before it signs. The same text is the key folder's `keys.json` and
what the service publishes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

MAX_KID = 255
PUBLIC_KEY_BYTES = 32
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"


class KeyState(StrEnum):
    """What a key's signature is worth.

    active signs and verifies; retired only verifies; compromised proves nothing by itself, because
    somebody else may hold it: only what the issued log holds stands.
    """

    ACTIVE = "active"
    RETIRED = "retired"
    COMPROMISED = "compromised"


class NoSigningKey(Exception):
    """No active key may sign at this moment, so nothing can be signed."""


class MalformedKeyRing(ValueError):
    """The data is no ring of slip keys."""


@dataclass(frozen=True, slots=True)
class PublicSlipKey:
    """One key: `kid` 1 to 255, the raw 32 bytes of Ed25519, and the days on which it may sign (both inside). Before
    `signs_from` it only verifies: by then every host, gate and verifier has it.

    Raises ValueError on a value outside these bounds.
    """

    kid: int
    public_key: bytes
    not_before: date
    not_after: date
    state: KeyState
    signs_from: datetime | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.kid <= MAX_KID:
            raise ValueError(f"kid {self.kid} is not from 1 to {MAX_KID}")
        if len(self.public_key) != PUBLIC_KEY_BYTES:
            raise ValueError(f"key {self.kid}: a public key has {PUBLIC_KEY_BYTES} bytes")
        if self.not_after < self.not_before:
            raise ValueError(f"key {self.kid}: not_after is before not_before")
        if self.signs_from is not None and self.signs_from.tzinfo is not UTC:
            raise ValueError(f"key {self.kid}: signs_from is not in UTC")

    def covers(self, day: date) -> bool:
        """Whether the key may sign slips of this day."""
        return self.not_before <= day <= self.not_after

    def may_sign(self, moment: datetime) -> bool:
        """Whether the key may sign at this moment, which is on the service's wall clock."""
        has_begun = self.signs_from is None or self.signs_from <= moment
        return self.state is KeyState.ACTIVE and self.covers(moment.date()) and has_begun

    def find_first_whole_day(self, moment: datetime) -> date:
        """The first day on all of which the key may sign, on the clock of this moment."""
        if self.signs_from is None:
            return self.not_before
        return max(self.not_before, self.signs_from.astimezone(moment.tzinfo).date() + timedelta(days=1))

    def to_jwk(self) -> dict[str, str]:
        """The key as a JSON Web Key."""
        begins = {"signs_from": self.signs_from.strftime(_MOMENT)} if self.signs_from else {}
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "kid": str(self.kid),
            "x": base64.urlsafe_b64encode(self.public_key).rstrip(b"=").decode(),
            "not_before": self.not_before.isoformat(),
            "not_after": self.not_after.isoformat(),
            "state": self.state.value,
            **begins,
        }


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys that ever signed, each kid once. Raises ValueError when two keys share a kid."""

    keys: tuple[PublicSlipKey, ...]

    def __post_init__(self) -> None:
        if len({key.kid for key in self.keys}) != len(self.keys):
            raise ValueError("two keys share a kid")

    def get_key(self, kid: int) -> PublicSlipKey | None:
        """The key of this kid, whatever its state, or None."""
        return next((key for key in self.keys if key.kid == kid), None)

    def get_signing_kid(self, moment: datetime) -> int:
        """The newest key that may sign at this moment, on the service's wall clock: last `not_before`, then highest kid.

        Raises NoSigningKey when there is none.
        """
        usable = [key for key in self.keys if key.may_sign(moment)]
        if not usable:
            raise NoSigningKey(f"no active key may sign at {moment.isoformat(timespec='minutes')}")
        return max(usable, key=lambda key: (key.not_before, key.kid)).kid

    def find_last_signing_day(self, moment: datetime) -> date:
        """The last day up to which some key signs on every day from this moment on, which is on the service's wall clock.

        Raises NoSigningKey when none signs now.
        """
        last = max((key.not_after for key in self.keys if key.may_sign(moment)), default=None)
        if last is None:
            raise NoSigningKey(f"no active key may sign at {moment.isoformat(timespec='minutes')}")
        for key in sorted(self.keys, key=lambda key: key.find_first_whole_day(moment)):
            follows = key.find_first_whole_day(moment) <= last + timedelta(days=1)
            if key.state is KeyState.ACTIVE and follows:
                last = max(last, key.not_after)
        return last

    def to_jwks(self) -> dict[str, list[dict[str, str]]]:
        """The ring as a JSON Web Key Set, by kid."""
        return {"keys": [key.to_jwk() for key in sorted(self.keys, key=lambda key: key.kid)]}


def parse_key_ring(data: Any) -> KeyRing:
    """Read back what `KeyRing.to_jwks` wrote. Raises MalformedKeyRing on anything else."""
    if not isinstance(data, Mapping) or set(data) != {"keys"} or not isinstance(data["keys"], list):
        raise MalformedKeyRing("not a JSON Web Key Set")
    try:
        ring = KeyRing(tuple(_parse_jwk(item) for item in data["keys"]))
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedKeyRing(f"a key is not well-formed: {error}") from error
    if [key.to_jwk() for key in ring.keys] != data["keys"]:
        raise MalformedKeyRing("a key is not written as this service writes keys")
    return ring


def _parse_jwk(data: Mapping[str, str]) -> PublicSlipKey:
    return PublicSlipKey(
        kid=int(data["kid"]),
        public_key=base64.b64decode(data["x"] + "=", altchars=b"-_", validate=True),
        not_before=date.fromisoformat(data["not_before"]),
        not_after=date.fromisoformat(data["not_after"]),
        state=KeyState(data["state"]),
        signs_from=_parse_moment(data["signs_from"]) if "signs_from" in data else None,
    )


def _parse_moment(text: str) -> datetime:
    return datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)
