"""The slip's keys: made, rotated, one writer at a time, and noticed by a running service when they change."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from app.domain.keys import KeyRing, KeyState, NoSigningKey
from app.services.slips import signing_keys
from app.services.slips.signing_keys import (
    LastSigningKey,
    SlipKeyError,
    SlipKeyStore,
    compromise_slip_key,
    create_slip_key,
    list_slip_keys,
    load_slip_keys,
    lock_folder,
    retire_slip_key,
    write_ring,
)
from tests.vectors.slip_code_forge import make_public_key

TODAY = date(2026, 6, 20)
NOON = datetime(2026, 6, 20, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A key folder with one key."""
    folder = tmp_path / "secrets" / "slip-keys"
    create_slip_key(folder, TODAY, 365)
    return folder


def get_mode(path: Path) -> int:
    """The permission bits."""
    return path.stat().st_mode & 0o7777


def test_a_new_key_lies_in_a_private_folder_and_signs_from_today(folder: Path) -> None:
    keys = load_slip_keys(folder)
    kid, private_key = keys.get_signer(NOON)

    assert (get_mode(folder), get_mode(folder / "1.pem")) == (0o700, 0o600)
    assert [(key.kid, key.not_before, key.not_after, key.state) for key in keys.ring.keys] == [
        (1, TODAY, date(2027, 6, 19), KeyState.ACTIVE)
    ]
    assert (kid, private_key.public_key().public_bytes_raw()) == (1, keys.ring.keys[0].public_key)
    assert keys.get_signer(datetime(2027, 6, 19, 23, tzinfo=UTC))[0] == 1
    with pytest.raises(NoSigningKey):
        keys.get_signer(datetime(2027, 6, 20, tzinfo=UTC))


