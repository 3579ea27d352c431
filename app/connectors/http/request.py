"""Builds the request for one student: the number and the credential each where the system wants them, and a signature
over a message with the app's id, a timestamp, a nonce and the student number.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Literal
from urllib.parse import quote, urlencode

from pydantic import Field as Key
from pydantic import ValidationInfo, field_validator
from yarl import URL

from app.config_model import (
    MUST_BE_SET,
    SHOWN_DEFAULT,
    Choice,
    Flag,
    OptionalSecret,
    Section,
    Text,
    matching,
    one_of,
)
from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.config import CaFile
from app.http_client import Request, add_query


class SignatureMethod(StrEnum):
    """MD5 over a message that holds the secret, or HMAC-SHA256 with the secret as its key."""

    MD5 = "md5"
    HMAC_SHA256 = "hmac-sha256"


_CARRIES = "the header, parameter or field that carries {}, placed by `credential_in`"
NAME_PATTERN = r"[A-Za-z0-9_.\-]+"
NUMBER_PLACEHOLDER = "{student_number}"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_ALWAYS_SIGNED = {"timestamp", "nonce", "student_number"}

Name = Annotated[Text, matching(NAME_PATTERN)]


class Signature(Section):
    """How a system wants its requests signed."""

    method: Choice[SignatureMethod] = Key(description="`md5` or `hmac-sha256`")
    app_id: Annotated[Text, matching(r"[!-~]+")] = Key(description="who we are to the system")
    message: Text = Key(
        description="a text with `{app_id}`, `{timestamp}`, `{nonce}`, `{student_number}` and, for `md5` alone, `{secret}`"
    )
    upper_case: Flag = Key(False, description="the signature is written in capitals")
    app_id_name: Name = Key(description=_CARRIES.format("`app_id`"))
    timestamp_name: Name = Key(description=_CARRIES.format("the time in unix seconds"))
    nonce_name: Name = Key(description=_CARRIES.format("a text that is used once"))
    signature_name: Name = Key(description=_CARRIES.format("the signature in hex"))

    @field_validator("message")
    @classmethod
    def _check_message(cls, message: str, info: ValidationInfo) -> str:
        found = set(_PLACEHOLDER.findall(message))
        needed = _ALWAYS_SIGNED | ({"secret"} if info.data.get("method") is SignatureMethod.MD5 else set())
        leftover = _PLACEHOLDER.sub("", message)
        if found - {"app_id"} != needed or "{" in leftover or "}" in leftover:
            raise ValueError(f"must hold {', '.join(sorted(needed))} in braces, perhaps app_id, no other")
        return message

    def sign(self, secret: str, student_number: str, timestamp: int, nonce: str) -> dict[str, str]:
        """The fields to send: app id, timestamp in unix seconds, nonce, and the signature in hex."""
        values = {"app_id": self.app_id, "timestamp": str(timestamp), "nonce": nonce}
        message = self.message.format_map(values | {"student_number": student_number, "secret": secret})
        digest = _DIGESTS[self.method](message.encode(), secret.encode())
        return {
            self.app_id_name: self.app_id,
            self.timestamp_name: str(timestamp),
            self.nonce_name: nonce,
            self.signature_name: digest.upper() if self.upper_case else digest,
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


class Place(StrEnum):
    """Where in a request a value goes."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    FORM = "form"
    JSON = "json"
    NONE = "none"


NO_OTHERS: Mapping[Place, Mapping[str, str | int]] = {}
BODY_PLACES = frozenset({Place.FORM, Place.JSON})


class RequestShape(Section):
    """One kind of request to a system: its path and where the student number goes."""

    path: Annotated[Text, matching(r"/[A-Za-z0-9._~/?&=%,:@+{}\-]*")] = Key(
        description="below `base_url`, with `/` in front; may hold a fixed query"
    )
    method: Literal["GET", "POST"] = Key(description="`GET` or `POST`")
    number_in: Annotated[Choice[Place], one_of(Place.PATH, Place.QUERY, Place.FORM, Place.JSON)] = Key(
        description="where the student number goes: `path` (at `{student_number}`), `query`, `form` or `json`"
    )
    number_name: Annotated[str, matching(NAME_PATTERN)] = Key(
        "",
        validate_default=True,
        json_schema_extra={SHOWN_DEFAULT: f"{MUST_BE_SET}, but not for `path`"},
        description="the name of that parameter or field",
    )

    @field_validator("number_name")
    @classmethod
    def _check_name(cls, name: str, info: ValidationInfo) -> str:
        if info.data.get("number_in") is not Place.PATH and not name:
            raise ValueError("is missing")
        return name

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        if self.number_in is Place.PATH and self.number_name:
            yield "number_name", "is not a known key"
        has_placeholder = _PLACEHOLDER.findall(self.path) == [NUMBER_PLACEHOLDER.strip("{}")]
        if has_placeholder != (self.number_in is Place.PATH) or ("{" in self.path and not has_placeholder):
            yield (
                "path",
                f"must hold {NUMBER_PLACEHOLDER} exactly if number_in is path, nothing else in braces",
            )


