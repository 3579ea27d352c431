"""The student's code 办理码, which a clerk's scanner or any camera reads from a screen. It says who stands at the counter, gives
no right to anything, and is dead after five minutes; without the key nothing can be read in it.

Format 1, all of it digits, so that QR symbols hold them in a third of the room, and hand scanners type them alike under
any keyboard layout and input method:

    1                the version
    115 or 154       the bytes nonce || ciphertext || tag as one decimal number (big-endian), with zeros before it:
    more digits      48 bytes where the number has at most 16 characters, else 64

    nonce            12 random bytes
    tag              16 bytes
    plaintext        4 bytes: when the code was made, in seconds since 1970 (unsigned, big-endian);
                     then the number in ASCII, with zero bytes behind it to 16 bytes, or to 32
    cipher           AES-256-GCM (NIST SP 800-38D); the key is that of the purpose "desk code" (`derived_keys`),
                     the associated data `lixiao desk code 1 HOST`: another host's codes are worth nothing here

Its address is `<base_url>/c/<digits>`. In a QR symbol at level Q, an address before it of up to 40 characters, and a number
of up to 16, make version 8 at most: 49 modules a side.
"""

from __future__ import annotations

import re
import secrets
import struct
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.domain.texts import fold_scanned

PURPOSE = "desk code"
VERSION = "1"
NONCE_BYTES, TAG_BYTES = 12, 16
LIFETIME = timedelta(minutes=5)
AHEAD = timedelta(seconds=30)
"""How far the clock of the host that made a code may be before that of the host that reads it."""
MOST_SCANNED = 2048
"""Characters of what is looked through for a code."""

_ROOMS = (16, 32)
"""Bytes that numbers are filled up to."""
_MADE_AT = struct.Struct(">I")
_RUN = re.compile(r"[0-9]+(?: [0-9]+)*", re.ASCII)


def _count_bytes(room: int) -> int:
    return NONCE_BYTES + _MADE_AT.size + room + TAG_BYTES


_BYTES = {len(str(1 << 8 * _count_bytes(room))): _count_bytes(room) for room in _ROOMS}
"""How many bytes as many digits, without the version, are."""
LENGTHS = frozenset(len(VERSION) + digits for digits in _BYTES)


class MalformedCode(ValueError):
    """No code of this host is in the text, or two people's. The message never holds the text."""


class CodeTooOld(ValueError):
    """The code was made by this host, and is dead."""


class OpenedCode(NamedTuple):
    """Whose code it is, and when it was made (UTC)."""

    number: str
    made_at: datetime


def seal_code(number: str, made_at: datetime, key: bytes, host: str) -> str:
    """The digits of a new code for a folded number."""
    plain = number.encode("ascii")
    room = next(room for room in _ROOMS if len(plain) <= room)
    nonce = secrets.token_bytes(NONCE_BYTES)
    content = _MADE_AT.pack(int(made_at.timestamp())) + plain.ljust(room, b"\0")
    sealed = nonce + AESGCM(key).encrypt(nonce, content, _name(host))
    width = next(digits for digits, count in _BYTES.items() if count == len(sealed))
    return f"{VERSION}{int.from_bytes(sealed, 'big'):0{width}d}"


def open_code(digits: str, key: bytes, host: str) -> OpenedCode:
    """What this host sealed. Raises MalformedCode for anything else."""
    count = _BYTES.get(len(digits) - len(VERSION))
    if count is None or not digits.startswith(VERSION) or not (digits.isascii() and digits.isdigit()):
        raise MalformedCode("no code of this form")
    try:
        sealed = int(digits[len(VERSION) :]).to_bytes(count, "big")
        content = AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _name(host))
    except (OverflowError, InvalidTag):
        raise MalformedCode("not sealed by this host") from None
    (seconds,) = _MADE_AT.unpack(content[: _MADE_AT.size])
    number = content[_MADE_AT.size :].rstrip(b"\0").decode("ascii")
    return OpenedCode(number, datetime.fromtimestamp(seconds, UTC))


def require_fresh(made_at: datetime, now: datetime) -> None:
    """Raise CodeTooOld for a code that is dead, MalformedCode for one that is made later than any clock explains."""
    if made_at - now > AHEAD:
        raise MalformedCode("made in the future")
    if now - made_at >= LIFETIME:
        raise CodeTooOld


def list_codes(text: str) -> list[str]:
    """Every different run of digits of a code's form in what was scanned, pasted or opened: an address or the digits alone, in
    full width, with percent signs, broken into lines, with something before or behind it, once or several times.
    """
    found = []
    for run in _RUN.findall(fold_scanned(text[:MOST_SCANNED])):
        pieces = run.split(" ")
        whole = [piece for piece in pieces if _may_be_code(piece)]
        found += whole or [joined for joined in ("".join(pieces),) if _may_be_code(joined)]
    return list(dict.fromkeys(found))


def _may_be_code(digits: str) -> bool:
    return len(digits) in LENGTHS and digits.startswith(VERSION)


def _name(host: str) -> bytes:
    return f"lixiao {PURPOSE} {VERSION} {host}".encode()
