"""Breaking a text into lines: Chinese anywhere but at its punctuation, Latin words whole where they fit."""

from __future__ import annotations

import re
from collections.abc import Callable

Measure = Callable[[str], float]
"""The width of a text in 1/1000 em."""

Lines = tuple[str, ...]

_PIECE = re.compile(
    r"[（《“‘〈【〔(\[]*"  # an opening mark stays with what follows it
    r"(?:[!-~\u00a1-\u024f\u0370-\u052f]+|.)"
    r"[，。；：、！？）》”’〉】〕…—]*"  # a closing mark stays with what it follows
    r" *",
    re.DOTALL,
)


_SECTION = re.compile(r"[^；]*；|[^；]+")


def break_lines(text: str, limit: float, measure: Measure) -> Lines:
    """`text` in lines of at most `limit` (1/1000 em); only spaces at a line's end are lost.

    What ends at a semicolon is kept in one line where it fits into one. A piece longer than a whole line is
    broken between any two characters.
    """
    if measure(text) <= limit:
        return (text,)
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
    for character in word:
        if parts[-1] and measure(parts[-1] + character) > limit:
            parts.append("")
        parts[-1] += character
    return parts
