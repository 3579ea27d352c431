"""The files of the row keys: how they are made, read, refused, and noticed."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.services.row_keys import RowKeyError, RowKeyStore, create_row_key, has_row_key, load_row_keys

MADE = datetime(2026, 6, 20, 1, 31, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one key."""
    create_row_key(tmp_path / "keys", MADE)
    return tmp_path / "keys"


def get_file(folder: Path) -> Path:
    """The only key's file."""
    (path,) = folder.glob("rows-*.key")
    return path


def test_a_key_and_its_folder_are_their_owners_alone_and_are_read_as_they_were_made(tmp_path: Path) -> None:
    made = create_row_key(tmp_path / "keys", MADE)
    assert [
        stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys", get_file(tmp_path / "keys"))
    ] == [
        0o700,
        0o600,
    ]
    assert load_row_keys(tmp_path / "keys").keys == (made,)


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (lambda folder: folder.rename(folder.parent / "away"), "cannot be used"),
    "no key": (lambda folder: get_file(folder).unlink(), "no row key is in"),
    "a folder open to others": (lambda folder: folder.chmod(0o750), "open to others"),
    "a file open to others": (lambda folder: get_file(folder).chmod(0o640), "open to others"),
    "an empty file": (lambda folder: get_file(folder).write_text(""), "is not a row key"),
    "half a key": (lambda folder: get_file(folder).write_text("ab" * 16), "is not a row key"),
    "no hexadecimal digits": (lambda folder: get_file(folder).write_text("钥" * 64), "is not a row key"),
    "another key": (
        lambda folder: get_file(folder).write_text("ab" * 32),
        "is not the key that its name says",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_keys_that_cannot_be_trusted_are_refused_in_words_without_the_key(folder: Path, fault: str) -> None:
    secret = get_file(folder).read_text().strip()
    break_it, message = FAULTS[fault]
    break_it(folder)
    for read in (load_row_keys, lambda folder: RowKeyStore(folder).current()):
        with pytest.raises(RowKeyError, match=message) as caught:
            read(folder)
        assert secret not in str(caught.value)


def test_a_new_file_is_noticed_and_files_that_are_gone_leave_what_was_read(folder: Path) -> None:
    seconds = [0.0]
    store = RowKeyStore(folder, lambda: seconds[0])
    first = store.current()
    second = create_row_key(folder, MADE + timedelta(days=1))
    assert store.current() == first, "within the same second"
    seconds[0] = 1.0
    assert store.current().keys == (*first.keys, second)
    folder.rename(folder.parent / "away")
    seconds[0] = 2.0
    assert store.current().keys == (*first.keys, second)


def test_other_files_of_the_folder_are_no_row_keys(folder: Path) -> None:
    get_file(folder).unlink()
    for name in ("1.pem", "keys.json", "rows-x.key", "rows-20260620T013100Z-abcdefgh.key.new"):
        (folder / name).write_text("")
    assert not has_row_key(folder)


def test_without_a_folder_there_are_no_keys() -> None:
    with pytest.raises(RowKeyError):
        RowKeyStore(None).current()
