"""Codes that are wrong in exactly one way: their text, their body, or their signature."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.vectors.slip_code_forge import GOOD, GROUP_ORDER, HOST, PREFIX, forge, get_test_key, sign, write

FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def list_broken_texts(good: str) -> Iterator[tuple[str, str]]:
    """Names and texts that are not the one text of a code, though a lax reader finds the number in most."""
    yield "nothing", ""
    yield "a leading zero", "0" + good
    yield "a plus sign", "+" + good
    yield "a minus sign", "-" + good
    yield "a space before", " " + good
    yield "a space after", good + " "
    yield "a newline after", good + "\n"
    yield "a zero byte after", good + "\0"
    yield "a zero byte within", good[:90] + "\0" + good[90:]
    yield "an underscore within", good[:9] + "_" + good[9:]
    yield "a thousands separator", f"{int(good):,}"
    yield "all digits full-width", good.translate(FULL_WIDTH)
    yield "one digit full-width", good[0] + good[1:].replace(good[-1], good[-1].translate(FULL_WIDTH))
    yield "all digits Arabic", good.translate(ARABIC)
    yield "the last digit percent-encoded", f"{good[:-1]}%3{good[-1]}"
    yield "hexadecimal", f"{int(good):x}"
    yield "hexadecimal with its prefix", f"{int(good):#x}"
    yield "octal with its prefix", f"{int(good):#o}"
    yield "a decimal point", good + ".0"
    yield "an exponent", good + "e0"
    yield "a BigInt literal", good + "n"
    yield "the whole address", f"https://{HOST}/v/{good}"
    yield "a short code", "0123456789ABCDEF"
    yield "the last digit missing", good[:-1]
    yield "a digit added", good + "0"
    yield "five thousand digits", (good * 20)[:5000]


def list_broken_bodies() -> Iterator[tuple[str, str]]:
    """Names and texts of truly signed codes whose body has one fault."""
    body = GOOD.to_body()
    yield "format 2", forge(version=2)
    yield "format 255", forge(version=255)
    yield "format 0, whose byte is lost", forge(version=0)
    yield "no body", write(b"", sign(body))
    yield "a body without its name", _write_signed(body[: -len(GOOD.name)])
    yield "a byte after the name", _write_signed(body + b"*")
    yield "a name longer than it says", forge(size=len(GOOD.name) - 1)
    yield "a name shorter than it says", forge(size=len(GOOD.name) + 1)
    yield "a name of ten bytes", forge(name="欧阳****".encode())
    yield "kid 0", forge(kid=0)
    yield "issue day 0", forge(issued=0)
    yield "an expiry before the issue", forge(expires=GOOD.issued - 1)
    yield "document type 0", forge(document_type=0)
    for name, last_four in (
        ("a space in the last four", b"00 1"),
        ("a zero byte in the last four", b"001\0"),
        ("a hyphen within the last four", b"0-01"),
        ("last four of hyphens", b"----"),
        ("last four beyond ASCII", "é01".encode()),
        ("last four not in UTF-8", b"\xff001"),
    ):
        yield name, forge(last_four=last_four)
    for name, masked in (
        ("a name cut within a character", "欧阳".encode()[:5]),
        ("a name with a needlessly long encoding", b"\xc0\xaa"),
        ("a name with half a surrogate pair", b"\xed\xa1\x82"),
        ("a name with a newline", "张\n".encode()),
        ("a name with a zero byte", "张\0".encode()),
        ("a name with a delete character", "张\x7f".encode()),
        ("a name with a control character beyond ASCII", "张\x85".encode()),
    ):
        yield name, forge(name=masked)


def list_broken_signatures() -> Iterator[tuple[str, str, str]]:
    """Names, texts whose signature is not that of host and body, and the text with the true one."""
    body = GOOD.to_body()
    true = sign(body)
    message = PREFIX + HOST.encode() + b"\0" + body
    private_key = get_test_key("1")
    scalar = int.from_bytes(true[32:], "little") + GROUP_ORDER
    for name, signature in (
        ("one bit of R", bytes([true[0] ^ 1]) + true[1:]),
        ("one bit of S", true[:32] + bytes([true[32] ^ 1]) + true[33:]),
        ("the last bit", true[:-1] + bytes([true[-1] ^ 1])),
        ("S plus the group's order", true[:32] + scalar.to_bytes(32, "little")),
        ("R and S swapped", true[32:] + true[:32]),
        ("zeros", bytes(64)),
        ("a neutral R with S of zero", b"\1" + bytes(63)),
        ("by another key of the ring", sign(body, key="2")),
        ("by a key outside the ring", sign(body, key="9")),
        ("for another format", sign(body, prefix=b"lixiao-slip/2\0")),
        ("without the format's name", sign(body, prefix=b"")),
        ("without the host", private_key.sign(PREFIX + body)),
        ("with an empty host", sign(body, host="")),
        ("without the zero after the host", private_key.sign(PREFIX + HOST.encode() + body)),
        ("with the host in capitals", sign(body, host=HOST.upper())),
        ("over the body alone", private_key.sign(body)),
        ("over the message twice", private_key.sign(message * 2)),
        ("over another body", sign(replace(GOOD, last_four=b"0002").to_body())),
    ):
        yield f"signature: {name}", write(body, signature), write(body, true)
    for name, other in (
        ("status index", replace(GOOD, status_index=GOOD.status_index ^ 1)),
        ("expiry day", replace(GOOD, expires=GOOD.expires + 1)),
        ("content digest", replace(GOOD, digest=bytes(16))),
        ("masked name", replace(GOOD, name="欧阴*".encode())),
        ("kid", replace(GOOD, kid=2)),
    ):
        changed = other.to_body()
        yield f"another {name} under the old signature", write(changed, true), write(changed, sign(changed))


def _write_signed(body: bytes) -> str:
    return write(body, sign(body))
