"""Checkpoints 检查点: what the issued log and the audit events have reached, told outside the database.

A journal of them is a file of lines, each a JSON object with the keys

    format     "lixiao-checkpoint/1"
    host       the service's host, as in the codes' signature
    time       when it was written, UTC, ISO 8601
    log        [sequence, chain hash] of the issued log's newest entry; [0, 64 zeros] for an empty log
    audit      [id, chain hash] of the newest audit event
    entries    the issued log's entries since the line before, each [sequence, state, code, slip number, place]:
               `code` is SHA-256 of the short code, its first 32 hexadecimal digits, `place` that in the status list
    previous   SHA-256 of the line before, in hex; 64 zeros for the first
    kid        the signing key, as text
    signature  Ed25519, base64url without padding, over the format, a newline and the canonical JSON of all the others

No name and no student number stands in it. Each line holds the one before it, as in a signed log (C2SP tlog-checkpoint,
RFC 9162): lines can be lost at the end alone, which is what a second place is for.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.domain.hash_chain import START
from app.domain.keys import KeyRing

FORMAT = "lixiao-checkpoint/1"
CODE_DIGITS = 32
MOST = 2**63
"""Every number is below this: a database takes no higher one."""
_NOT_READABLE = (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError)
"""What a line of any other shape comes to."""


class DamagedJournal(Exception):
    """A line was altered, removed or added, or no key of the ring signed it; the message says which."""


class Heads(NamedTuple):
    """The newest entries of both chains: number and hash."""

    log: tuple[int, str] = (0, START)
    audit: tuple[int, str] = (0, START)


class MarkedEntry(NamedTuple):
    """An entry of the issued log. `code` is that of `hash_code`; an entry about no code has it empty, and no `place`."""

    sequence: int
    state: str
    code: str
    number: str
    place: int | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One line of a journal."""

    time: datetime
    heads: Heads
    entries: tuple[MarkedEntry, ...]
    previous: str
    digest: str
    """What the next line holds as `previous`."""


def hash_code(short_code: str) -> str:
    """By which a code is found that must not be read: a short code opens a slip."""
    return hashlib.sha256(short_code.encode()).hexdigest()[:CODE_DIGITS]


def write_checkpoint(
    host: str,
    heads: Heads,
    entries: Sequence[MarkedEntry],
    previous: str,
    now: datetime,
    signer: tuple[int, Ed25519PrivateKey],
) -> str:
    """A line, without its newline, behind the line of the digest `previous`. `signer` is a kid and its key."""
    kid, key = signer
    unsigned = {
        "format": FORMAT,
        "host": host,
        "time": now.astimezone(UTC).isoformat(),
        "log": heads.log,
        "audit": heads.audit,
        "entries": entries,
        "previous": previous,
        "kid": str(kid),
    }
    signature = base64.urlsafe_b64encode(key.sign(_get_signed_text(unsigned))).rstrip(b"=").decode()
    return _write({**unsigned, "signature": signature})


def read_checkpoints(data: bytes, ring: KeyRing, previous: str = START) -> list[Checkpoint]:
    """The lines behind the line of the digest `previous`. The newest signature is checked, which covers all before it; a
    last line that is not whole was never finished and is left out. Raises DamagedJournal.
    """
    lines, damage = _follow(data, previous)
    if damage is not None:
        raise damage
    if lines:
        _check_signature(lines[-1][1], ring, len(lines))
    return [checkpoint for checkpoint, _ in lines]


def read_trusted(data: bytes, ring: KeyRing) -> list[Checkpoint]:
    """The lines of a journal, or of a part of one, and of a damaged one those before the damage: up to the last that one
    of our keys signed.
    """
    lines, _ = _follow(data, None)
    for number in range(len(lines), 0, -1):
        with suppress(DamagedJournal):
            _check_signature(lines[number - 1][1], ring, number)
            return [checkpoint for checkpoint, _ in lines[:number]]
    return []


def read_parts(data: bytes, ring: KeyRing) -> list[Checkpoint]:
    """The lines of one or more parts of a journal, from wherever each begins, as the letters of a witness have them; what
    an editor or a mail program does to the ends of lines is undone. Raises DamagedJournal, also where there is no line, or
    the last is not whole.
    """
    lines = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").strip().split(b"\n")
    if lines == [b""]:
        raise DamagedJournal("it is empty")
    found = [_read_line(number, line) for number, line in enumerate(lines, 1)]
    for number, (checkpoint, told) in enumerate(found, 1):
        # A signature covers all lines that its own follows.
        if number == len(found) or found[number][0].previous != checkpoint.digest:
            _check_signature(told, ring, number)
    return [checkpoint for checkpoint, _ in found]


def _follow(data: bytes, previous: str | None) -> tuple[list[tuple[Checkpoint, Any]], DamagedJournal | None]:
    """The lines that follow each other, each with its object, and what is wrong with the one behind them."""
    found: list[tuple[Checkpoint, Any]] = []
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            checkpoint, told = _read_line(number, line)
        except DamagedJournal as error:
            return found, error
        if previous not in (None, checkpoint.previous):
            return found, DamagedJournal(f"line {number} does not follow the line before it")
        found.append((checkpoint, told))
        previous = checkpoint.digest
    return found, None


def _read_line(number: int, line: bytes) -> tuple[Checkpoint, Any]:
    try:
        told = json.loads(line)
        return _parse(told, line), told
    except _NOT_READABLE:
        raise DamagedJournal(f"line {number} is no checkpoint") from None


def _parse(data: Mapping[str, Any], line: bytes) -> Checkpoint:
    if data["format"] != FORMAT:
        raise ValueError
    log, audit = ((_need_number(data[chain][0]), _need_text(data[chain][1])) for chain in ("log", "audit"))
    return Checkpoint(
        datetime.fromisoformat(data["time"]).astimezone(UTC),
        Heads(log, audit),
        tuple(_parse_entry(*entry) for entry in data["entries"]),
        _need_text(data["previous"]),
        hashlib.sha256(line).hexdigest(),
    )


def _parse_entry(sequence: object, state: object, code: object, number: object, place: object) -> MarkedEntry:
    return MarkedEntry(
        _need_number(sequence),
        _need_text(state),
        _need_text(code),
        _need_text(number),
        None if place is None else _need_number(place),
    )


def _need_number(value: object) -> int:
    if type(value) is not int:
        raise TypeError
    if not 0 <= value < MOST:
        raise ValueError
    return value


def _need_text(value: object) -> str:
    if type(value) is not str:
        raise TypeError
    return value


def _check_signature(data: Mapping[str, Any], ring: KeyRing, number: int) -> None:
    try:
        kid, signature = _need_number(int(data["kid"])), base64.urlsafe_b64decode(data["signature"] + "==")
        key = ring.get_key(kid)
        if key is None:
            raise DamagedJournal(f"line {number} is signed by key {kid}, which is not here")
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, _get_signed_text(data))
    except (InvalidSignature, *_NOT_READABLE):
        raise DamagedJournal(f"line {number} is not signed by our key") from None


def _get_signed_text(data: Mapping[str, Any]) -> bytes:
    unsigned = {key: value for key, value in data.items() if key != "signature"}
    return f"{FORMAT}\n{_write(unsigned)}".encode()


def _write(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
