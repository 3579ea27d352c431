"""Builds the request for one student: the number and the credential each where the system wants them.

Signatures of a request: a message with the app's id, a timestamp, a nonce and the student number.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, urlencode

from app.connectors.base import FailureCode, UntrustedAnswer
from app.http_client import Request, add_query


class SignatureMethod(StrEnum):
    """MD5 over a message that holds the secret, or HMAC-SHA256 with the secret as its key."""

    MD5 = "md5"
    HMAC_SHA256 = "hmac-sha256"


@dataclass(frozen=True, slots=True)
class Signature:
    """How a system wants its requests signed.

    `message` is a text with `{app_id} {timestamp} {nonce} {student_number}` and, for MD5, `{secret}`.
    The four `..._name`s are the fields or headers that carry the values.
    """

    method: SignatureMethod
    app_id: str
    message: str
    is_upper_case: bool
    app_id_name: str
    timestamp_name: str
    nonce_name: str
    signature_name: str

    def sign(self, secret: str, student_number: str, timestamp: int, nonce: str) -> dict[str, str]:
        """The fields to send: app id, timestamp in unix seconds, nonce, and the signature in hex."""
        values = {"app_id": self.app_id, "timestamp": str(timestamp), "nonce": nonce}
        message = self.message.format_map(values | {"student_number": student_number, "secret": secret})
        digest = _DIGESTS[self.method](message.encode(), secret.encode())
        return {
            self.app_id_name: self.app_id,
            self.timestamp_name: str(timestamp),
            self.nonce_name: nonce,
            self.signature_name: digest.upper() if self.is_upper_case else digest,
        }


def _md5(message: bytes, _secret: bytes) -> str:
    return hashlib.md5(message, usedforsecurity=False).hexdigest()


def _hmac_sha256(message: bytes, secret: bytes) -> str:
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


_DIGESTS: Mapping[SignatureMethod, Callable[[bytes, bytes], str]] = {
    SignatureMethod.MD5: _md5,
    SignatureMethod.HMAC_SHA256: _hmac_sha256,
}


MAX_STUDENT_NUMBER = 64
NUMBER_PLACEHOLDER = "{student_number}"


class Place(StrEnum):
    """Where in a request a value goes."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    FORM = "form"
    JSON = "json"


NO_OTHERS: Mapping[Place, Mapping[str, str | int]] = {}
BODY_PLACES = frozenset({Place.FORM, Place.JSON})


@dataclass(frozen=True, slots=True)
class PlainCredential:
    """A token or key that is sent as it is, after `prefix`."""

    place: Place
    name: str
    prefix: str
    secret: str = field(repr=False)

    def make_fields(self, _student_number: str, _timestamp: int, _nonce: str) -> dict[str, str]:
        """The one field to send."""
        return {self.name: self.prefix + self.secret}


@dataclass(frozen=True, slots=True)
class SignedCredential:
    """A secret that signs each request and never travels."""

    place: Place
    signature: Signature
    secret: str = field(repr=False)

    def make_fields(self, student_number: str, timestamp: int, nonce: str) -> dict[str, str]:
        """The fields of the signature."""
        return self.signature.sign(self.secret, student_number, timestamp, nonce)


Credential = PlainCredential | SignedCredential


@dataclass(frozen=True, slots=True)
class RequestShape:
    """An address and where the student number goes; `url` holds `{student_number}` for Place.PATH."""

    url: str
    method: str
    number_place: Place
    number_name: str
    credential: Credential | None


def build_request(
    shape: RequestShape,
    student_number: str,
    timestamp: int,
    nonce: str,
    others: Mapping[Place, Mapping[str, str | int]] = NO_OTHERS,
) -> Request:
    """The request about one student, at `timestamp` in unix seconds; `nonce` is used once, and `others` are
    further fields by their place.

    Raises UntrustedAnswer(ODD_STUDENT_NUMBER) for a number that cannot be sent as it is.
    """
    _require_sendable(student_number)
    placed: dict[Place, dict[str, str | int]] = {place: dict(others.get(place, {})) for place in Place}
    if shape.number_place is not Place.PATH:
        placed[shape.number_place][shape.number_name] = student_number
    if shape.credential is not None:
        placed[shape.credential.place] |= shape.credential.make_fields(student_number, timestamp, nonce)
    headers, body = _make_body(placed)
    url = add_query(
        shape.url.replace(NUMBER_PLACEHOLDER, quote(student_number, safe="")), placed[Place.QUERY]
    )
    return Request(shape.method, url, headers | {k: str(v) for k, v in placed[Place.HEADER].items()}, body)


def _require_sendable(student_number: str) -> None:
    # Dots alone would climb in a path; a line's end would add a header or a line to a signed message.
    is_plain = student_number.isprintable() and student_number.strip(". ") != ""
    if not is_plain or len(student_number) > MAX_STUDENT_NUMBER:
        raise UntrustedAnswer(FailureCode.ODD_STUDENT_NUMBER)


def _make_body(placed: Mapping[Place, Mapping[str, str | int]]) -> tuple[dict[str, str], bytes | None]:
    if placed[Place.FORM]:
        body = urlencode(placed[Place.FORM]).encode()
        return {"Content-Type": "application/x-www-form-urlencoded"}, body
    if placed[Place.JSON]:
        body = json.dumps(dict(placed[Place.JSON]), ensure_ascii=False).encode()
        return {"Content-Type": "application/json; charset=utf-8"}, body
    return {}, None
