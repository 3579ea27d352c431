"""Signatures of a request: a message with the app's id, a timestamp, a nonce and the student number."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


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