def test_a_generous_umask_opens_nothing(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_slip_key(tmp_path / "keys", TODAY, 1)
    finally:
        os.umask(before)

    assert {get_mode(path) for path in (tmp_path / "keys").iterdir()} == {0o600}


def test_two_keys_are_live_at_once_and_the_newer_signs(folder: Path) -> None:
    assert create_slip_key(folder, TODAY, 365) == 2

    keys = load_slip_keys(folder)
    assert (sorted(keys.signers), keys.get_signer(NOON)[0]) == ([1, 2], 2)


def test_rotation_leaves_a_retired_and_a_compromised_key_in_the_ring(folder: Path) -> None:
    create_slip_key(folder, TODAY, 365)
    create_slip_key(folder, TODAY, 365)
    retire_slip_key(folder, 1, NOON)
    compromise_slip_key(folder, 2)
    (folder / "1.pem").unlink()
    (folder / "2.pem").unlink()

    assert [key.state for key in list_slip_keys(folder)] == ["retired", "compromised", "active"]
    assert load_slip_keys(folder).get_signer(NOON)[0] == 3


def test_a_retired_key_may_turn_out_to_be_compromised_but_never_the_reverse(folder: Path) -> None:
    retire_slip_key(folder, 1, NOON, is_forced=True)
    compromise_slip_key(folder, 1)
    compromise_slip_key(folder, 1)

    with pytest.raises(SlipKeyError, match="stays so"):
        retire_slip_key(folder, 1, NOON)
    assert list_slip_keys(folder)[0].state is KeyState.COMPROMISED


@pytest.mark.parametrize("change", [lambda *key: retire_slip_key(*key, NOON), compromise_slip_key])
def test_a_key_that_is_not_there_cannot_change(folder: Path, change: Callable[[Path, int], None]) -> None:
    with pytest.raises(SlipKeyError, match="no key 2"):
        change(folder, 2)


def test_no_kid_is_used_twice(folder: Path) -> None:
    (folder / "9.pem").write_text("left by a crash before the ring named it")

    assert create_slip_key(folder, TODAY, 365) == 10
    assert sorted(load_slip_keys(folder).signers) == [1, 10]


def test_after_the_last_kid_no_key_is_made(folder: Path) -> None:
    write_ring(folder, KeyRing((make_public_key(255, "2026-01-01", "2026-12-31", KeyState.RETIRED),)))

    with pytest.raises(SlipKeyError, match="255 kids"):
        create_slip_key(folder, TODAY, 365)


def test_a_key_is_valid_for_one_day_at_least(tmp_path: Path) -> None:
    with pytest.raises(SlipKeyError, match="one day"):
        create_slip_key(tmp_path / "keys", TODAY, 0)


def test_a_new_key_is_in_the_ring_at_once_and_signs_from_its_moment(folder: Path) -> None:
    begins = NOON + timedelta(minutes=10)
    create_slip_key(folder, TODAY, 365, begins)

    keys = load_slip_keys(folder)
    assert [(key.kid, key.signs_from) for key in keys.ring.keys] == [(1, None), (2, begins)]
    assert keys.get_signer(begins - timedelta(seconds=1))[0] == 1
    assert keys.get_signer(begins)[0] == 2


def test_the_last_key_that_signs_is_not_retired_unless_forced(folder: Path) -> None:
    with pytest.raises(LastSigningKey, match="key 1 is the only one"):
        retire_slip_key(folder, 1, NOON)
    create_slip_key(folder, TODAY, 365, NOON + timedelta(minutes=10))
    with pytest.raises(LastSigningKey):
        retire_slip_key(folder, 1, NOON)
    assert load_slip_keys(folder).get_signer(NOON)[0] == 1

    retire_slip_key(folder, 1, NOON + timedelta(minutes=10))
    assert load_slip_keys(folder).get_signer(NOON + timedelta(minutes=10))[0] == 2
    retire_slip_key(folder, 2, NOON + timedelta(minutes=10), is_forced=True)
    with pytest.raises(NoSigningKey):
        load_slip_keys(folder).get_signer(NOON + timedelta(minutes=10))


@pytest.mark.parametrize("other", ["expired", "compromised", "retired"])
def test_a_key_that_cannot_sign_leaves_the_other_the_last_one(tmp_path: Path, other: str) -> None:
    folder = tmp_path / "keys"
    create_slip_key(folder, TODAY - timedelta(days=30), 30)
    create_slip_key(folder, TODAY, 365)
    if other == "compromised":
        compromise_slip_key(folder, 1)
    if other == "retired":
        retire_slip_key(folder, 1, NOON)

    with pytest.raises(LastSigningKey, match="key 2"):
        retire_slip_key(folder, 2, NOON)


def test_a_key_that_does_not_sign_any_more_is_retired_without_force(folder: Path) -> None:
    retire_slip_key(folder, 1, datetime(2028, 1, 1, tzinfo=UTC))

    assert list_slip_keys(folder)[0].state is KeyState.RETIRED


def test_a_draft_left_by_a_crash_changes_nothing(folder: Path) -> None:
    (folder / "keys.json.new").write_text('{"keys": [')
    assert len(load_slip_keys(folder).ring.keys) == 1

    create_slip_key(folder, TODAY, 365)

    assert len(load_slip_keys(folder).ring.keys) == 2
    assert not (folder / "keys.json.new").exists()


def test_an_empty_folder_lists_no_key_and_loads_none(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    assert list_slip_keys(tmp_path) == ()
    with pytest.raises(SlipKeyError, match=r"keys\.json cannot be used: No such file"):
        load_slip_keys(tmp_path)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("")

    with pytest.raises(SlipKeyError, match="cannot be made: File exists"):
        create_slip_key(tmp_path / "keys", TODAY, 365)


def make_key_while_locked(folder: Path) -> bool:
    """Whether another thread makes a key while this one holds the folder's lock."""
    with lock_folder(folder):
        other = threading.Thread(target=create_slip_key, args=(folder, TODAY, 365))
        other.start()
        other.join(0.3)
        has_ended = not other.is_alive()
    other.join(30)
    return has_ended


def test_a_second_writer_waits_for_the_first(folder: Path) -> None:
    assert not make_key_while_locked(folder)
    assert len(list_slip_keys(folder)) == 2


def test_without_the_lock_a_second_writer_goes_ahead(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_keys, "lock_folder", lambda _: nullcontext())

    assert make_key_while_locked(folder)


def test_many_writers_at_once_lose_no_key(folder: Path) -> None:
    writers = [threading.Thread(target=create_slip_key, args=(folder, TODAY, 365)) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)

    assert [key.kid for key in list_slip_keys(folder)] == list(range(1, 10))
    assert len(load_slip_keys(folder).signers) == 9


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_running_service_notices_a_new_key_within_a_second(folder: Path) -> None:
    clock = Clock()
    store = SlipKeyStore(folder, clock)
    create_slip_key(folder, TODAY, 365)

    clock.seconds += 0.9
    assert store.current().get_signer(NOON)[0] == 1
    clock.seconds += 0.1
    assert store.current().get_signer(NOON)[0] == 2


def test_an_unchanged_folder_is_not_read_again(folder: Path) -> None:
    clock = Clock()
    store = SlipKeyStore(folder, clock)
    first = store.current()
    clock.seconds += 60

    assert store.current() is first


def test_a_compromised_key_stops_signing_in_a_running_service(folder: Path) -> None:
    clock = Clock()
    store = SlipKeyStore(folder, clock)
    compromise_slip_key(folder, 1)
    clock.seconds += 1

    with pytest.raises(NoSigningKey):
        store.current().get_signer(NOON)
    assert [key.state for key in store.current().ring.keys] == [KeyState.COMPROMISED]


def test_a_broken_change_stops_the_service_s_keys_until_it_is_repaired(folder: Path) -> None:
    clock = Clock()
    store = SlipKeyStore(folder, clock)
    good = (folder / "keys.json").read_text()
    (folder / "keys.json").write_text("{}")
    clock.seconds += 1

    for _ in range(2):
        with pytest.raises(SlipKeyError, match="not a ring"):
            store.current()
    (folder / "keys.json").write_text(good)
    assert store.current().get_signer(NOON)[0] == 1


def test_a_ring_that_vanishes_stops_the_service_s_keys(folder: Path) -> None:
    clock = Clock()
    store = SlipKeyStore(folder, clock)
    (folder / "keys.json").unlink()
    clock.seconds += 1

    with pytest.raises(SlipKeyError, match=r"keys\.json cannot be used"):
        store.current()
