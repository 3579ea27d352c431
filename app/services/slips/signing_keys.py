"""The slip's signing keys, in a folder outside the source tree.

    <folder>/            mode 0700
    <folder>/keys.json   the public ring, as `app.domain.keys` writes it; replaced as a whole
    <folder>/<kid>.pem   the private key: PKCS 8, unencrypted, mode 0600

An active key needs its private key; that of a retired or compromised key may be destroyed.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from app.domain.keys import MAX_KID, KeyRing, KeyState, PublicSlipKey, parse_key_ring
from app.private_files import ANY_ACCESS, WRITING, describe_openness

RING_FILE = "keys.json"
__all__ = [
    "LastSigningKey",
    "SlipKeyError",
    "SlipKeyStore",
    "SlipKeys",
    "compromise_slip_key",
    "create_slip_key",
    "list_slip_keys",
    "load_slip_keys",
    "retire_slip_key",
]


class SlipKeyError(Exception):
    """The key folder cannot be used. The message names the file and the fault, and holds no key."""


def read_ring(folder: Path) -> KeyRing:
    """The public ring. Raises SlipKeyError when it is missing, no ring, or others may write to it."""
    path = folder / RING_FILE
    require_private(path, WRITING)
    try:
        return parse_key_ring(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SlipKeyError(_describe(error)) from error
    except ValueError as error:
        raise SlipKeyError(f"{path} is not a ring of slip keys: {error}") from error


def read_private_key(folder: Path, key: PublicSlipKey) -> Ed25519PrivateKey:
    """The private key of a public one. Raises SlipKeyError when it is missing, open to others, or another."""
    path = folder / f"{key.kid}.pem"
    require_private(path)
    try:
        private_key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise SlipKeyError(_describe(error)) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SlipKeyError(f"{path} is not an unencrypted PKCS 8 key") from error
    if not isinstance(private_key, Ed25519PrivateKey):
        raise SlipKeyError(f"{path} is not an Ed25519 key")
    if private_key.public_key().public_bytes_raw() != key.public_key:
        raise SlipKeyError(f"{path} is not the private key of key {key.kid} in {RING_FILE}")
    return private_key


def list_private_kids(folder: Path) -> list[int]:
    """The kids of all private keys in the folder, whether the ring names them or not."""
    return [int(path.stem) for path in folder.glob("*.pem") if path.stem.isascii() and path.stem.isdigit()]


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """One writer at a time, and all on the disk at the end; a failing disk is a SlipKeyError.

    Two commands at once would give one kid to two keys. The lock is on the folder itself, so nothing is left behind.
    """
    require_private(folder)
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise SlipKeyError(_describe(error)) from error


def write_ring(folder: Path, ring: KeyRing) -> None:
    """Replace the ring: a reader sees the old one or the new one, after a crash too."""
    draft = folder / f"{RING_FILE}.new"
    draft.unlink(missing_ok=True)
    write_new_file(draft, (json.dumps(ring.to_jwks(), indent=2) + "\n").encode())
    draft.replace(folder / RING_FILE)


def write_private_key(folder: Path, kid: int, private_key: Ed25519PrivateKey) -> None:
    """Write a new private key; one that is there is never replaced (FileExistsError)."""
    write_new_file(
        folder / f"{kid}.pem", private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


def write_new_file(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 that was not there, and see it on the disk. Raises OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def require_private(path: Path, access: int = ANY_ACCESS) -> None:
    """Raises SlipKeyError where a file or folder is missing or lets others do any of this."""
    try:
        openness = describe_openness(path, access)
    except OSError as error:
        raise SlipKeyError(_describe(error)) from error
    if openness:
        raise SlipKeyError(f"{path} is {openness}; take away {access:04o}")


def _describe(error: OSError) -> str:
    return f"{error.filename or 'the key folder'} cannot be used: {error.strerror}"


RECHECK_SECONDS = 1.0


class LastSigningKey(SlipKeyError):
    """Without this key no slip could be signed now."""


@dataclass(frozen=True, slots=True)
class SlipKeys:
    """The ring, and the private key of every active kid."""

    ring: KeyRing
    signers: Mapping[int, Ed25519PrivateKey]

    def get_signer(self, moment: datetime) -> tuple[int, Ed25519PrivateKey]:
        """The kid and the private key to sign with at a moment on the service's wall clock. Raises NoSigningKey."""
        kid = self.ring.get_signing_kid(moment)
        return kid, self.signers[kid]


