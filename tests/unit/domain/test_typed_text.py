"""Names and codes as people type them from paper."""

from __future__ import annotations

import pytest

from app.domain.texts import ForeignAddress, find_digits, fold_code, fold_name, group_code, trim_appended

DIGITS = "1234567890" * 26
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
]
"""Addresses that are not ours."""


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


def test_only_a_few_marks_are_cut_from_an_address() -> None:
    for end in ("", "/", ".", "。", "，", ")", "）", " ", ";", '"', "。）"):
        assert trim_appended(DIGITS + end) == DIGITS
    for text in ("", "1.", f"{DIGITS}x", f"{DIGITS}\x00", f"{DIGITS}{'.' * 9}", f".{DIGITS}", f"{DIGITS}.1"):
        assert trim_appended(text) == text


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
