"""The files of the key folder: refused when they are unsafe, of the wrong kind, or at odds."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from app.services.slips.signing_keys import SlipKeyError, SlipKeyStore, create_slip_key, load_slip_keys


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A key folder with one key."""
    folder = tmp_path / "secrets" / "slip-keys"
    create_slip_key(folder, date(2026, 6, 20), 365)
    return folder


def write_pem(folder: Path, private_key: Any, *, password: bytes = b"") -> None:
    """Put another private key in the place of key 1's."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    (folder / "1.pem").write_bytes(private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


def change_ring(folder: Path, **members: Any) -> None:
    """Change members of key 1 in the ring."""
    data = json.loads((folder / "keys.json").read_text())
    data["keys"][0] |= members
    (folder / "keys.json").write_text(json.dumps(data))


FAULTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no private key": (lambda folder: (folder / "1.pem").unlink(), r"1\.pem cannot be used: No such file"),
    "a folder for a private key": (
        lambda folder: [(folder / "1.pem").unlink(), (folder / "1.pem").mkdir(mode=0o700)],
        r"1\.pem cannot be used: Is a directory",
    ),
    "readable by all": (
        lambda folder: (folder / "1.pem").chmod(0o604),
        r"1\.pem is open to others .mode 0604",
    ),
    "readable by the group": (lambda folder: (folder / "1.pem").chmod(0o640), r"1\.pem is open to others"),
    "a folder open to all": (lambda folder: folder.chmod(0o755), "slip-keys is open to others"),
    "a folder open to the group": (lambda folder: folder.chmod(0o750), "slip-keys is open to others"),
    "a ring others may write": (lambda folder: (folder / "keys.json").chmod(0o666), r"keys\.json is open"),
    "an empty private key": (lambda folder: (folder / "1.pem").write_bytes(b""), "not an unencrypted PKCS 8"),
    "noise": (lambda folder: (folder / "1.pem").write_bytes(os.urandom(200)), "not an unencrypted PKCS 8"),
    "an encrypted key": (
        lambda folder: write_pem(folder, Ed25519PrivateKey.generate(), password=b"secret"),
        "not an unencrypted PKCS 8",
    ),
    "a key of another kind": (
        lambda folder: write_pem(folder, ec.generate_private_key(ec.SECP256R1())),
        "not an Ed25519 key",
    ),
    "another key": (
        lambda folder: write_pem(folder, Ed25519PrivateKey.generate()),
        "not the private key of key 1",
    ),
    "no ring": (lambda folder: (folder / "keys.json").unlink(), r"keys\.json cannot be used: No such file"),
    "an empty ring": (lambda folder: (folder / "keys.json").write_text('{"keys": []}'), "holds no key"),
    "half a ring": (lambda folder: (folder / "keys.json").write_text('{"keys": ['), "not a ring"),
    "a ring that is no text": (lambda folder: (folder / "keys.json").write_bytes(b"\xff\xfe"), "not a ring"),
    "an unknown state": (lambda folder: change_ring(folder, state="lost"), "not a ring"),
    "an unknown member": (lambda folder: change_ring(folder, d="secret"), "not a ring"),
    "a window that ends early": (lambda folder: change_ring(folder, not_after="2026-06-19"), "not a ring"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_unusable_folder_is_refused_with_the_file_s_name(folder: Path, fault: str) -> None:
    spoil, message = FAULTS[fault]
    load_slip_keys(folder)
    spoil(folder)

    with pytest.raises(SlipKeyError, match=message):
        load_slip_keys(folder)
    with pytest.raises(SlipKeyError, match=message):
        SlipKeyStore(folder)


def test_without_the_look_at_permissions_an_open_key_is_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "1.pem").chmod(0o644)
    monkeypatch.setattr("app.services.slips.signing_keys.describe_openness", lambda *_: "")

    assert list(load_slip_keys(folder).signers) == [1]


def test_no_fault_s_message_holds_a_private_key(folder: Path) -> None:
    secret = (folder / "1.pem").read_text().splitlines()[1]
    change_ring(folder, x="A" * 43)

    with pytest.raises(SlipKeyError) as raised:
        load_slip_keys(folder)
    assert secret not in str(raised.value)
