"""The ring of the slip's keys: who signs on a day, and how the ring is written."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.domain.keys import KeyRing, KeyState, MalformedKeyRing, NoSigningKey, PublicSlipKey, parse_key_ring
from tests.vectors.slip_code_forge import RING, make_public_key

OLDER = make_public_key(7, "2026-01-01", "2026-12-31", KeyState.ACTIVE)
NEWER = make_public_key(3, "2026-06-01", "2027-05-31", KeyState.ACTIVE)
BEGINS = datetime(2026, 6, 20, 1, 31, tzinfo=UTC)


def at(day: date) -> datetime:
    """The day's noon."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def test_a_published_key_signs_from_its_moment_on() -> None:
    ring = KeyRing((OLDER, replace(NEWER, signs_from=BEGINS)))

    assert ring.get_signing_kid(BEGINS - timedelta(seconds=1)) == 7
    assert ring.get_signing_kid(BEGINS) == 3


def test_the_moment_is_written_into_the_key_set_and_read_back() -> None:
    ring = KeyRing((OLDER, replace(NEWER, signs_from=BEGINS)))

    assert [key.get("signs_from") for key in ring.to_jwks()["keys"]] == ["2026-06-20T01:31:00Z", None]
    assert set(parse_key_ring(ring.to_jwks()).keys) == set(ring.keys)


@pytest.mark.parametrize("text", ["", "2026-06-20", "2026-06-20T01:31:00", "2026-06-20T01:31:00+08:00", 7])
def test_another_spelling_of_the_moment_is_no_key(text: object) -> None:
    (jwk,) = KeyRing((NEWER,)).to_jwks()["keys"]

    with pytest.raises(MalformedKeyRing):
        parse_key_ring({"keys": [{**jwk, "signs_from": text}]})


@pytest.mark.parametrize(
    ("day", "kid"),
    [("2026-01-01", 7), ("2026-05-31", 7), ("2026-06-01", 3), ("2026-12-31", 3), ("2027-05-31", 3)],
)
def test_the_newest_active_key_signs_within_its_window(day: str, kid: int) -> None:
    assert KeyRing((OLDER, NEWER)).get_signing_kid(at(date.fromisoformat(day))) == kid


def test_of_two_keys_of_one_day_the_higher_kid_signs() -> None:
    twin = replace(OLDER, kid=8)

    assert KeyRing((twin, OLDER)).get_signing_kid(at(date(2026, 1, 1))) == 8


@pytest.mark.parametrize("state", [KeyState.RETIRED, KeyState.COMPROMISED])
def test_a_key_that_is_not_active_does_not_sign(state: KeyState) -> None:
    ring = KeyRing((OLDER, replace(NEWER, state=state)))

    assert ring.get_signing_kid(at(date(2026, 6, 20))) == 7


@pytest.mark.parametrize("day", [date(2025, 12, 31), date(2027, 6, 1)])
def test_no_key_signs_outside_every_window(day: date) -> None:
    with pytest.raises(NoSigningKey):
        KeyRing((OLDER, NEWER)).get_signing_kid(at(day))


def test_a_key_is_found_by_its_kid_whatever_its_state() -> None:
    assert [key.state for kid in (1, 3, 4) if (key := RING.get_key(kid))] == [
        "active",
        "retired",
        "compromised",
    ]
    assert RING.get_key(9) is None


def test_two_keys_never_share_a_kid() -> None:
    with pytest.raises(ValueError, match="share a kid"):
        KeyRing((OLDER, replace(NEWER, kid=7)))


@pytest.mark.parametrize(
    "change",
    [{"kid": 0}, {"kid": 256}, {"public_key": bytes(31)}, {"not_after": date(2025, 12, 31)}],
    ids=str,
)
def test_a_key_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"key|kid"):
        replace(OLDER, **change)


def test_the_ring_is_published_as_a_key_set_by_kid() -> None:
    published = KeyRing((OLDER, NEWER)).to_jwks()["keys"]

    assert [key["kid"] for key in published] == ["3", "7"]
    assert {**published[0], "x": len(published[0]["x"])} == {
        "kty": "OKP",
        "crv": "Ed25519",
        "use": "sig",
        "kid": "3",
        "x": 43,
        "not_before": "2026-06-01",
        "not_after": "2027-05-31",
        "state": "active",
    }


def test_a_published_ring_is_read_back_whole() -> None:
    ring = parse_key_ring(json.loads(json.dumps(RING.to_jwks())))

    assert ring == RING


GOOD: dict[str, str] = OLDER.to_jwk()


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"keys": {}},
        {"keys": [], "more": 1},
        {"keys": [None]},
        {"keys": ["key"]},
        {"keys": [{}]},
        {"keys": [GOOD, GOOD]},
        *({"keys": [{**GOOD, **change}]} for change in (
            {"kid": "0"}, {"kid": "256"}, {"kid": "07"}, {"kid": "７"}, {"kid": 7}, {"kid": "x"}, {"kid": None},
            {"x": ""}, {"x": GOOD["x"][:-1]}, {"x": GOOD["x"] + "="}, {"x": "?" * 43}, {"x": 5},
            {"not_before": "2026-1-1"}, {"not_before": "20260101"}, {"not_before": None}, {"not_after": "2025-12-31"},
            {"state": "revoked"}, {"state": None}, {"crv": "X25519"}, {"kty": "RSA"}, {"d": "secret"},
        )),
    ],
    ids=str,
)  # fmt: skip
def test_anything_else_is_no_ring(data: Any) -> None:
    with pytest.raises(MalformedKeyRing):
        parse_key_ring(data)


def test_a_public_key_never_writes_a_private_member() -> None:
    assert (
        "d" not in PublicSlipKey(1, bytes(32), date(2026, 1, 1), date(2026, 1, 1), KeyState.ACTIVE).to_jwk()
    )
