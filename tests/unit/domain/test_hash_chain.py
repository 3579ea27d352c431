"""The hashes of the two chains: what was stored by the first release still holds, to the byte."""

from __future__ import annotations

from datetime import UTC, datetime

from app.domain.hash_chain import START, get_hash
from app.domain.slip_log import get_chain_hash
from app.services.audit import get_event_hash

MOMENT = datetime(2026, 6, 20, 1, 31, 5, 123456, tzinfo=UTC)
EVENT = {
    "happened_at": MOMENT,
    "kind": "slip_issued",
    "actor": "TS23000009",
    "subject": "欧阳䶮",
    "details": {"slip": "LX-1", "n": [1, 2.5, None, True]},
}
ENTRY = {
    "sequence": 1,
    "happened_at": MOMENT,
    "state": "issued",
    "short_code": "0123456789ABCDEF",
    "content_hash": "a" * 64,
    "actor": "TS23000009",
    "reason": "二维码破损",
    "previous_hash": START,
}


def test_an_events_hash_is_that_of_the_first_release() -> None:
    told = get_event_hash(START, EVENT)
    assert told == "15c209d178f3fd6a03588d834b6a07accf16ec5ffcf61bc2f18b3fe5b589a24f"
    assert get_event_hash(START, {**EVENT, "id": 7, "chain_hash": told}) == told, (
        "its columns beside do not count"
    )


def test_an_entrys_hash_is_that_of_the_first_release() -> None:
    assert get_chain_hash(ENTRY) == "f9c2ad9cb3f0cd62d9780cd7bb089c48f8f08ad0005e5d3ca5a98656b8c59580"


def test_a_hash_covers_the_one_before_it_wherever_that_stands() -> None:
    other = "f" * 64
    assert get_event_hash(other, EVENT) != get_event_hash(START, EVENT)
    assert get_chain_hash({**ENTRY, "previous_hash": other}) != get_chain_hash(ENTRY)


def test_the_order_of_keys_is_no_part_of_the_content() -> None:
    assert get_hash({"b": 1, "a": "王"}) == get_hash({"a": "王", "b": 1})
