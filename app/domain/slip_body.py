"""The bytes of a slip's code: its fields, their bounds, and their packing. `app.domain.slip_code` holds the
layout and is what others import.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import date, timedelta

from app.domain.typed_text import fold_code

FORMAT_VERSION = 1
DEPARTURE_SLIP = 1
"""Document type of the departure slip 离校单."""

SLIP_ID_BYTES = 10
MAX_STATUS_INDEX = 2**24 - 1
MAX_MASKED_NAME_BYTES = 9

_EPOCH = date(2020, 1, 1)
_LAST_DAY = _EPOCH + timedelta(days=0xFFFF)
_HEAD = struct.Struct(">BB10sHHB3s16s4sB")
_LAST_FOUR = re.compile(r"(?=.{4}\Z)-{0,3}[0-9A-Za-z]+", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CROCKFORD_VALUES = {character: value for value, character in enumerate(_CROCKFORD)}
SHORT_CODE_LENGTH, MAX_TYPED_LENGTH = 16, 64


class MalformedCode(ValueError):
    """The text is no code of this format. The message names the layer and never holds the text."""


@dataclass(frozen=True, slots=True)
class SlipCode:
    """The fields of a code; the module's docstring holds their bounds."""

    kid: int
    slip_id: bytes
    issued_on: date
    expires_on: date | None
    document_type: int
    status_index: int
    content_digest: bytes
    last_four: str
    masked_name: str


def get_last_four(student_number: str) -> str:
    """The last four characters of a student number as the code holds them: `7` is `---7`.

    Raises ValueError unless they are ASCII letters and digits.
    """
    last_four = student_number[-4:].rjust(4, "-")
    if "-" in student_number[-4:] or not _LAST_FOUR.fullmatch(last_four):
        raise ValueError("a student number ends in ASCII letters and digits")
    return last_four


def format_short_code(slip_id: bytes) -> str:
    """The slip id (10 bytes) as 16 characters of Crockford's base 32."""
    if len(slip_id) != SLIP_ID_BYTES:
        raise ValueError("slip_id")
    number = int.from_bytes(slip_id, "big")
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(75, -1, -5))


def parse_short_code(text: str) -> bytes:
    """The slip id of a typed short code, as `fold_code` reads it. Raises MalformedCode."""
    code = fold_code(text) if len(text) <= MAX_TYPED_LENGTH else ""
    if len(code) != SHORT_CODE_LENGTH or find_strange_signs(code):
        raise MalformedCode("short code")
    number = 0
    for character in code:
        number = number << 5 | _CROCKFORD_VALUES[character]
    return number.to_bytes(SLIP_ID_BYTES, "big")


def find_strange_signs(code: str) -> str:
    """What stands in a folded text and in no short code."""
    return "".join(dict.fromkeys(sign for sign in code if sign not in _CROCKFORD_VALUES))


def pack_body(code: SlipCode) -> bytes:
    if faults := _list_faults(code):
        raise ValueError(", ".join(faults))
    name = code.masked_name.encode()[:MAX_MASKED_NAME_BYTES].decode(errors="ignore").encode()
    head = _HEAD.pack(
        FORMAT_VERSION,
        code.kid,
        code.slip_id,
        (code.issued_on - _EPOCH).days,
        (code.expires_on - _EPOCH).days if code.expires_on else 0,
        code.document_type,
        code.status_index.to_bytes(3, "big"),
        code.content_digest,
        code.last_four.encode("ascii"),
        len(name),
    )
    return head + name


def unpack_body(body: bytes) -> SlipCode:
    if len(body) < _HEAD.size:
        raise MalformedCode("length")
    _, kid, slip_id, issued, expires, kind, index, digest, last_four, size = _HEAD.unpack_from(body)
    if size > MAX_MASKED_NAME_BYTES or len(body) != _HEAD.size + size:
        raise MalformedCode("length")
    try:
        name = body[_HEAD.size :].decode()
        four = last_four.decode("ascii")
    except UnicodeDecodeError as error:
        raise MalformedCode("characters") from error
    issued_on = _EPOCH + timedelta(days=issued)
    expires_on = _EPOCH + timedelta(days=expires) if expires else None
    code = SlipCode(
        kid, slip_id, issued_on, expires_on, kind, int.from_bytes(index, "big"), digest, four, name
    )
    if faults := _list_faults(code):
        raise MalformedCode(", ".join(faults))
    return code


def _list_faults(code: SlipCode) -> list[str]:
    """The names of the fields that no code of this format may hold."""
    rules = {
        "kid": 1 <= code.kid <= 255,
        "slip_id": len(code.slip_id) == SLIP_ID_BYTES,
        "issued_on": _EPOCH < code.issued_on <= _LAST_DAY,
        "expires_on": code.expires_on is None or code.issued_on <= code.expires_on <= _LAST_DAY,
        "document_type": 1 <= code.document_type <= 255,
        "status_index": 0 <= code.status_index <= MAX_STATUS_INDEX,
        "content_digest": len(code.content_digest) == 16,
        "last_four": _LAST_FOUR.fullmatch(code.last_four) is not None,
        "masked_name": _CONTROL.search(code.masked_name) is None,
    }
    return [name for name, holds in rules.items() if not holds]
