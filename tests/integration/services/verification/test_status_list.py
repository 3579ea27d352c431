"""The status list: small, signed, read as its format says, and new whenever the log is."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import event

from app.extensions import db
from app.services.slips import issuing
from app.services.slips.issuing import get_list_size, reissue_slip, revoke_slip
from app.services.slips.signing_keys import compromise_slip_key, create_slip_key
from app.services.verification import status_list
from app.services.verification.status_list import get_status_list
from tests.fixtures.office import Office

NODE = shutil.which("node")
READER = """
const crypto = require("crypto"), zlib = require("zlib");
const {list, jwk, index} = JSON.parse(require("fs").readFileSync(0));
const text = ["format", "host", "kid", "counter", "log", "issued_at", "size", "bits"].map((key) => list[key]).join("\\n");
const key = crypto.createPublicKey({key: {kty: "OKP", crv: "Ed25519", x: jwk.x}, format: "jwk"});
const good = crypto.verify(null, Buffer.from(text), key, Buffer.from(list.signature, "base64url"));
const bytes = zlib.inflateSync(Buffer.from(list.bits, "base64url"));
console.log(JSON.stringify([good, bytes.length * 4, (bytes[index >> 2] >> (2 * (index & 3))) & 3]));
"""


@pytest.fixture
def office(own_office: Office) -> Office:
    return own_office


def decode(text: str) -> bytes:
    """Base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def read_places(found: dict[str, Any]) -> dict[int, int]:
    """The places that are not 0, read as the format says."""
    data = zlib.decompress(decode(found["bits"]))
    assert len(data) * 4 == found["size"]
    places = ((index, data[index >> 2] >> (2 * (index & 3)) & 3) for index in range(found["size"]))
    return {index: status for index, status in places if status}


def is_signed(office: Office, found: dict[str, Any]) -> bool:
    """Whether the signature is that of the published key of this kid, over the text that the format names."""
    key = office.installation.slip_keys.current().ring.get_key(int(found["kid"]))
    assert key is not None
    keys = ("format", "host", "kid", "counter", "log", "issued_at", "size", "bits")
    text = "\n".join(str(found[name]) for name in keys).encode()
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(decode(found["signature"]), text)
    except InvalidSignature:
        return False
    return True


def test_an_empty_list_is_signed_and_tiny(office: Office) -> None:
    found = get_status_list(office.installation)

    assert is_signed(office, found)
    assert (found["format"], found["host"], found["counter"]) == ("lixiao-slip-status/1", "127.0.0.1:8000", 0)
    assert (found["size"], read_places(found)) == (131_072, {})
    assert len(json.dumps(found)) < 600


def test_places_say_issued_and_no_longer_good(office: Office) -> None:
    numbers = [office.issue() for _ in range(4)]
    revoke_slip(numbers[1], reason="退学", by="00420014")
    reissue_slip(office.installation, numbers[2], reason="补打", by="00420014")

    found = get_status_list(office.installation)

    wanted = {}
    for number in numbers:
        for code in office.get_codes(number):
            wanted[code.status_index] = {"issued": 1, "superseded": 2, "revoked": 3}[code.state]
    assert read_places(found) == wanted
    assert sorted(wanted.values()) == [1, 1, 1, 2, 3]
    assert is_signed(office, found)


@pytest.mark.parametrize("is_known", [False, True], ids=["read at once", "brought forward"])
def test_a_revocation_takes_all_the_slip_s_places_and_no_other(office: Office, is_known: bool) -> None:
    number, other = office.issue(), office.issue()
    for reissued in (number, other):
        reissue_slip(office.installation, reissued, reason="补打", by="00420014")
    places = [[code.status_index for code in office.get_codes(slip)] for slip in (number, other)]
    if is_known:
        found = read_places(get_status_list(office.installation))
        assert [[found[place] for place in of_slip] for of_slip in places] == [[2, 1], [2, 1]]

    revoke_slip(number, reason="退学", by="00420014")

    told = get_status_list(office.installation)
    found = read_places(told)
    assert [[found[place] for place in of_slip] for of_slip in places] == [[3, 3], [2, 1]]
    assert (told["counter"], len(found), is_signed(office, told)) == (7, 4, True)


