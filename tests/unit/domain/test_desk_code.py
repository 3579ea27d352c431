"""The student's code: what was not sealed by this host is no code, nothing can be read in it, and it is dead in time."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.documents.qr import build_qr_matrix
from app.domain.derived_keys import derive_key
from app.domain.desk_code import (
    AHEAD,
    LENGTHS,
    LIFETIME,
    MOST_SCANNED,
    PURPOSE,
    CodeTooOld,
    MalformedCode,
    list_codes,
    open_code,
    require_fresh,
    seal_code,
)
from app.domain.person import USUAL_PATTERN

SECRET, HOST, NUMBER = "a secret of many characters, of a test", "lixiao.example.edu.cn", "TS23000002"
KEY = derive_key(SECRET, PURPOSE)
NOON = datetime(2026, 6, 18, 4, 0, 0, tzinfo=UTC)
VERSION_8, QUIET = 49, 40


@given(st.from_regex(USUAL_PATTERN, fullmatch=True))
def test_a_code_says_whose_it_is_and_when_it_was_made(number: str) -> None:
    code = seal_code(number, NOON, KEY, HOST)
    assert code.isdigit()
    assert len(code) in LENGTHS
    assert open_code(code, KEY, HOST) == (number, NOON)


def test_two_codes_of_one_moment_have_nothing_in_common_that_could_be_read() -> None:
    one, other = (seal_code(NUMBER, NOON, KEY, HOST) for _ in range(2))
    assert one[1:] != other[1:]
    for code in (one, other):
        sealed = int(code[1:]).to_bytes(48, "big")
        for told in (NUMBER.encode(), NUMBER[-4:].encode(), int(NOON.timestamp()).to_bytes(4, "big")):
            assert told not in sealed


def test_numbers_of_any_length_of_a_campus_make_codes_of_one_length() -> None:
    assert {len(seal_code("1" * length, NOON, KEY, HOST)) for length in range(1, 17)} == {117}


@pytest.mark.parametrize(
    ("key", "host"),
    [
        (derive_key("another secret of many characters", PURPOSE), HOST),
        (derive_key(SECRET, "session rows"), HOST),
        (KEY, "other.example.edu.cn"),
    ],
    ids=["another secret", "a key of another purpose", "another host"],
)
def test_a_code_is_worth_nothing_elsewhere(key: bytes, host: str) -> None:
    code = seal_code(NUMBER, NOON, key, host)
    assert open_code(code, key, host).number == NUMBER
    with pytest.raises(MalformedCode):
        open_code(code, KEY, HOST)


def test_a_code_with_any_digit_changed_or_left_out_is_none() -> None:
    code = seal_code(NUMBER, NOON, KEY, HOST)
    changed = [
        code[:place] + digit + code[place + 1 :]
        for place in range(len(code))
        for digit in "0123456789"
        if digit != code[place]
    ]
    cut = [code[:place] + code[place + 1 :] for place in range(len(code))]
    for text in (*changed, *cut, *(code[:length] for length in range(len(code))), code + "0"):
        with pytest.raises(MalformedCode):
            open_code(text, KEY, HOST)


def test_a_code_with_any_byte_changed_is_none() -> None:
    code = seal_code(NUMBER, NOON, KEY, HOST)
    sealed = int(code[1:]).to_bytes(48, "big")
    for place in range(len(sealed)):
        for bit in range(8):
            forged = bytearray(sealed)
            forged[place] ^= 1 << bit
            with pytest.raises(MalformedCode):
                open_code(f"1{int.from_bytes(forged, 'big'):0116d}", KEY, HOST)


@given(st.text(max_size=200) | st.text("0123456789", min_size=100, max_size=170))
def test_no_text_that_was_not_sealed_is_a_code(text: str) -> None:
    for digits in (text, *list_codes(text)):
        with pytest.raises(MalformedCode):
            open_code(digits, KEY, HOST)


@pytest.mark.parametrize(
    ("age", "fault"),
    [
        (timedelta(0), None),
        (LIFETIME - timedelta(seconds=1), None),
        (LIFETIME, CodeTooOld),
        (timedelta(days=900), CodeTooOld),
        (-AHEAD, None),
        (-AHEAD - timedelta(seconds=1), MalformedCode),
    ],
)
def test_a_code_is_dead_after_five_minutes_and_clocks_may_differ_a_little(
    age: timedelta, fault: type[ValueError] | None
) -> None:
    with pytest.raises(fault) if fault else nullcontext():
        require_fresh(NOON, NOON + age)


CODE = seal_code(NUMBER, NOON, KEY, HOST)
ADDRESS = f"https://{HOST}/c/{CODE}"


@pytest.mark.parametrize(
    "scanned",
    [
        CODE,
        ADDRESS,
        ADDRESS.upper(),
        f"  {ADDRESS}\r\n",
        f"{ADDRESS}?from=camera",
        ADDRESS.replace(":", "%3A").replace("/", "%2F"),
        ADDRESS.replace(":", "：").replace("/", "、").replace(".", "。"),
        ADDRESS.translate({ord("0") + digit: ord("０") + digit for digit in range(10)}),
        f"{ADDRESS[:80]}\n{ADDRESS[80:]}",
        f"{CODE[:60]} {CODE[60:]}",
        f"{ADDRESS}\n{ADDRESS}",
        f"办理码\u200b {CODE}。",
        f"https://10.0.0.1:8443/c/{CODE}",
    ],
)
def test_a_code_is_found_in_whatever_a_scanner_makes_of_it(scanned: str) -> None:
    assert list_codes(scanned) == [CODE]


@pytest.mark.parametrize(
    "text", ["", NUMBER, "王明", "9" * 117, CODE[:-1], CODE + CODE, "x" * MOST_SCANNED + CODE]
)
def test_what_is_no_code_is_left_alone(text: str) -> None:
    assert list_codes(text) == []


def test_two_different_codes_are_both_found() -> None:
    other = seal_code("TS23000003", NOON, KEY, HOST)
    assert list_codes(f"{CODE} {other}") == [CODE, other]


def test_the_symbol_stays_small_enough_for_a_screen() -> None:
    longest = f"https://{'x' * (QUIET - len('https:///c/'))}/c/{seal_code('1' * 16, NOON, KEY, HOST)}"
    assert build_qr_matrix(longest).size <= VERSION_8
