"""Numbers of people: one form for every way of typing one."""

from __future__ import annotations

import pytest

from app.config_model import read
from app.domain.person import LetterCase, MalformedNumber, NumberForm
from app.settings.campus import NumberSettings


@pytest.mark.parametrize(
    "typed",
    [
        "TS23000008",
        "ts23000008",
        "tS23000008",
        " TS23000008 ",
        "\u3000ＴＳ２３００0008\u00a0",
        "TS23000008\u200b",
    ],
)
def test_every_way_of_typing_a_number_is_one_number(typed: str) -> None:
    assert NumberForm().fold(typed) == "TS23000008"
    assert NumberForm().is_same(typed, "TS23000008")


def test_leading_zeros_stay() -> None:
    assert NumberForm().fold(" 00420013") == "00420013"


def test_a_campus_may_write_small_letters_or_tell_both_apart() -> None:
    assert NumberForm(case=LetterCase.LOWER).fold("TS1") == "ts1"
    assert NumberForm(case=LetterCase.KEPT).fold("tS1") == "tS1"
    assert not NumberForm(case=LetterCase.KEPT).is_same("ts1", "TS1")


@pytest.mark.parametrize(
    "typed", ["", " ", "TS 23", "TS-23", "TS23\x00", "ＴＳ①", "学号", "T" * 33, "TS23\n1"]
)
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(MalformedNumber):
        NumberForm().fold(typed)
    assert not NumberForm().is_same(typed, "TS23")


def test_a_pattern_of_the_campus_is_held_after_folding() -> None:
    form = NumberForm(pattern=r"[A-Z]{2}[0-9]{8}")

    assert form.fold("ts23000008") == "TS23000008"
    with pytest.raises(MalformedNumber):
        form.fold("TS2300008")


@pytest.mark.parametrize(
    ("text", "is_folded"),
    [("TS23000001", True), ("00420013", True), ("ts23000001", False), ("TS23000001 ", False), ("\u00a0TS1", False),
     ("ＴＳ1", False), ("", False), ("T" * 33, False), ("TS-1", False)],
)  # fmt: skip
def test_a_text_is_a_folded_number_exactly_if_folding_changes_nothing(text: str, is_folded: bool) -> None:
    form = NumberForm()
    assert form.is_folded(text) is is_folded is form.is_same(text, text)


def test_a_pattern_of_one_case_that_the_campus_does_not_write_is_told() -> None:
    faults: list[str] = []
    read(NumberSettings, {"pattern": "TS[0-9]{8}", "case": "lower"}, "numbers", faults, examples=())
    assert faults == ['numbers.pattern has no letter as case = "lower" writes them: nothing can match']
    for case in ("upper", "kept"):
        faults = []
        read(NumberSettings, {"pattern": "TS[0-9]{8}", "case": case}, "numbers", faults, examples=())
        assert faults == []