class SlipKeyStore:
    """The folder's keys as they are now: a changed `keys.json` is noticed within a second.

    A change that cannot be read stops signing and checking until it is repaired: an older ring might
    still trust a key that was just marked as compromised.
    """

    def __init__(self, folder: Path, get_seconds: Callable[[], float] = time.monotonic) -> None:
        """Reads the folder at once. Raises SlipKeyError. `get_seconds` is a monotonic clock."""
        self._folder = folder
        self._get_seconds = get_seconds
        self._held: tuple[tuple[int, ...], SlipKeys] | None = None
        """The ring file's stamp and what was read then, in one: threads may read the folder side by side."""
        self._checked_at = 0.0
        self.current()

    def current(self) -> SlipKeys:
        """The keys, at most a second old. Raises SlipKeyError while the folder cannot be used."""
        held, now = self._held, self._get_seconds()
        if held is None or now - self._checked_at >= RECHECK_SECONDS:
            try:
                held = self._held = self._reload_if_changed(held)
            except SlipKeyError:
                self._held = None
                raise
            self._checked_at = now
        return held[1]

    def _reload_if_changed(
        self, held: tuple[tuple[int, ...], SlipKeys] | None
    ) -> tuple[tuple[int, ...], SlipKeys]:
        try:
            found = (self._folder / RING_FILE).stat()
        except OSError as error:
            raise SlipKeyError(f"{self._folder / RING_FILE} cannot be used: {error.strerror}") from error
        stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
        return held if held is not None and held[0] == stamp else (stamp, load_slip_keys(self._folder))


def load_slip_keys(folder: Path) -> SlipKeys:
    """The ring and the signers of the folder.

    Raises SlipKeyError when something is missing, unreadable, open to others, of the wrong kind, or when
    a private key is not that of its public key.
    """
    require_private(folder)
    ring = read_ring(folder)
    if not ring.keys:
        raise SlipKeyError(f"{folder / RING_FILE} holds no key")
    active = [key for key in ring.keys if key.state is KeyState.ACTIVE]
    return SlipKeys(ring, {key.kid: read_private_key(folder, key) for key in active})


def list_slip_keys(folder: Path) -> tuple[PublicSlipKey, ...]:
    """All keys of the folder, by kid; none when it holds no ring yet. Raises SlipKeyError."""
    if not os.path.lexists(folder / RING_FILE):
        return ()
    return tuple(sorted(read_ring(folder).keys, key=lambda key: key.kid))


def create_slip_key(
    folder: Path,
    first_day: date,
    valid_days: int,
    signs_from: datetime | None = None,
    used_kids: Iterable[int] = (),
) -> int:
    """Make a key that may sign from its first day for `valid_days` days, but not before `signs_from` (UTC), and return
    its kid. It is published, and verifies, at once. `used_kids` have signed, though their keys may be lost.

    Makes the folder when it is missing. The private key is on the disk before the ring names it. Raises
    SlipKeyError when the folder cannot be used or all 255 kids are taken.
    """
    if valid_days < 1:
        raise SlipKeyError("a key is valid for one day at least")
    make_folder(folder)
    with lock_folder(folder):
        keys = list_slip_keys(folder)
        kid = _get_next_kid(folder, keys, used_kids)
        private_key = Ed25519PrivateKey.generate()
        public = private_key.public_key().public_bytes_raw()
        last_day = first_day + timedelta(days=valid_days - 1)
        write_private_key(folder, kid, private_key)
        key = PublicSlipKey(kid, public, first_day, last_day, KeyState.ACTIVE, signs_from)
        write_ring(folder, KeyRing((*keys, key)))
    return kid


def retire_slip_key(folder: Path, kid: int, moment: datetime, *, is_forced: bool = False) -> None:
    """Stop signing with a key; what it signed still verifies. `moment` is on the service's wall clock.

    Raises LastSigningKey where nothing could be signed at that moment then, unless forced, or SlipKeyError.
    """

    def check(keys: tuple[PublicSlipKey, ...]) -> None:
        signing = [key.kid for key in keys if key.may_sign(moment)]
        if signing == [kid] and not is_forced:
            raise LastSigningKey(f"key {kid} is the only one that signs now")

    _change_state(folder, kid, KeyState.RETIRED, check)


def compromise_slip_key(folder: Path, kid: int) -> None:
    """Mark a key as known to others: from now on it proves nothing by itself. Raises SlipKeyError."""
    _change_state(folder, kid, KeyState.COMPROMISED)


def make_folder(folder: Path) -> None:
    """Make the key folder where it is missing. Raises SlipKeyError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SlipKeyError(f"{folder} cannot be made: {error.strerror}") from error


def _get_next_kid(folder: Path, keys: tuple[PublicSlipKey, ...], used_kids: Iterable[int]) -> int:
    """One above every kid that signed, in the ring, and of a private key: a kid is never used twice."""
    kid = max((*used_kids, *list_private_kids(folder), *(key.kid for key in keys)), default=0) + 1
    if kid > MAX_KID:
        raise SlipKeyError(f"{folder}: all {MAX_KID} kids are taken")
    return kid


def _change_state(
    folder: Path,
    kid: int,
    state: KeyState,
    check: Callable[[tuple[PublicSlipKey, ...]], None] = lambda _keys: None,
) -> None:
    with lock_folder(folder):
        keys = list_slip_keys(folder)
        key = KeyRing(keys).get_key(kid)
        if key is None:
            raise SlipKeyError(f"{folder / RING_FILE} holds no key {kid}")
        if key.state is KeyState.COMPROMISED and state is KeyState.RETIRED:
            raise SlipKeyError(f"key {kid} is compromised and stays so")
        check(keys)
        changed = replace(key, state=state)
        write_ring(folder, KeyRing(tuple(changed if other is key else other for other in keys)))
