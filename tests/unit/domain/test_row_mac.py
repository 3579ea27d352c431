"""The authentication codes of rows that decide: what they cover, and which key signs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.row_mac import SIGNS_AFTER, RowKey, RowKeys, get_key_id, get_row_digest

NOW = datetime(2026, 6, 20, 1, 31, tzinfo=UTC)
OLD, NEW = RowKey(bytes(range(32)), NOW - timedelta(days=400)), RowKey(bytes(32), NOW)
ROW = {"student_number": "TS1", "facts": {"owed": "0.00", "lives_in": False}, "recorded_at": NOW}
KEYS = RowKeys((OLD,))


def test_a_row_is_proven_by_its_own_code_alone() -> None:
    mac = KEYS.sign("desk_entries", ROW, NOW)
    assert KEYS.proves("desk_entries", ROW, mac)
    assert not KEYS.proves("waivers", ROW, mac)


@pytest.mark.parametrize(
    "change",
    [
        {"student_number": "TS2"},
        {"facts": {"owed": "0.00", "lives_in": True}},
        {"facts": {"owed": "0.00"}},
        {"recorded_at": NOW + timedelta(microseconds=1)},
        {"more": None},
    ],
    ids=str,
)
def test_no_column_can_be_changed_under_a_code(change: Mapping[str, Any]) -> None:
    mac = KEYS.sign("desk_entries", ROW, NOW)
    assert not KEYS.proves("desk_entries", {**ROW, **change}, mac)
    assert get_row_digest("desk_entries", {**ROW, **change}) != get_row_digest("desk_entries", ROW)


@pytest.mark.parametrize(
    "mac", ["", ":", "x", "名:册", f"{OLD.key_id}:", f"{OLD.key_id}:{'A' * 43}", "0" * 64]
)
def test_what_is_no_code_proves_nothing(mac: str) -> None:
    assert not KEYS.proves("desk_entries", ROW, mac)


def test_the_code_is_as_it_always_was() -> None:
    """Rows live for years: a code of today must be true then."""
    assert KEYS.sign("desk_entries", ROW, NOW) == "aeb9dfcc:Pxd561pxxLrXYEFmCJpHOAnhhxMp121LHfSuEn2g_vE"


def test_a_new_key_signs_when_other_hosts_have_it_and_the_old_one_verifies_on() -> None:
    both = RowKeys((OLD, NEW))
    before, after = NOW + SIGNS_AFTER - timedelta(seconds=1), NOW + SIGNS_AFTER
    assert [get_key_id(both.sign("t", ROW, at)) for at in (before, after)] == [OLD.key_id, NEW.key_id]
    assert both.proves("t", ROW, KEYS.sign("t", ROW, NOW))
    assert not RowKeys((NEW,)).proves("t", ROW, KEYS.sign("t", ROW, NOW))


def test_a_key_that_is_the_only_one_signs_at_once() -> None:
    assert RowKeys((NEW,)).get_signer(NOW) is NEW


def test_a_key_is_32_bytes_and_is_never_shown() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        RowKey(b"short", NOW)
    assert "secret" not in repr(OLD)
