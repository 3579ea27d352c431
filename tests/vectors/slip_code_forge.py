"""Makes slip codes by hand, right ones and wrong ones, without the packing and signing of `app`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.domain.keys import KeyRing, KeyState, PublicSlipKey
from app.domain.slip import PrintedField, PrintedStep, SlipRecord

HOST = "lixiao.example.edu.cn"
PREFIX = b"lixiao-slip/1\0"
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
"""L of Ed25519: S + L passes every verifier that forgets to ask for S < L."""

SLIP_ID = bytes.fromhex("00443214c74254b635cf")
RECORD = SlipRecord(
    title="中国矿业大学研究生离校单",
    number="LX264839201755626",
    fields=(
        PrintedField("name", "姓名", "欧阳é"),
        PrintedField("student_number", "学号", "TS23000001"),
        PrintedField("college", "学院", "计算机科学与技术学院"),
    ),
    steps=(
        PrintedStep(
            key="library_loans",
            department="图书馆",
            title="图书借阅",
            status="cleared",
            status_word="通过",
            facts=(PrintedField("books", "在借图书", "0"), PrintedField("fee", "欠费", "¥0.00")),
            learnt_at="2026-06-20 09:30:00",
        ),
    ),
    statement="已办结全部离校手续。",
    submitted_at="2026-06-20 09:31:00",
    issued_on="2026-06-20",
)
RECORD_DIGEST = bytes.fromhex("c762c5353a2515ca53acc7d75c27996b")


def get_test_key(name: str) -> Ed25519PrivateKey:
    """A private key that everybody can make: for tests only."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"slip test key {name}".encode()).digest())


def make_public_key(kid: int, first: str, last: str, state: KeyState) -> PublicSlipKey:
    """The public side of the test key that is named by its kid."""
    public = get_test_key(str(kid)).public_key().public_bytes_raw()
    return PublicSlipKey(kid, public, date.fromisoformat(first), date.fromisoformat(last), state)


RING = KeyRing(
    (
        make_public_key(1, "2026-01-01", "2027-12-31", KeyState.ACTIVE),
        make_public_key(2, "2026-06-01", "2027-12-31", KeyState.ACTIVE),
        make_public_key(3, "2024-01-01", "2025-12-31", KeyState.RETIRED),
        make_public_key(4, "2025-01-01", "2026-12-31", KeyState.COMPROMISED),
        make_public_key(5, "2020-01-01", "2020-12-31", KeyState.RETIRED),
        make_public_key(255, "2026-01-01", "2027-12-31", KeyState.ACTIVE),
    )
)
WIDER_RING = KeyRing((*RING.keys[1:], make_public_key(1, "2020-01-01", "2199-06-06", KeyState.ACTIVE)))
RING_WITH_NINE = KeyRing((*RING.keys, make_public_key(9, "2026-01-01", "2027-12-31", KeyState.ACTIVE)))


def count_days(day: str) -> int:
    """Days since 2020-01-01."""
    return (date.fromisoformat(day) - date(2020, 1, 1)).days


@dataclass(frozen=True)
class RawCode:
    """The bytes of a body, each field as the number or the bytes that stand there; `size` None = right."""

    version: int = 1
    kid: int = 1
    slip_id: bytes = SLIP_ID
    issued: int = count_days("2026-06-20")
    expires: int = count_days("2031-06-30")
    document_type: int = 1
    status_index: int = 70_001
    digest: bytes = RECORD_DIGEST
    last_four: bytes = b"0001"
    name: bytes = "欧阳*".encode()
    size: int | None = None

    def to_body(self) -> bytes:
        """The body's bytes."""
        size = len(self.name) if self.size is None else self.size
        numbers = (
            self.issued.to_bytes(2, "big") + self.expires.to_bytes(2, "big") + bytes([self.document_type])
        )
        head = bytes([self.version, self.kid]) + self.slip_id + numbers + self.status_index.to_bytes(3, "big")
        return head + self.digest + self.last_four + bytes([size]) + self.name


GOOD = RawCode()


def sign(body: bytes, host: str = HOST, key: str = "", prefix: bytes = PREFIX) -> bytes:
    """The signature; the key is named by the body's kid unless another is."""
    private_key = get_test_key(key or str(body[1]))
    return private_key.sign(prefix + host.encode() + b"\0" + body)


def write(body: bytes, signature: bytes) -> str:
    """The decimal digits."""
    return str(int.from_bytes(body + signature, "big"))


def forge(host: str = HOST, **changes: int | bytes) -> str:
    """The good code with other fields, truly signed."""
    body = replace(GOOD, **changes).to_body()  # type: ignore[arg-type]
    return write(body, sign(body, host))
