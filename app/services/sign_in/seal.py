"""What a browser keeps for the service without being able to read or change it: JSON under AES-256-GCM, by a key of its
own purpose, with the moment at which it was sealed.

Random nonces of 96 bits are safe for 2^32 texts under one key (NIST SP 800-38D, 8.3).
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.domain.derived_keys import derive_key

NONCE_BYTES = 12
MAX_LENGTH = 3_800
"""Of a sealed text. Browsers keep no cookie whose name and value are longer than 4,096 bytes (RFC 6265, 6.1)."""


class TooMuchToSeal(ValueError):
    """The value is too large for a cookie, even packed."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was sealed under a name, and `mark`, which is another each time that something is sealed."""

    name: str
    value: Any
    sealed_at: float
    mark: bytes


class Seal:
    """Seals and opens; texts are URL-safe Base64."""

    def __init__(self, secret_key: str, purpose: str = "sealed cookies") -> None:
        """What is sealed for one purpose is nothing to another."""
        self._cipher = AESGCM(derive_key(secret_key, purpose))

    def close(self, name: str, value: Any, now: datetime) -> tuple[str, Sealed]:
        """Seal a JSON-ready value under a name; the text, and what `open` will tell. Raises TooMuchToSeal."""
        plain = json.dumps([name, value, now.timestamp()], ensure_ascii=False, separators=(",", ":"))
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, zlib.compress(plain.encode(), 9), None)
        text = base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")
        if len(text) > MAX_LENGTH:
            raise TooMuchToSeal(name)
        return text, Sealed(name, value, now.timestamp(), nonce)

    def open(self, text: str, now: datetime, seconds: float) -> Sealed | None:
        """What this text holds, unless it was not sealed here, or longer ago than so many seconds."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            packed = self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None)
        except (binascii.Error, InvalidTag, ValueError):
            return None
        name, value, sealed_at = json.loads(zlib.decompress(packed))
        if not 0 <= now.timestamp() - sealed_at <= seconds:
            return None
        return Sealed(name, value, sealed_at, raw[:NONCE_BYTES])