def test_the_counter_grows_with_every_change_and_with_nothing_else(office: Office) -> None:
    counters = [get_status_list(office.installation)["counter"]]
    number = office.issue()
    for change in (
        lambda: None,
        lambda: reissue_slip(office.installation, number, reason="补打", by="00420014"),
        lambda: revoke_slip(number, reason="退学", by="00420014"),
        lambda: None,
    ):
        change()
        counters.append(get_status_list(office.installation)["counter"])

    assert counters == [0, 1, 3, 4, 4]


def test_a_new_process_goes_on_with_the_same_counter_and_bits(office: Office) -> None:
    number = office.issue()
    revoke_slip(number, reason="退学", by="00420014")
    before = get_status_list(office.installation)

    status_list._get_bits.cache_clear()

    after = get_status_list(office.installation)
    assert [after[key] for key in ("counter", "log", "bits")] == [
        before[key] for key in ("counter", "log", "bits")
    ]


def test_an_unchanged_list_costs_one_row_and_is_signed_again_after_a_minute(office: Office) -> None:
    office.issue()
    start = datetime(2026, 6, 20, tzinfo=UTC)
    seen: list[str] = []
    with time_machine.travel(start, tick=False):
        first = get_status_list(office.installation)
        event.listen(db.engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
        assert get_status_list(office.installation) == first
    with time_machine.travel(start + timedelta(seconds=61), tick=False):
        second = get_status_list(office.installation)

    assert len([statement for statement in seen if statement.startswith("SELECT")]) == 2
    assert (first["issued_at"], second["issued_at"]) == ("2026-06-20T00:00:00Z", "2026-06-20T00:01:01Z")
    assert (first["counter"], first["bits"]) == (second["counter"], second["bits"])
    assert is_signed(office, second)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("host", "evil.example"),
        ("counter", 2),
        ("issued_at", "2036-01-01T00:00:00Z"),
        ("size", 4),
        ("log", "0" * 64),
    ],
)
def test_a_changed_list_is_not_signed(office: Office, key: str, value: object) -> None:
    office.issue()
    found = get_status_list(office.installation)

    assert is_signed(office, found)
    assert not is_signed(office, {**found, key: value})


def test_the_signing_key_follows_a_rotation(office: Office) -> None:
    assert get_status_list(office.installation)["kid"] == "1"
    create_slip_key(office.keys, datetime.now(UTC).date() - timedelta(days=1), 400)
    compromise_slip_key(office.keys, 1)
    office.installation.slip_keys._checked_at = 0.0

    found = get_status_list(office.installation)
    assert found["kid"] == "2"
    assert is_signed(office, found)


def test_a_restored_backup_is_read_from_its_start(office: Office) -> None:
    database = office.data_dir / "lixiao.sqlite3"
    office.issue()
    db.session.remove()
    db.engine.dispose()
    backup = database.read_bytes()
    office.issue()
    get_status_list(office.installation)
    db.session.remove()
    db.engine.dispose()
    database.write_bytes(backup)
    (number,) = [office.issue() for _ in range(1)]

    found = get_status_list(office.installation)
    assert found["counter"] == 2
    assert office.get_codes(number)[0].status_index in read_places(found)
    assert len(read_places(found)) == 2


def test_300_slips_take_about_a_kilobyte(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuing, "sign_slip_code", lambda code, host, signer: str(code.status_index))
    for _ in range(300):
        office.issue()

    assert len(get_status_list(office.installation)["bits"]) < 2000


def test_the_list_grows_before_it_is_half_full() -> None:
    assert [get_list_size(entries) for entries in (0, 65_536, 65_537, 131_072, 131_073)] == [
        131_072,
        131_072,
        262_144,
        262_144,
        524_288,
    ]


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_javascript_reads_the_list(office: Office) -> None:
    code = office.get_codes(office.issue())[0]
    found = get_status_list(office.installation)
    (jwk,) = office.installation.slip_keys.current().ring.to_jwks()["keys"]
    given = json.dumps({"list": found, "jwk": jwk, "index": code.status_index})

    done = subprocess.run([str(NODE), "-e", READER], input=given, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == [True, 131_072, 1]
