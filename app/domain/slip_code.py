"""The code in the slip's QR, format 1: pack, sign, parse, check. Key and clock are arguments.

The QR holds `<base_url>/v/<digits>`; the digits are the decimal of `body || signature` read as one
big-endian integer. The version byte comes first and is never 0, so no leading zero is lost.

The body, big endian, 41 to 50 bytes:

    offset  bytes  field
         0      1  version: 1
         1      1  kid: the signing key, 1 to 255; it pins key and algorithm
         2     10  slip id: random; the same 80 bits are the short code
        12      2  issue day: days since 2020-01-01, from 1
        14      2  expiry day, the last good one: not before the issue day; 0 = never expires
        16      1  document type, from 1
        17      3  status index: the slip's place in the status list, random
        20     16  content digest (`app.domain.slip.get_content_digest`)
        36      4  last four of the student number: ASCII letters and digits; a shorter number is
                   filled up with hyphens on its left (`7` is `---7`)
        40      1  n: bytes of the masked name, 0 to 9
        41      n  masked name: UTF-8 without control characters, cut at whole characters; decides nothing

The signature is Ed25519 (64 bytes) over `b"lixiao-slip/1\\0" || host || 0x00 || body`. The host is that
of base_url, in lower case, with its port where one is written: it is signed and not carried, so that no
code of another service passes here. Each code has exactly one text: every other spelling is malformed.

The short code is the slip id in Crockford's base 32, 16 characters, all of them random: none can tell that another
was mistyped. It is typed by hand, so `app.domain.texts` forgives what keyboards and eyes mistake.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from hmac import compare_digest

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from app.domain.keys import KeyRing, KeyState, PublicSlipKey
from app.domain.slip import MAX_MASKED_NAME_BYTES, SlipRecord, get_content_digest
from app.domain.texts import fold_code

FORMAT_VERSION = 1
DEPARTURE_SLIP = 1
"""Document type of the departure slip 离校单."""

SLIP_ID_BYTES = 10
MAX_STATUS_INDEX = 2**24 - 1

_EPOCH = date(2020, 1, 1)
_LAST_DAY = _EPOCH + timedelta(days=0xFFFF)
_HEAD = struct.Struct(">BB10sHHB3s16s4sB")
_LAST_FOUR = re.compile(r"(?=.{4}\Z)-{0,3}[0-9A-Za-z]+", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CROCKFORD_VALUES = {character: value for value, character in enumerate(_CROCKFORD)}
SHORT_CODE_LENGTH, MAX_TYPED_LENGTH = 16, 64
__all__ = [
    "DEPARTURE_SLIP",
    "MAX_TYPED_LENGTH",
    "SHORT_CODE_LENGTH",
    "CheckedCode",
    "MalformedCode",
    "SlipCode",
    "UnverifiedCode",
    "Verdict",
    "check_slip_code",
    "find_strange_signs",
    "format_short_code",
    "get_last_four",
    "has_content",
    "parse_short_code",
    "parse_slip_code",
    "sign_slip_code",
]


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


_SIGNATURE_BYTES = 64
_DOMAIN = b"lixiao-slip/1\0"

# 105 to 114 bytes that do not start with 0. Bounded and ASCII before int(), which takes １２ and 1_2.
_DIGITS = re.compile(r"[1-9][0-9]{250,274}", re.ASCII)
_HOST = re.compile(r"[a-z0-9.:\[\]_-]{1,255}", re.ASCII)


class Verdict(StrEnum):
    """核验结果: `check_slip_code` gives the first seven; the others need the issued log or the asker's address."""

    VALID = "valid"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    MALFORMED = "malformed"
    STATUS_UNKNOWN = "status_unknown"
    NEVER_ISSUED = "never_issued"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    RATE_LIMITED = "rate_limited"


