"""Text from outside: what is folded, what is dropped, and what is refused."""

from __future__ import annotations

import pytest

from app.domain.texts import ControlCharacter, clean_text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("张三", "张三"),
        ("张\u3000三", "张 三"),
        ("\u00a0张\u2003 三\u00a0", "张 三"),
        ("李\u200b明\ufeff", "李明"),
        ("王\ufe0e明", "王明"),
        ("葛\U000e0100晓明", "葛晓明"),
        ("Nguye\u0302\u0303n", "Nguyễn"),
        ("张\ue000明", "张\ue000明"),
        ("王明\n", "王明"),
        ("\u3164", ""),
        ("a \u200b b", "a b"),
        ("", ""),
    ],
)
def test_a_text_from_outside_has_one_form(text: str, clean: str) -> None:
    assert clean_text(text) == clean
    assert clean_text(clean) == clean


def test_a_mongolian_vowel_separator_stays_since_it_changes_what_is_seen() -> None:
    assert clean_text("ᠪᠠᠶ\u180eᠠ") == "ᠪᠠᠶ\u180eᠠ"


@pytest.mark.parametrize("sign", ["\x00", "\x07", "\x1b", "\x7f", "\x9b", "\ud800"])
def test_a_control_character_is_refused_and_not_told(sign: str) -> None:
    with pytest.raises(ControlCharacter) as caught:
        clean_text(f"张{sign}三")
    assert "张" not in str(caught.value)
