"""The demo's library by SIP2 as parsed configuration, and its messages, for tests of the pure parts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from app.connectors.sip2.codec import read_message
from app.connectors.sip2.connector import Sip2Config
from app.connectors.sip2.patron import INFORMATION_HEADER, make_document, read_patron
from app.domain.clearance import Record
from tests.campus.facts import LibraryLoans
from tests.campus.sip2_wire import seal, write_patron
from tests.fixtures.connectors import read_config

DEMO_FILE = Path(__file__).resolve().parents[4] / "config" / "demo_sip2.toml"
STUDENT = "TS23000002"
CLEARED = LibraryLoans()


def demo_section(**changes: Any) -> dict[str, Any]:
    """The fragment's table with a password; None takes a key away."""
    section = tomllib.loads(DEMO_FILE.read_text(encoding="utf-8"))["connectors"]["library_sip2"]
    merged = section | {"login_password": "geheim"} | changes
    return {key: value for key, value in merged.items() if value is not None}


def demo_config(**changes: Any) -> Sip2Config:
    """The parsed table."""
    config: Sip2Config = read_config(demo_section(**changes), "library")
    return config


def write_answer(held: LibraryLoans | None = CLEARED, number: str = STUDENT, sequence: str = "1") -> bytes:
    """A 64 without its terminator."""
    return seal(write_patron("64", number, held), sequence)[:-1]


def reseal(body: bytes, sequence: str = "1") -> bytes:
    """Changed text with a right checksum, without the terminator."""
    return seal(body.decode("latin-1"), sequence, "latin-1")[:-1]


def prove(config: Sip2Config, raw: bytes, number: str = STUDENT) -> tuple[Record, ...]:
    """What the connector makes of a 64; raises UntrustedAnswer."""
    message = read_message(config, raw, "64", INFORMATION_HEADER, 1)
    return read_patron(config, make_document(config, message, number))
