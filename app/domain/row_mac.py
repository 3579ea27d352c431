"""The authentication code 认证码 of a stored row that decides, so that nobody lets a student pass by writing to the database.

    mac = key id ":" base64url(HMAC-SHA-256(key, canonical JSON of {"purpose": PURPOSE, "row": columns, "table": name}))

Canonical JSON is that of `app.domain.hash_chain`, base64url is without padding. The key stands outside the database
(`app.services.row_keys`); its id is the beginning of its own hash, so that no two keys share one. A row's digest, which
audit events name it by, is made of the same text without a key.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from app.domain.hash_chain import encode_canonically

PURPOSE = "lixiao-row/1"
KEY_BYTES = 32
KEY_ID_DIGITS = 8
DIGEST_BYTES = 16
SIGNS_AFTER = timedelta(minutes=10)
"""Time for other hosts to be given a new key before rows carry codes that only it proves."""

Values = Mapping[str, Any]
"""The deciding columns of a row by their names: JSON and moments in UTC."""


@dataclass(frozen=True, slots=True)
class RowKey:
    """A key and when it was made (UTC). Raises ValueError for one of another length."""

    secret: bytes = field(repr=False)
    made_at: datetime

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"a row key has {KEY_BYTES} bytes")

    @property
    def key_id(self) -> str:
        """The key's name in the codes that it made: eight hexadecimal digits."""
        return sha256(f"{PURPOSE}\0".encode() + self.secret).hexdigest()[:KEY_ID_DIGITS]


@dataclass(frozen=True, slots=True)
class RowKeys:
    """One key or several, the oldest first: all verify."""

    keys: tuple[RowKey, ...]

    def get_signer(self, now: datetime) -> RowKey:
        """The newest key that other hosts have had the time to be given, else the oldest."""
        known = [key for key in self.keys if now - key.made_at >= SIGNS_AFTER]
        return known[-1] if known else self.keys[0]

    def has(self, mac: str) -> bool:
        """Whether the key that made this code, true or not, is here."""
        return get_key_id(mac) in {key.key_id for key in self.keys}

    def sign(self, table: str, row: Values, now: datetime) -> str:
        """The code of a row that is stored now."""
        return _make_code(self.get_signer(now), table, row)

    def proves(self, table: str, row: Values, mac: str) -> bool:
        """Whether one of the keys made this code for exactly this row."""
        key = next((key for key in self.keys if key.key_id == get_key_id(mac)), None)
        return key is not None and hmac.compare_digest(_make_code(key, table, row).encode(), mac.encode())


def get_key_id(mac: str) -> str:
    """The id of the key that a code names."""
    return mac.partition(":")[0]


def get_row_digest(table: str, row: Values) -> str:
    """What audit events call a row in this state: 22 characters of base64url."""
    return _encode(sha256(_describe(table, row)).digest()[:DIGEST_BYTES])


def _make_code(key: RowKey, table: str, row: Values) -> str:
    return f"{key.key_id}:{_encode(hmac.digest(key.secret, _describe(table, row), 'sha256'))}"


def _describe(table: str, row: Values) -> bytes:
    return encode_canonically({"purpose": PURPOSE, "row": row, "table": table})


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
