"""Reading and writing the files of the slip's key folder; `app.services.slip_keys` says what they are."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from app.domain.slip_keys import KeyRing, PublicSlipKey, parse_key_ring

RING_FILE = "keys.json"

_READ_BY_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WRITTEN_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class SlipKeyError(Exception):
    """The key folder cannot be used. The message names the file and the fault, and holds no key."""


def require_private_folder(folder: Path) -> None:
    """Raises SlipKeyError unless the folder is there, and its owner's alone."""
    _require_mode(folder, _READ_BY_OTHERS)


def read_ring(folder: Path) -> KeyRing:
    """The public ring. Raises SlipKeyError when it is missing, no ring, or others may write to it."""
    path = folder / RING_FILE
    _require_mode(path, _WRITTEN_BY_OTHERS)
    try:
        return parse_key_ring(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SlipKeyError(_describe(error)) from error
    except ValueError as error:
        raise SlipKeyError(f"{path} is not a ring of slip keys: {error}") from error


def read_private_key(folder: Path, key: PublicSlipKey) -> Ed25519PrivateKey:
    """The private key of a public one. Raises SlipKeyError when it is missing, open to others, or another."""
    path = folder / f"{key.kid}.pem"
    _require_mode(path, _READ_BY_OTHERS)
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

    The lock is on the folder itself, so nothing is left behind.
    """
    require_private_folder(folder)
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
    _write_new_file(draft, (json.dumps(ring.to_jwks(), indent=2) + "\n").encode())
    draft.replace(folder / RING_FILE)


def write_private_key(folder: Path, kid: int, private_key: Ed25519PrivateKey) -> None:
    """Write a new private key; one that is there is never replaced (FileExistsError)."""
    _write_new_file(
        folder / f"{kid}.pem", private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


def _write_new_file(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _require_mode(path: Path, forbidden: int) -> None:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise SlipKeyError(_describe(error)) from error
    if mode & forbidden:
        raise SlipKeyError(f"{path} is open to others (mode {mode:04o}); take away {mode & forbidden:04o}")


def _describe(error: OSError) -> str:
    return f"{error.filename or 'the key folder'} cannot be used: {error.strerror}"
