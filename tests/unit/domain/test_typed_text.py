"""Names and codes as people type them from paper."""

from __future__ import annotations

import pytest

from app.domain.texts import (
    ForeignAddress,
    SeveralDigits,
    find_digits,
    fold_code,
    fold_name,
    group_code,
)

DIGITS = "1234567890" * 26
OTHER = "9876543210" * 26
OURS = "https://lixiao.example.com"


@pytest.mark.parametrize(
    "dot",
    "\u00b7\u2022\u2027\u30fb\uff65\u2219\u22c5\u25cf\u2e31\u318d.\uff0e\u3002 ,\uff0c\u3001-\u2024\u1427\ua78f",
)
def test_the_dot_in_a_name_is_one_sign_however_it_is_typed(dot: str) -> None:
    assert fold_name(f"买买提{dot}艾力") == fold_name("买买提·艾力") == "买买提艾力"


@pytest.mark.parametrize("sign", "'\u2019\u2018\u02bc\u02bf\u02bb\uff07`\u00b4\u2032")
def test_an_apostrophe_is_one_sign_however_it_is_typed(sign: str) -> None:
    assert fold_name(f"O{sign}Brien") == fold_name("O'Brien") == "obrien"


@pytest.mark.parametrize(
    ("printed", "typed"),
    [
        ("Li Na", "ＬＩ　ＮＡ"),
        ("Li Na", "\u00a0li\u200b  na\n"),
        ("李文静", "李⽂静"),
        ("王马龙", "⺩⻢⻰"),
        ("Nguyễn", "Nguye\u0302\u0303n"),
        ("葛\U000e0100城", "葛城"),
        ("Straße", "STRASSE"),
    ],
)
def test_a_name_is_the_same_in_every_width_form_and_case(printed: str, typed: str) -> None:
    assert fold_name(typed) == fold_name(printed) != ""


@pytest.mark.parametrize(
    ("one", "other"), [("张三", "张叁"), ("李文静", "李静文"), ("Li Na", "Li Ma"), ("张三", "张")]
)
def test_other_names_stay_others(one: str, other: str) -> None:
    assert fold_name(one) != fold_name(other)


def test_a_text_of_dots_or_control_characters_is_no_name() -> None:
    assert fold_name("··· ’") == fold_name("张\x00三") == fold_name("") == ""


def test_a_code_is_shown_in_groups_with_what_is_wrong_in_it() -> None:
    assert group_code(fold_code("ab-c1 ｏｌi\tu!汉2345678")) == "ABC1 011U !汉23 4567 8"


