"""Signatures of requests, over a message that the configuration writes down: with the app's id, a timestamp, a nonce and
the student number by name, or with all parameters sorted.

`sign = md5(a=1&b=2&key=secret)` over all parameters sorted by name is the commonest at Chinese universities: its
message is `{sorted}&key={secret}`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field as Key
from pydantic import ValidationInfo, field_validator
from pydantic.config import JsonDict

from app.config_model import MUST_BE_SET, SHOWN_DEFAULT, Choice, Flag, Section, Text, matching
from app.connectors.http.places import NAME_PATTERN, Claim, Name, Place


class SignatureMethod(StrEnum):
    """MD5 over a message that holds the secret, or HMAC-SHA256 with the secret as its key."""

    MD5 = "md5"
    HMAC_SHA256 = "hmac-sha256"


SORTED = "sorted"
_CARRIES = "the header, parameter, field or placeholder that carries {}, placed by `credential_in`"
_BUT_SORTED: JsonDict = {SHOWN_DEFAULT: f"{MUST_BE_SET}, but not with `{{sorted}}`"}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_ALWAYS_SIGNED = {"timestamp", "nonce", "student_number"}
_SENT_NAMES = ("app_id_name", "timestamp_name", "nonce_name", "signature_name")

OptionalName = Annotated[str, matching(NAME_PATTERN)]


class Signature(Section):
    """How a system wants its requests signed."""

    method: Choice[SignatureMethod] = Key(description="`md5` or `hmac-sha256`")
    message: Text = Key(
        description="a text with `{app_id}`, `{timestamp}`, `{nonce}`, `{student_number}` and, for `md5` alone, `{secret}`; "
        "or with `{sorted}`: all parameters that are sent in query and body, with those of the signature itself, sorted "
        "by name; beside it any of the others, and for `md5` always `{secret}`"
    )
    app_id: Annotated[str, matching(r"[!-~]+")] = Key(
        "", validate_default=True, json_schema_extra=_BUT_SORTED, description="who we are to the system"
    )
    upper_case: Flag = Key(False, description="the signature is written in capitals")
    name_separator: str = Key("=", description="in `{sorted}`: what stands between a name and its value")
    pair_separator: str = Key("&", description="in `{sorted}`: what stands between two parameters")
    signs_empty: Flag = Key(
        True, description="false: parameters without a value are left out of `{sorted}`, though they are sent"
    )
    app_id_name: OptionalName = Key(
        "",
        validate_default=True,
        json_schema_extra=_BUT_SORTED,
        description=_CARRIES.format("`app_id`"),
    )
    timestamp_name: OptionalName = Key(
        "",
        validate_default=True,
        json_schema_extra=_BUT_SORTED,
        description=_CARRIES.format("the time in unix seconds"),
    )
    nonce_name: OptionalName = Key(
        "",
        validate_default=True,
        json_schema_extra=_BUT_SORTED,
        description=_CARRIES.format("a text that is used once"),
    )
    signature_name: Name = Key(description=_CARRIES.format("the signature in hex"))

    @field_validator("message")
    @classmethod
    def _check_message(cls, message: str, info: ValidationInfo) -> str:
        found = set(_PLACEHOLDER.findall(message))
        secret = {"secret"} if info.data.get("method") is SignatureMethod.MD5 else set[str]()
        leftover = _PLACEHOLDER.sub("", message)
        has_braces = "{" in leftover or "}" in leftover
        if SORTED in found:
            if has_braces or not secret <= found or found - {SORTED, "app_id", "secret"} - _ALWAYS_SIGNED:
                raise ValueError(
                    "must hold sorted and, for md5, secret in braces, perhaps others that are known"
                )
        elif has_braces or found - {"app_id"} != _ALWAYS_SIGNED | secret:
            needed = ", ".join(sorted(_ALWAYS_SIGNED | secret))
            raise ValueError(f"must hold {needed} in braces, perhaps app_id, no other; or sorted")
        return message

    @field_validator("app_id", "app_id_name", "timestamp_name", "nonce_name")
    @classmethod
    def _check_sent(cls, value: str, info: ValidationInfo) -> str:
        if not value and f"{{{SORTED}}}" not in info.data.get("message", ""):
            raise ValueError("is missing")
        return value

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        if bool(self.app_id) != bool(self.app_id_name or "{app_id}" in self.message):
            yield "app_id", "is sent and signed nowhere" if self.app_id else "is missing"
        for key in ("name_separator", "pair_separator", "signs_empty"):
            if key in self.model_fields_set and not self.is_sorted:
                yield key, "needs {sorted} in message"

    @property
    def is_sorted(self) -> bool:
        """Whether all parameters are signed."""
        return f"{{{SORTED}}}" in self.message

    def list_claims(self, place: Place) -> Iterator[Claim]:
        """The places that the signature and what goes with it fill."""
        for key in _SENT_NAMES:
            if name := getattr(self, key):
                yield Claim(f"signature.{key}", "credential_in", place, name)

    def sign(
        self, secret: str, student_number: str, timestamp: int, nonce: str, parameters: Mapping[str, str]
    ) -> dict[str, str]:
        """The fields to send: app id, timestamp in unix seconds, nonce, and the signature in hex. `parameters` are what
        is sent beside them in query and body.
        """
        values = {"app_id": self.app_id, "timestamp": str(timestamp), "nonce": nonce}
        names = {"app_id": self.app_id_name, "timestamp": self.timestamp_name, "nonce": self.nonce_name}
        fields = {name: values[key] for key, name in names.items() if name}
        known = values | {
            "student_number": student_number,
            "secret": secret,
            SORTED: self._sort(dict(parameters) | fields),
        }
        digest = _DIGESTS[self.method](self.message.format_map(known).encode(), secret.encode())
        return fields | {self.signature_name: digest.upper() if self.upper_case else digest}

    def _sort(self, parameters: Mapping[str, str]) -> str:
        return self.pair_separator.join(
            f"{name}{self.name_separator}{value}"
            for name, value in sorted(parameters.items())
            if value or self.signs_empty
        )


def _md5(message: bytes, _secret: bytes) -> str:
    return hashlib.md5(message, usedforsecurity=False).hexdigest()


def _hmac_sha256(message: bytes, secret: bytes) -> str:
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


_DIGESTS: Mapping[SignatureMethod, Callable[[bytes, bytes], str]] = {
    SignatureMethod.MD5: _md5,
    SignatureMethod.HMAC_SHA256: _hmac_sha256,
}
