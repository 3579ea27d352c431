"""SIP2 messages as the pretend library writes and reads them. Source: 3M Standard Interchange Protocol 2.00.

Written apart from the product's own codec, so that a mistake in one of them shows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.campus.facts import LibraryLoans

END = b"\r"
FLAG_COUNT = 14
_CHARGE, _RENEWAL, _RECALL, _HOLD = 0, 1, 2, 3
_OVERDUE, _FINES = 6, 10
_MISDEEDS = (8, 9, 13)


@dataclass(frozen=True)
class Manner:
    """How a library speaks where it departs from the standard: without error detection, always with the same sequence
    digit, without a currency, without a fee where there is none, and how it writes one.
    """

    checksum: bool = True
    sequence: str = ""
    currency: bool = True
    no_fee: bool = True
    fee: str = "{}"

    def seal(self, body: str, sequence: str) -> bytes:
        """Return a message as this library sends it."""
        if not self.checksum:
            return body.encode() + END
        return seal(body, self.sequence or sequence)

    def say(self, body: str) -> str:
        """Return a patron's answer in this library's words."""
        if not self.no_fee:
            body = body.replace("BV0.00|", "")
        if not self.currency:
            body = body.replace("BHCNY|", "")
        return re.sub(r"BV([0-9.]+)\|", lambda found: f"BV{self.fee.format(found[1])}|", body)


STANDARD = Manner()


class BadRequestError(ValueError):
    """A message that the library cannot read."""


@dataclass(frozen=True)
class Request:
    """A message received: its two-digit code, the fixed fields, the variable ones and the sequence digit."""

    code: str
    fixed: str
    fields: dict[str, str]
    sequence: str


_FIXED_LENGTHS = {"93": 2, "63": 31, "23": 21, "01": 19}


def checksum(text: bytes) -> str:
    """Return the four digits that follow `AZ`."""
    return f"{(0x10000 - sum(text) % 0x10000) % 0x10000:04X}"


def seal(body: str, sequence: str, encoding: str = "utf-8") -> bytes:
    """Return a message with its sequence digit and checksum, ready to be sent."""
    covered = f"{body}AY{sequence}AZ".encode(encoding)
    return covered + checksum(covered).encode() + END


def read_request(line: bytes, encoding: str = "utf-8", *, is_checked: bool = True) -> Request:
    """Return the message in a line; raises BadRequestError for a wrong checksum or an unknown code."""
    if is_checked:
        body, mark, sent = line.rpartition(b"AZ")
        if not mark or checksum(body + mark).encode() != sent or body[-3:-1] != b"AY":
            raise BadRequestError("checksum")
        text, sequence = body[:-3].decode(encoding), chr(body[-1])
    else:
        text, sequence = line.decode(encoding), ""
    code = text[:2]
    if code not in _FIXED_LENGTHS:
        raise BadRequestError(f"message {code}")
    cut = 2 + _FIXED_LENGTHS[code]
    fields = {part[:2]: part[2:] for part in text[cut:].split("|") if part}
    return Request(code, text[2:cut], fields, sequence)


def write_status(held: LibraryLoans | None) -> str:
    """Return the fourteen flags: a cancelled card may do nothing any more, and neither may a debarred reader."""
    marks = [" "] * FLAG_COUNT
    if held is None or held.debarred or held.card == "cancelled":
        for place in (_CHARGE, _RENEWAL, _RECALL, _HOLD):
            marks[place] = "Y"
    if held is not None:
        marks[_OVERDUE] = "Y" if held.books else " "
        marks[_FINES] = "Y" if float(held.debt) else " "
        for place in _MISDEEDS[: held.violations]:
            marks[place] = "Y"
    return "".join(marks)


def write_patron(
    code: str, number: str, held: LibraryLoans | None, message: str = "", flags: str | None = None
) -> str:
    """Return a 64 or a 24 about a patron; None is a patron whom the library does not know."""
    status = write_status(held) if flags is None else flags
    now = datetime.now(UTC).strftime("%Y%m%d    %H%M%S")
    books = f"{held.books if held else 0:04d}"
    counts = f"0000{books}{books}000000000000" if code == "64" else ""
    name = f"AE读者{number[-4:]}|BLY|" if held else "AE|BLN|"
    money = f"BHCNY|BV{held.debt if held else '0.00'}|"
    card = f"ZC{'9' if held.card == 'cancelled' else '1'}|" if held else ""
    said = f"AF{message}|" if message else ""
    return f"{code}{status}019{now}{counts}AOCUMT|AA{number}|{name}{money}{card}{said}"
