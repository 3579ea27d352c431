"""A journal of checkpoints: lines can be lost at its end alone, and no other change to it is missed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.domain.checkpoints import (
    DamagedJournal,
    Heads,
    MarkedEntry,
    hash_code,
    read_checkpoints,
    read_parts,
    read_trusted,
    write_checkpoint,
)
from app.domain.hash_chain import START
from app.domain.keys import KeyRing, KeyState, PublicSlipKey

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NOW = datetime(2026, 6, 20, 9, 30, tzinfo=UTC)
LINES = 4


def make_ring(key: Ed25519PrivateKey) -> KeyRing:
    public = key.public_key().public_bytes_raw()
    return KeyRing((PublicSlipKey(1, public, date(2026, 1, 1), date(2027, 1, 1), KeyState.ACTIVE),))


RING = make_ring(KEY)


def make_journal(lines: int = LINES, key: Ed25519PrivateKey = KEY) -> bytes:
    """A journal in which each line tells of one slip more."""
    data, previous = b"", START
    for sequence in range(1, lines + 1):
        entry = MarkedEntry(sequence, "issued", hash_code(f"CODE{sequence}"), f"LX{sequence:015d}", sequence)
        heads = Heads((sequence, f"{sequence:064x}"), (2 * sequence, f"{2 * sequence:064x}"))
        data += write_checkpoint("lixiao.example", heads, [entry], previous, NOW, (1, key)).encode() + b"\n"
        previous = read_checkpoints(data, make_ring(key))[-1].digest
    return data


def change_line(number: int, old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        assert old in lines[number]
        lines[number] = lines[number].replace(old, new)
        return b"".join(lines)

    return change


def drop(number: int) -> Callable[[bytes], bytes]:
    return lambda data: b"".join(
        line for at, line in enumerate(data.splitlines(keepends=True)) if at != number
    )


def swap(data: bytes) -> bytes:
    first, second, *others = data.splitlines(keepends=True)
    return b"".join((second, first, *others))


def double(data: bytes) -> bytes:
    return data + data.splitlines(keepends=True)[-1]


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a state": change_line(1, b"issued", b"revoked"),
    "a number": change_line(0, b"LX000000000000001", b"LX000000000000002"),
    "the newest head": change_line(LINES - 1, b'"log":[4,', b'"log":[3,'),
    "the newest time": change_line(LINES - 1, b"2026-06-20", b"2026-06-21"),
    "the newest signature": change_line(LINES - 1, b'"signature":"', b'"signature":"A'),
    "the kid": change_line(LINES - 1, b'"kid":"1"', b'"kid":"2"'),
    "no JSON": change_line(2, b"{", b"["),
    "a key": change_line(1, b'"previous"', b'"prewious"'),
    "the first gone": drop(0),
    "one in the middle gone": drop(2),
    "two changed places": swap,
    "one twice": double,
    "all by another key": lambda _: make_journal(key=Ed25519PrivateKey.from_private_bytes(bytes(32))),
}


def test_lines_are_read_as_they_were_written() -> None:
    found = read_checkpoints(make_journal(), RING)
    assert [checkpoint.heads.log[0] for checkpoint in found] == [1, 2, 3, 4]
    assert found[1].entries == (MarkedEntry(2, "issued", hash_code("CODE2"), "LX000000000000002", 2),)
    assert found[3].time == NOW


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_journal_is_found_out(name: str) -> None:
    with pytest.raises(DamagedJournal):
        read_checkpoints(CHANGES[name](make_journal()), RING)


def test_without_the_signature_a_journal_made_anew_by_somebody_else_would_pass() -> None:
    """The control: the chain of lines alone is whole."""
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert len(read_checkpoints(CHANGES["all by another key"](b""), make_ring(other))) == LINES


def test_a_line_that_was_never_finished_is_left_out() -> None:
    whole = make_journal()
    last = whole.splitlines(keepends=True)[-1]
    for length in range(len(last)):
        assert len(read_checkpoints(whole[: len(whole) - len(last) + length], RING)) == LINES - 1


def test_of_a_damaged_journal_what_stands_before_the_damage_is_trusted() -> None:
    def count(name: str) -> int:
        return len(read_trusted(CHANGES[name](make_journal()), RING))

    assert {name: count(name) for name in ("a state", "no JSON", "the newest head", "one twice")} == {
        "a state": 1,
        "no JSON": 2,
        "the newest head": 3,
        "one twice": 4,
    }
    assert count("all by another key") == 0


def test_lines_go_on_from_a_known_one() -> None:
    first, *others = make_journal().splitlines(keepends=True)
    known = read_checkpoints(first, RING)[-1].digest
    assert len(read_checkpoints(b"".join(others), RING, known)) == LINES - 1
    with pytest.raises(DamagedJournal):
        read_checkpoints(b"".join(others), RING)


def replace_line(line: bytes) -> bytes:
    """A journal with this in place of its second line."""
    lines = make_journal().splitlines(keepends=True)
    return b"".join((lines[0], line + b"\n", *lines[2:]))


NINES = "9" * 40
SHAPES: dict[str, bytes] = {
    "nothing": b"",
    "not UTF-8": b"\xff\xfe",
    "no object": b"[]",
    "a text": b'"lixiao-checkpoint/1"',
    "nested too deep": b"[" * 100_000,
    "a number of 5,000 digits": b'{"format":' + b"9" * 5000 + b"}",
    "no whole line": make_journal().splitlines()[1][:200],
}
VALUES: dict[str, tuple[str, ...]] = {
    "format": ("null", "1"),
    "time": ("null", "7", '"yesterday"', '"99999-01-01T00:00:00+00:00"', '"0001-01-01T00:00:00+14:00"'),
    "log": (
        "null",
        "7",
        "[]",
        '["a","b"]',
        "[1e999,null]",
        f'[{NINES},"00"]',
        "[1,2]",
        '[-1,"00"]',
        '[true,"00"]',
    ),
    "audit": ("null", "{}", '[1e999,"00"]', f'[{NINES},"00"]'),
    "entries": (
        "null",
        "7",
        "[7]",
        '["abcde"]',
        "[[1]]",
        '[[1e999,"issued","","",1]]',
        f'[[{NINES},"a","","",1]]',
    ),
    "previous": ("null", "7", "[]"),
}


def set_value(key: str, value: str) -> bytes:
    """The second line with this JSON in place of what the key has."""
    told = json.loads(make_journal().splitlines()[1])
    return json.dumps({**told, key: "@"}).replace('"@"', value).encode()


def drop_key(key: str) -> bytes:
    told = json.loads(make_journal().splitlines()[1])
    return json.dumps({name: value for name, value in told.items() if name != key}).encode()


def list_shapes() -> dict[str, bytes]:
    values = {f"{key} {value}": set_value(key, value) for key, given in VALUES.items() for value in given}
    return SHAPES | values | {f"no {key}": drop_key(key) for key in VALUES}


@pytest.mark.parametrize("name", list_shapes())
def test_a_line_of_any_other_shape_is_told_in_words(name: str) -> None:
    data = replace_line(list_shapes()[name])
    with pytest.raises(DamagedJournal, match="line 2 is no checkpoint"):
        read_checkpoints(data, RING)
    with pytest.raises(DamagedJournal, match="line 2 is no checkpoint"):
        read_parts(data, RING)
    assert len(read_trusted(data, RING)) == 1


@pytest.mark.parametrize("key", ["kid", "signature"])
@pytest.mark.parametrize(
    "value", ["null", "1e999", '"é"', '"\\ud800"', f'"{"9" * 5000}"', f'"{NINES}"', "[]"]
)
def test_a_signature_of_any_other_shape_is_told_in_words(key: str, value: str) -> None:
    lines = make_journal().splitlines(keepends=True)
    data = lines[0] + set_value(key, value) + b"\n"
    for read in (read_checkpoints, read_parts):
        with pytest.raises(DamagedJournal, match=r"line 2 is (not )?signed by"):
            read(data, RING)
    assert len(read_trusted(data, RING)) == 1


def test_a_part_of_a_journal_is_trusted_by_its_signature_from_wherever_it_begins() -> None:
    lines = make_journal().splitlines(keepends=True)
    for part, numbers in (
        (b"".join(lines[2:]), [3, 4]),
        (lines[1], [2]),
        (lines[3] + lines[1] + lines[2], [4, 2, 3]),
        (b"\xef\xbb\xbf" + lines[1].replace(b"\n", b"\r\n") + lines[2].replace(b"\n", b"\r\n"), [2, 3]),
        (lines[1] + lines[2].rstrip(b"\n"), [2, 3]),
    ):
        assert [checkpoint.heads.log[0] for checkpoint in read_parts(part, RING)] == numbers


LETTER = "From: a@b\nContent-Transfer-Encoding: base64\n\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n \n",
        LETTER.encode() + make_journal(),
        base64.encodebytes(make_journal()),
        b'[service]\nhost = "lixiao.example"\n',
        make_journal()[:-9],
        make_journal().replace(b"issued", b"revoked"),
        make_journal(key=Ed25519PrivateKey.from_private_bytes(bytes(32))),
        b"".join(
            make_journal().replace(b"LX000000000000002", b"LX000000000000009").splitlines(keepends=True)[1:]
        ),
    ],
)
def test_a_file_that_is_no_part_of_a_journal_is_told_in_words(data: bytes) -> None:
    with pytest.raises(DamagedJournal):
        read_parts(data, RING)
