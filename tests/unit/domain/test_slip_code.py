"""The slip's code: what it holds, what it refuses to hold, and what is remembered of a check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from app.domain import slip_code
from app.domain.keys import KeyRing, KeyState
from app.domain.slip_code import (
    MalformedCode,
    SlipCode,
    Verdict,
    check_slip_code,
    format_short_code,
    get_last_four,
    has_content,
    parse_short_code,
    parse_slip_code,
    sign_slip_code,
)
from tests.vectors.slip_code_forge import HOST, RECORD, RECORD_DIGEST, RING, SLIP_ID, forge, get_test_key

ISSUED = date(2026, 6, 20)
TODAY = date(2026, 6, 21)
KEY = get_test_key("1")
CODE = SlipCode(
    kid=1,
    slip_id=SLIP_ID,
    issued_on=ISSUED,
    expires_on=date(2031, 6, 30),
    document_type=1,
    status_index=70_001,
    content_digest=RECORD_DIGEST,
    last_four="0001",
    masked_name="欧阳*",
)


@pytest.fixture(autouse=True)
def forget_checked_codes() -> Iterator[None]:
    """Each test starts with nothing remembered, and leaves nothing behind."""
    slip_code._require_signature.cache_clear()
    yield
    slip_code._require_signature.cache_clear()


def test_a_signed_code_is_read_back_whole() -> None:
    checked = check_slip_code(sign_slip_code(CODE, HOST, KEY), HOST, RING, TODAY)

    assert (checked.verdict, checked.code, checked.key_state) == (Verdict.VALID, CODE, KeyState.ACTIVE)


def test_the_packing_is_the_same_as_the_one_made_by_hand() -> None:
    assert sign_slip_code(CODE, HOST, KEY) == forge()


def test_a_code_is_read_without_a_key_but_not_trusted() -> None:
    assert parse_slip_code(sign_slip_code(CODE, HOST, get_test_key("nobody's"))).code == CODE


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("", ""),
        ("张**", "张**"),
        ("欧阳****", "欧阳***"),
        ("张" * 4, "张" * 3),
        ("a张张张", "a张张"),
        ("𠮷𠮷𠮷", "𠮷𠮷"),
        ("M" * 40, "M" * 9),
    ],
)
def test_a_masked_name_is_cut_at_whole_characters_to_nine_bytes(name: str, kept: str) -> None:
    text = sign_slip_code(replace(CODE, masked_name=name), HOST, KEY)

    assert parse_slip_code(text).code.masked_name == kept


@pytest.mark.parametrize(
    "change",
    [
        {"kid": 0},
        {"kid": 256},
        {"slip_id": bytes(9)},
        {"slip_id": bytes(11)},
        {"issued_on": date(2020, 1, 1)},
        {"issued_on": date(2199, 6, 7), "expires_on": None},
        {"expires_on": ISSUED - timedelta(days=1)},
        {"expires_on": date(2199, 6, 7)},
        {"document_type": 0},
        {"document_type": 256},
        {"status_index": -1},
        {"status_index": 2**24},
        {"content_digest": bytes(15)},
        {"last_four": "001"},
        {"last_four": "00001"},
        {"last_four": "0-01"},
        {"last_four": "０００１"},
        {"masked_name": "张\n"},
    ],
    ids=str,
)
def test_a_field_out_of_bounds_is_never_signed(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        sign_slip_code(replace(CODE, **change), HOST, KEY)


@pytest.mark.parametrize("host", ["", "a b", "a/b", "a\0b", "测试.cn", "a" * 256, "user@host"])
def test_a_text_that_is_no_host_is_never_signed(host: str) -> None:
    with pytest.raises(ValueError, match="host"):
        sign_slip_code(CODE, host, KEY)


@pytest.mark.parametrize(
    ("number", "last_four"), [("TS23000001", "0001"), ("0042", "0042"), ("7", "---7"), ("a9z", "-a9z")]
)
def test_the_last_four_of_a_short_student_number_are_filled_up_on_the_left(
    number: str, last_four: str
) -> None:
    assert get_last_four(number) == last_four
    assert (
        parse_slip_code(sign_slip_code(replace(CODE, last_four=last_four), HOST, KEY)).code.last_four
        == last_four
    )


@pytest.mark.parametrize("number", ["", "---7", "TS2300-1", "TS23 001", "TS230０01", "学号", "001\n"])
def test_a_student_number_with_another_ending_has_no_last_four(number: str) -> None:
    with pytest.raises(ValueError, match="student number"):
        get_last_four(number)


def test_the_content_is_that_of_the_record_and_of_no_other() -> None:
    assert has_content(CODE, RECORD)
    assert not has_content(CODE, replace(RECORD, statement="未办结"))
    assert not has_content(replace(CODE, slip_id=bytes(10)), RECORD)


def test_the_short_code_is_the_slip_id() -> None:
    assert format_short_code(SLIP_ID) == "0123456789ABCDEF"
    assert parse_short_code(format_short_code(b"\xff" * 10)) == b"\xff" * 10
    with pytest.raises(ValueError, match="slip_id"):
        format_short_code(bytes(9))


def test_a_malformed_code_is_not_repeated_in_the_message() -> None:
    with pytest.raises(MalformedCode) as raised:
        parse_slip_code("secret")

    assert "secret" not in str(raised.value)


def test_a_true_signature_is_looked_at_once() -> None:
    text = forge()
    for _ in range(3):
        assert check_slip_code(text, HOST, RING, TODAY).verdict is Verdict.VALID

    assert (
        slip_code._require_signature.cache_info().misses,
        slip_code._require_signature.cache_info().hits,
    ) == (1, 2)


def test_a_remembered_code_is_still_asked_for_time_and_key() -> None:
    text = forge()
    assert check_slip_code(text, HOST, RING, TODAY).verdict is Verdict.VALID
    key, *others = RING.keys
    compromised = KeyRing((replace(key, state=KeyState.COMPROMISED), *others))
    replaced = KeyRing((replace(key, public_key=others[0].public_key), *others))

    assert check_slip_code(text, HOST, compromised, TODAY).verdict is Verdict.STATUS_UNKNOWN
    assert check_slip_code(text, HOST, replaced, TODAY).verdict is Verdict.BAD_SIGNATURE
    assert check_slip_code(text, HOST, KeyRing(tuple(others)), TODAY).verdict is Verdict.UNKNOWN_KEY
    assert check_slip_code(text, HOST, RING, date(2031, 7, 1)).verdict is Verdict.EXPIRED
    assert check_slip_code(text, "other.example", RING, TODAY).verdict is Verdict.BAD_SIGNATURE


def test_a_flood_of_forgeries_displaces_no_remembered_code() -> None:
    check_slip_code(forge(), HOST, RING, TODAY)
    for index in range(50):
        check_slip_code(forge("other.example", status_index=index), HOST, RING, TODAY)

    info = slip_code._require_signature.cache_info()
    assert info.currsize == 1
    assert info.maxsize is not None
