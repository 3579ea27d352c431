"""Writes and reads SIP2 messages: pure functions between texts and bytes.

Source: 3M Standard Interchange Protocol, version 2.00 (document revision 2.12). A message is a two-digit code, fields
of fixed length, then fields of variable length (a two-letter code, the value, a delimiter), then the error detection:

    64<14 status><3 language><18 date><6 x 4 counts>AO...|AA...|AE...|BL...|AY<sequence>AZ<checksum><CR>

`AY` carries the sequence number, one digit that the answer repeats. `AZ` carries four hexadecimal digits: the two's
complement of the low 16 bits of the sum of all bytes up to and including the letters `AZ`. Neither has a delimiter.
A sum finds every changed byte but not two bytes that changed places: TCP and TLS watch over that.

The delimiter is looked for in the decoded text, for the second byte of a GBK character may be the delimiter's (0x7C).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field as Key

from app.config_model import Choice, Section, Text, matching
from app.connectors.base import FailureCode, UntrustedAnswer

DATE_LENGTH = 18

_TRAILER = re.compile(rb"(.*)AY([0-9])AZ([0-9A-Fa-f]{4})", re.DOTALL)
_FIELD_CODE = re.compile(r"[A-Z][A-Z0-9]")
_REPEATED = frozenset({"AF", "AG", "AS", "AT", "AU", "AV", "BU", "CD"})
_STUDENT_NUMBER = re.compile(r"[0-9A-Za-z]{1,64}")


class Terminator(StrEnum):
    """What ends a message: a carriage return by the standard; many systems send a line feed after it."""

    CR = "cr"
    CRLF = "crlf"

    @property
    def bytes(self) -> bytes:
        """As sent."""
        return b"\r" if self is Terminator.CR else b"\r\n"


class Dialect(Section):
    """How a system writes."""

    encoding: Literal["ascii", "utf-8", "gbk", "gb18030"] = Key(
        description="`ascii`, `utf-8`, `gbk` or `gb18030`"
    )
    delimiter: Annotated[Text, matching(r"[!-/:-@\[-`{-~]")] = Key(
        "|", description="one ASCII character, no letter or digit"
    )
    terminator: Choice[Terminator] = Key(Terminator.CR, description="what ends a message: `cr` or `crlf`")
    checksum: Literal["required", "none"] = Key(
        "required",
        description="`none`: for a system without error detection: no `AY` and `AZ` are sent, and answers may be without. "
        "What changed on the way, a 2 that became a 0, is then seen by TCP and TLS alone",
    )
    sequence: Literal["repeated", "any"] = Key(
        "repeated",
        description="`any`: the system does not repeat the question's number in `AY`, but sends always the same. An answer "
        "to another question is then told by its code and its patron alone",
    )


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was read: the fixed fields as one text, the variable ones that may stand once, by code, and of
    those that may stand again and again how many say something.
    """

    header: str
    fields: Mapping[str, str]
    repeated: Mapping[str, int] = field(default_factory=dict)


def get_checksum(covered: bytes) -> int:
    """The checksum of everything up to and including `AZ`."""
    return -sum(covered) & 0xFFFF


def write_message(dialect: Dialect, head: str, fields: Mapping[str, str], sequence: int) -> bytes:
    """A message ready to be sent; `head` is the code with the fixed fields.

    Raises UntrustedAnswer(ENCODING) for what cannot be sent: it would end a field or the message too early.
    """
    if not all(can_send(dialect, value) for value in fields.values()):
        raise UntrustedAnswer(FailureCode.ENCODING)
    body = head + "".join(f"{code}{value}{dialect.delimiter}" for code, value in fields.items())
    if dialect.checksum == "none":
        return body.encode(dialect.encoding) + dialect.terminator.bytes
    covered = body.encode(dialect.encoding) + f"AY{sequence}AZ".encode("ascii")
    return covered + f"{get_checksum(covered):04X}".encode("ascii") + dialect.terminator.bytes


def can_send(dialect: Dialect, value: str) -> bool:
    """Whether a value can stand in a field as it is."""
    try:
        value.encode(dialect.encoding)
    except UnicodeEncodeError:
        return False
    return dialect.delimiter not in value and (value == "" or value.isprintable())


def read_message(dialect: Dialect, raw: bytes, code: str, header_length: int, sequence: int) -> Message:
    """The message of this code and sequence number in `raw`, which has no terminator any more.

    Raises UntrustedAnswer for one that is damaged, or is not the answer to the question.
    """
    try:
        text = _take_trailer(dialect, raw, sequence).decode(dialect.encoding)
    except UnicodeDecodeError:
        raise UntrustedAnswer(FailureCode.ENCODING) from None
    header, rest = text[2 : 2 + header_length], text[2 + header_length :]
    if text[:2] != code or len(header) != header_length or not header.isascii():
        raise UntrustedAnswer(FailureCode.NOT_SIP2)
    return Message(header, *_read_fields(dialect, rest))


def _take_trailer(dialect: Dialect, raw: bytes, sequence: int) -> bytes:
    """What stands before `AY`. A trailer that need not be there must be right all the same, but for the number of a
    question that had none.
    """
    found = _TRAILER.fullmatch(raw)
    if found is None:
        if dialect.checksum == "none":
            return raw
        raise UntrustedAnswer(FailureCode.NOT_SIP2)
    if int(found[3], 16) != get_checksum(raw[:-4]):
        raise UntrustedAnswer(FailureCode.CHECKSUM)
    is_numbered = dialect.checksum == "required" and dialect.sequence == "repeated"
    if is_numbered and int(found[2]) != sequence:
        raise UntrustedAnswer(FailureCode.SEQUENCE)
    return found[1]


def _read_fields(dialect: Dialect, text: str) -> tuple[dict[str, str], dict[str, int]]:
    *parts, last = text.split(dialect.delimiter)
    if last:
        raise UntrustedAnswer(FailureCode.NOT_SIP2)
    fields: dict[str, str] = {}
    repeated: dict[str, int] = {}
    for part in parts:
        code, value = part[:2], part[2:]
        if not _FIELD_CODE.fullmatch(code):
            raise UntrustedAnswer(FailureCode.NOT_SIP2)
        if code in _REPEATED:
            repeated[code] = repeated.get(code, 0) + (value.strip() != "")
            continue
        if code in fields:
            raise UntrustedAnswer(FailureCode.DUPLICATE_KEY)
        fields[code] = value
    return fields, repeated


def write_date(now: datetime) -> str:
    """A moment in UTC as 18 characters: YYYYMMDD, three blanks and Z, HHMMSS."""
    return f"{now:%Y%m%d}   Z{now:%H%M%S}"


def require_sendable(student_number: str) -> None:
    """Raise UntrustedAnswer(ODD_STUDENT_NUMBER) unless the number is letters and digits alone."""
    if not _STUDENT_NUMBER.fullmatch(student_number):
        raise UntrustedAnswer(FailureCode.ODD_STUDENT_NUMBER)