WAYS_IN = [
    DIGITS,
    f"  {DIGITS[:100]}\r\n{DIGITS[100:]} ",
    f"{OURS}/v/{DIGITS}",
    f"{OURS}/v/{DIGITS}。",
    f"{OURS}/v/{DIGITS}?from=singlemessage#x",
    f"HTTP://LIXIAO.EXAMPLE.COM/V/{DIGITS}",
    f"https：、、lixiao。example。com、v、{DIGITS}",
    f"ｈｔｔｐｓ：／／lixiao.example.com／v／{DIGITS}",
    f"lixiao.example.com/v/{DIGITS}",
    f"请看{OURS}/v/{DIGITS}，谢谢",
    f"链接:{OURS}/v/{DIGITS}",
    f"(\u200b{OURS}/v/{DIGITS})",
    f"{OURS}/v/{DIGITS}/",
    f"{OURS}/v/ {DIGITS}.",
    f"{OURS}/v/{DIGITS}%20",
    f"{OURS}/v/%20{DIGITS}%0D%0A",
    f"{OURS}/v/{DIGITS[:130]}%0D%0A{DIGITS[130:]}",
    f"{OURS}/v/{DIGITS}%23x",
    f"https%3A%2F%2Flixiao.example.com%2Fv%2F{DIGITS}%3Ffrom%3Dsinglemessage",
    f"https%253A%252F%252Flixiao.example.com%252Fv%252F{DIGITS}",
    f"https：、、lixiao。example。com、v、{DIGITS}。",
    f"离校单 2026-11-28 第 1/2 页：\n{OURS}/v/{DIGITS}",
    f"2026 11 28 {DIGITS} 12",
    f"{OURS}/v/{DIGITS}\r\n{OURS}/v/{DIGITS}\r\n",
    f"{OURS}/v/{DIGITS}{OURS}/v/{DIGITS}",
    f"{DIGITS} {DIGITS}",
]
"""Forms in which the digits of a code arrive; the gate's page reads the same."""
FOREIGN = [
    f"http://evil.example/v/{DIGITS}",
    f"{OURS}.evil.example/v/{DIGITS}",
    f"https://lixiao.example.com@evil.example/v/{DIGITS}",
    f"evil-lixiao.example.com/v/{DIGITS}",
    f"{OURS}/w/{DIGITS}",
    f"{OURS}:8443/v/{DIGITS}",
    f"https://evil.example/lixiao.example.com/v/{DIGITS}",
    f"https%3A%2F%2Fevil.example%2Fv%2F{DIGITS}",
    f"https://evil.example/{OURS}/v/{DIGITS}",
    f"https://evil.example/?to=https%3A%2F%2Flixiao.example.com%2Fv%2F{DIGITS}",
    f"evil.example?to={OURS}/v/{DIGITS}",
    f"javascript:location='{OURS}/v/{DIGITS}'",
    f"{OURS}/v/{DIGITS} https://evil.example/v/{DIGITS}",
    f"{OURS}/v/{DIGITS} https://evil.example/v/{OTHER}",
]
"""Addresses that are not ours; the gate's page refuses the same."""
SEVERAL = [
    f"{OURS}/v/{DIGITS}\r\n{OURS}/v/{OTHER}",
    f"{OURS}/v/{DIGITS}{OURS}/v/{OTHER}",
    f"{DIGITS} {OTHER}",
    f"{DIGITS}%0A{OTHER}",
    f"{DIGITS}，{OTHER}",
    f"{DIGITS}、{OTHER}",
    f"{DIGITS[:130]}\n{DIGITS[130:]}\n{OTHER[:130]}\n{OTHER[130:]}",
    f"{DIGITS[:250]}\n{DIGITS[250:]}，{OURS}/v/{OTHER}",
]
"""Texts with the digits of two codes; the gate's page refuses the same."""


@pytest.mark.parametrize("text", WAYS_IN)
def test_digits_are_found_in_what_is_pasted_or_scanned(text: str) -> None:
    assert find_digits(text, OURS) == DIGITS


@pytest.mark.parametrize("text", FOREIGN)
def test_digits_at_another_address_are_not_taken(text: str) -> None:
    with pytest.raises(ForeignAddress):
        find_digits(text, OURS)


@pytest.mark.parametrize("text", ["", "1", f"{OURS}/v/1", "ABCD EFGH JKMN PQRS"])
def test_a_text_without_a_code_holds_no_digits(text: str) -> None:
    assert find_digits(text, OURS) == ""


@pytest.mark.parametrize("text", SEVERAL)
def test_of_two_codes_in_one_text_none_is_taken(text: str) -> None:
    with pytest.raises(SeveralDigits):
        find_digits(text, OURS)


def test_a_text_of_any_length_is_read_in_one_go() -> None:
    long = "a" * 60_000
    for text in (f"{long}汉{DIGITS}", f"{long}{DIGITS}", f"{DIGITS}{long}", "1 " * 30_000, "%25" * 20_000):
        assert find_digits(text, OURS) in ("", DIGITS, "1" * 275)


@pytest.mark.parametrize(
    "text",
    [
        "核验码：ABCD EFGH JKMN PQRS",
        "核验码 Code ABCD EFGH JKMN PQRS",
        "Code ABCD-EFGH-JKMN-PQRS",
        "核验码 abcd。efgh，jkmn.pqrs。",
        "“ABCD_EFGH_JKMN_PQRS”",
        "「ABCD」「EFGH」'JKMN' (PQRS);",
    ],
)
def test_the_printed_label_and_marks_around_a_code_are_forgiven(text: str) -> None:
    assert fold_code(text) == "ABCDEFGHJKMNPQRS"