@dataclass(frozen=True, slots=True)
class UnverifiedCode:
    """A well-formed code whose signature nobody has looked at."""

    code: SlipCode
    body: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class CheckedCode:
    """What a code proves without the issued log, and what it is worth once the log was asked.

    `verdict` holds alone; `verdict_if_issued` holds when the issued log has exactly this code (the same
    digits). They differ for a compromised key only, whose signature anybody may have made: alone it says
    `status_unknown`. `code` and `key_state` are None unless the signature is true and of the key's window.
    """

    verdict: Verdict
    verdict_if_issued: Verdict
    code: SlipCode | None = None
    key_state: KeyState | None = None


def sign_slip_code(code: SlipCode, host: str, private_key: Ed25519PrivateKey) -> str:
    """The code's decimal digits. A longer masked name is cut to 9 bytes, at whole characters.

    Raises ValueError naming the fields that are out of bounds.
    """
    body = pack_body(code)
    signature = private_key.sign(_get_signed_message(body, host))
    return str(int.from_bytes(body + signature, "big"))


def parse_slip_code(text: str) -> UnverifiedCode:
    """The fields of a code, unproven. Raises MalformedCode on all that is not the one text of a code."""
    if not _DIGITS.fullmatch(text):
        raise MalformedCode("text")
    number = int(text)
    signed = number.to_bytes((number.bit_length() + 7) // 8, "big")
    if signed[0] != FORMAT_VERSION:
        raise MalformedCode("version")
    body, signature = signed[:-_SIGNATURE_BYTES], signed[-_SIGNATURE_BYTES:]
    return UnverifiedCode(unpack_body(body), body, signature)


def check_slip_code(text: str, host: str, keys: KeyRing, today: date) -> CheckedCode:
    """What the code proves by form, signature and time, on the slip's local date `today`.

    `valid` means good so far: the slip must still stand in the issued log. A true signature is remembered,
    because a code's signature never changes its answer; key state and time are asked afresh.
    """
    try:
        unverified = parse_slip_code(text)
    except MalformedCode:
        return _refuse(Verdict.MALFORMED)
    key = keys.get_key(unverified.code.kid)
    if key is None:
        return _refuse(Verdict.UNKNOWN_KEY)
    try:
        _require_signature(unverified.body, unverified.signature, host, key.public_key)
    except BadSignatureError:
        return _refuse(Verdict.BAD_SIGNATURE)
    return _judge_signed_code(unverified.code, key, today)


def has_content(code: SlipCode, record: SlipRecord) -> bool:
    """Whether the code was made for exactly this printed content."""
    return compare_digest(code.content_digest, get_content_digest(code.slip_id, record))


def _refuse(verdict: Verdict) -> CheckedCode:
    return CheckedCode(verdict, verdict)


def _judge_signed_code(code: SlipCode, key: PublicSlipKey, today: date) -> CheckedCode:
    if not key.covers(code.issued_on):
        return _refuse(Verdict.UNKNOWN_KEY)
    verdict = Verdict.VALID
    if today < code.issued_on:
        verdict = Verdict.NOT_YET_VALID
    elif code.expires_on is not None and code.expires_on < today:
        verdict = Verdict.EXPIRED
    alone = Verdict.STATUS_UNKNOWN if key.state is KeyState.COMPROMISED else verdict
    return CheckedCode(alone, verdict, code, key.state)


@lru_cache(maxsize=4096)
def _require_signature(body: bytes, signature: bytes, host: str, public_key: bytes) -> None:
    """Raises BadSignatureError, which the cache does not keep: a flood of forgeries displaces no true code.

    By libsodium, which takes half of OpenSSL's 107 µs for it.
    """
    VerifyKey(public_key).verify(_get_signed_message(body, host), signature)


def _get_signed_message(body: bytes, host: str) -> bytes:
    host = host.lower()
    if not _HOST.fullmatch(host):
        raise ValueError("host")
    return b"".join((_DOMAIN, host.encode("ascii"), b"\0", body))
