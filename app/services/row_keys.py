"""The keys that authenticate rows which decide, in the folder of the slip keys, outside the database.

    <folder>/rows-<when it was made, UTC: 20260620T013100Z>-<key id>.key   64 hexadecimal digits, mode 0600

The newest key signs, ten minutes after it was made: by then every host was given it. All keys of the folder verify.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from app.domain.row_mac import KEY_BYTES, RowKey, RowKeys
from app.services.slips.signing_keys import (
    SlipKeyError,
    lock_folder,
    make_folder,
    require_private,
    write_new_file,
)

RECHECK_SECONDS = 1.0
NO_KEY = "no row key is in {folder}: bring it back from the backup; a new installation makes one with `flask row-keys new`"
_MOMENT = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"rows-([0-9]{8}T[0-9]{6}Z)-([0-9a-f]{8})\.key", re.ASCII)


class RowKeyError(SlipKeyError):
    """The row keys cannot be used. The message names the file and the fault, and holds no key."""


class RowKeyStore:
    """The folder's keys as they are now: a new file is noticed within a second. While the folder cannot be read, those
    that were read before go on: a file that is gone makes no row less true.
    """

    def __init__(self, folder: Path | None, get_seconds: Callable[[], float] = time.monotonic) -> None:
        """Reads nothing yet: commands must run before there are keys. `get_seconds` is a monotonic clock. Without a
        folder there are no keys, and no row is authentic.
        """
        self._folder = folder
        self._get_seconds = get_seconds
        self._held: tuple[tuple[object, ...], RowKeys] | None = None
        self._checked_at = 0.0

    def current(self) -> RowKeys:
        """The keys, at most a second old. Raises RowKeyError where none were ever read."""
        held, now = self._held, self._get_seconds()
        if held is None or now - self._checked_at >= RECHECK_SECONDS:
            try:
                held = self._held = self._reload_if_changed(held)
            except RowKeyError:
                if held is None:
                    raise
            self._checked_at = now
        return held[1]

    def _reload_if_changed(
        self, held: tuple[tuple[object, ...], RowKeys] | None
    ) -> tuple[tuple[object, ...], RowKeys]:
        if self._folder is None:
            raise RowKeyError("there is no folder of row keys")
        try:
            stamp = tuple((path.name, path.stat().st_mtime_ns) for path in _list_files(self._folder))
        except OSError as error:
            raise RowKeyError(f"{self._folder} cannot be used: {error.strerror}") from error
        return held if held is not None and held[0] == stamp else (stamp, load_row_keys(self._folder))


def load_row_keys(folder: Path) -> RowKeys:
    """All row keys of the folder. Raises RowKeyError when there is none, or one is unreadable, open to others, or not
    the key that its name says.
    """
    try:
        require_private(folder)
        keys = tuple(_read_key(path) for path in _list_files(folder))
    except SlipKeyError as error:
        raise RowKeyError(str(error)) from error
    if not keys:
        raise RowKeyError(NO_KEY.format(folder=folder))
    return RowKeys(keys)


def has_row_key(folder: Path) -> bool:
    """Whether the folder has a file of a row key, usable or not."""
    return bool(_list_files(folder))


def create_row_key(folder: Path, now: datetime) -> RowKey:
    """Make a key, and the folder where it is missing. Raises SlipKeyError."""
    make_folder(folder)
    key = RowKey(secrets.token_bytes(KEY_BYTES), now.astimezone(UTC).replace(microsecond=0))
    with lock_folder(folder):
        name = f"rows-{key.made_at.strftime(_MOMENT)}-{key.key_id}.key"
        write_new_file(folder / name, f"{key.secret.hex()}\n".encode())
    return key


def _list_files(folder: Path) -> list[Path]:
    """The files of row keys, the oldest first."""
    return sorted(path for path in folder.glob("rows-*.key") if _NAME.fullmatch(path.name))


def _read_key(path: Path) -> RowKey:
    require_private(path)
    named = _NAME.fullmatch(path.name)
    assert named is not None
    try:
        made_at = datetime.strptime(named[1], _MOMENT).replace(tzinfo=UTC)
        key = RowKey(bytes.fromhex(path.read_text(encoding="ascii").strip()), made_at)
    except OSError as error:
        raise RowKeyError(f"{path} cannot be used: {error.strerror}") from error
    except ValueError as error:
        raise RowKeyError(f"{path} is not a row key") from error
    if key.key_id != named[2]:
        raise RowKeyError(f"{path} is not the key that its name says")
    return key
