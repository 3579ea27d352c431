"""Breaking a text into lines: Chinese anywhere but at its punctuation, words of other scripts whole where they fit."""

from __future__ import annotations

import re
from collections.abc import Callable

from app.domain.texts import split_letters

Measure = Callable[[str], float]
"""The width of a text in 1/1000 em."""

Lines = tuple[str, ...]

_LETTERS = r"[!-~\u00a1-\u0eff\u1000-\u10ff\u1200-\u1fff]+"
"""Of the scripts that have words, with their marks; not Tibetan, nor Korean."""

_PIECE = re.compile(
    r"[（《“‘〈【〔(\[]*"  # an opening mark stays with what follows it
    rf"(?:{_LETTERS}(?:’{_LETTERS})*"
    r"|[\u0f00-\u0f0a\u0f0c-\u0fff]+\u0f0b?"  # a Tibetan syllable
    r"|.[\ufe00-\ufe0f\U000e0100-\U000e01ef]*)"  # a form's selector stays with what it selects
    r"[，。；：、！？）》”’〉】〕…—·]*"  # a closing mark stays with what it follows
    r" *",
    re.DOTALL,
)


_SECTION = re.compile(r"[^；]*；|[^；]+")


_SHARES = (0.95, 0.9, 0.85)
"""Of a line, tried where it was too wide. A word is wider where its neighbours make another font print it."""


def break_lines(text: str, limit: float, measure: Measure) -> Lines:
    """`text` in lines of at most `limit` (1/1000 em); only spaces at a line's end are lost.

    What ends at a semicolon is kept in one line where it fits into one. A piece longer than a whole line is
    broken between any two letters, each with its marks.
    """
    if measure(text) <= limit:
        return (text,)
    lines = _fill_lines(text, limit, measure)
    for share in _SHARES:
        if max(map(measure, lines)) <= limit:
            break
        lines = _fill_lines(text, limit * share, measure)
    return lines


def _fill_lines(text: str, limit: float, measure: Measure) -> Lines:
    """Lines of pieces, each measured by itself."""
    lines: list[str] = []
    line, used = "", 0.0
    for section in _SECTION.findall(text):
        for piece in (section,) if measure(section) <= limit else _PIECE.findall(section):
            word = piece.rstrip(" ")
            width = measure(word)
            if used + width > limit:
                if line:
                    lines.append(line.rstrip(" "))
                *full, word = _cut(word, limit, measure) if width > limit else (word,)
                lines += full
                line, used, width = "", 0.0, measure(word)
            spaces = piece[len(piece.rstrip(" ")) :]
            line += word + spaces
            used += width + measure(spaces)
    return (*lines, line.rstrip(" "))


def _cut(word: str, limit: float, measure: Measure) -> list[str]:
    parts = [""]
    for letter in split_letters(word):
        if parts[-1] and measure(parts[-1] + letter) > limit:
            parts.append("")
        parts[-1] += letter
    return parts