class Access(Section):
    """Where a system is, and the credential that it asks for: sent as it is, or signing each request."""

    base_url: Annotated[Text, matching(r"https?://[A-Za-z0-9.\-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/\-]*)?")] = (
        Key(
            description="scheme, host and port, perhaps a path: `https://lib.example.edu.cn`. `http://` only for this machine"
        )
    )
    plain_http: Flag = Key(False, description="true: unencrypted `http://` to another machine is accepted")
    ca_file: CaFile = ""
    credential_in: Annotated[
        Choice[Place], one_of(Place.HEADER, Place.QUERY, Place.FORM, Place.JSON, Place.NONE)
    ] = Key(description="`header`, `query`, `form`, `json`; `none` for a system that asks for no credential")
    credential_name: Annotated[str, matching(NAME_PATTERN)] = Key(
        "",
        json_schema_extra={SHOWN_DEFAULT: f"{MUST_BE_SET}, but not with a signature"},
        description="the header's, parameter's or field's name",
    )
    credential_prefix: Annotated[str, matching(r"[ -~]*")] = Key(
        "", description='text before the credential, e.g. `"Bearer "`'
    )
    credential: OptionalSecret = Key(
        "",
        json_schema_extra={SHOWN_DEFAULT: f"{MUST_BE_SET}, unless there is none"},
        description="the secret: from the environment or from a file",
    )
    signature: Signature | None = Key(
        None, description="if there: the credential signs each request and does not travel"
    )

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, url: str) -> str:
        try:
            URL(url)
        except ValueError:
            raise ValueError("is not an address") from None
        return url.rstrip("/")

    @field_validator("credential")
    @classmethod
    def _check_credential(cls, secret: str) -> str:
        if not (secret.isascii() and secret.isprintable()):
            raise ValueError("must be of printable ASCII characters")
        return secret

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        is_here = URL(self.base_url).host in ("127.0.0.1", "localhost")
        if self.base_url.startswith("http://") and not (self.plain_http or is_here):
            yield "base_url", "must start with https://, or plain_http must be true"
        if self.credential_in is Place.NONE:
            needed, usable = set[str](), set[str]()
        elif self.signature is not None:
            needed, usable = {"credential"}, {"signature"}
        else:
            needed, usable = {"credential", "credential_name"}, {"credential_prefix"}
        of_credentials = {"credential_name", "credential_prefix", "credential", "signature"}
        yield from ((key, "is missing") for key in sorted(needed) if not getattr(self, key))
        for key in sorted((of_credentials & self.model_fields_set) - needed - usable):
            yield key, "is not a known key"

    def make_credential_fields(self, student_number: str, timestamp: int, nonce: str) -> dict[str, str]:
        """The fields that carry the credential or what it signed."""
        if self.credential_in is Place.NONE:
            return {}
        if self.signature is not None:
            return self.signature.sign(self.credential, student_number, timestamp, nonce)
        return {self.credential_name: self.credential_prefix + self.credential}


def list_body_contradictions(access: Access, shape: RequestShape) -> Iterator[tuple[str, str]]:
    """What is wrong with the body that number and credential would make together."""
    body_places = {shape.number_in, access.credential_in} & BODY_PLACES
    if len(body_places) > 1:
        yield "number_in", "and credential_in name two kinds of body"
    if body_places and shape.method == "GET":
        yield "method", "must be POST to send a form or JSON"


def build_request(
    access: Access,
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
    if shape.number_in is not Place.PATH:
        placed[shape.number_in][shape.number_name] = student_number
    placed[access.credential_in] |= access.make_credential_fields(student_number, timestamp, nonce)
    headers, body = _make_body(placed)
    url = (access.base_url + shape.path).replace(NUMBER_PLACEHOLDER, quote(student_number, safe=""))
    url = add_query(url, placed[Place.QUERY])
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
