"""Lines keep within their width and lose nothing but spaces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.documents.sheet import break_lines, keep_spaces

TEXTS = st.text(alphabet="中文学院，。；（）“”ab C12-  ", max_size=200)


def measure(text: str) -> int:
    """Chinese characters a whole em, others half of one."""
    return sum(1000 if ord(character) > 0x2000 else 500 for character in text)


@given(TEXTS, st.sampled_from([1000, 2500, 7000, 20000]))
def test_no_line_is_wider_than_the_limit(text: str, limit: int) -> None:
    assert all(measure(line) <= limit for line in break_lines(text, limit, measure))


@given(TEXTS, st.sampled_from([1000, 2500, 7000]))
def test_nothing_but_spaces_is_lost(text: str, limit: int) -> None:
    assert "".join(break_lines(text, limit, measure)).replace(" ", "") == text.replace(" ", "")


def test_a_latin_name_breaks_between_its_words() -> None:
    lines = break_lines("Muhammadjonbek Abdurahmonovich Khudoyberdi", 9000, measure)
    assert lines == ("Muhammadjonbek", "Abdurahmonovich", "Khudoyberdi")


def test_a_word_longer_than_a_line_is_cut() -> None:
    assert break_lines("abcdefgh", 2000, measure) == ("abcd", "efgh")


def test_no_line_begins_with_a_closing_mark_or_ends_with_an_opening_one() -> None:
    lines = break_lines("地质工程，（煤层气）方向。", 4000, measure)
    assert lines == ("地质工", "程，（煤", "层气）方", "向。")


def test_what_ends_at_a_semicolon_is_kept_whole_where_it_fits() -> None:
    assert break_lines("欠书 0 本；违章 0 次", 8000, measure) == ("欠书 0 本；", "违章 0 次")
    assert break_lines("欠书 0 本，违章 0 次", 8000, measure) != ("欠书 0 本，", "违章 0 次")


@given(TEXTS, st.sampled_from([1000, 2500, 7000]))
def test_a_line_keeps_the_space_at_which_it_was_broken(text: str, limit: int) -> None:
    lines = break_lines(text, limit, measure)
    kept = keep_spaces(text, lines)
    assert [line.rstrip(" ") for line in kept] == [line.rstrip(" ") for line in lines]
    assert "".join(kept).split() == text.split()
