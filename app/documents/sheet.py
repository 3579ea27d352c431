"""A sheet of paper filled from the top with rows of cells. Lengths in mm from its top left corner, font sizes in points.
A text is broken into lines anywhere in Chinese but at its punctuation, and between words of other scripts where they fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

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


def keep_spaces(text: str, lines: Lines) -> Lines:
    """The lines of `break_lines`, each again with the space at which it was broken: not seen, but read out and copied."""
    kept, at = [], 0
    for line in lines:
        at = text.index(line, at) + len(line)
        kept.append(line + " " if text[at : at + 1] == " " and line else line)
    return tuple(kept)


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


MM_PER_POINT = 25.4 / 72
PADDING = 2.4
"""Left and right of the words in a cell."""

BODY_ABOVE, BODY_BELOW = 0.88, 0.12
"""A Chinese character's body above and below the baseline, in em."""


class Ink(Enum):
    """The colours, red, green, blue; they stay apart in a grey copy."""

    TEXT = (0, 0, 0)
    SOFT = (88, 96, 110)
    DEEP = (22, 52, 98)
    HAIRLINE = (176, 186, 202)
    TINT = (240, 243, 248)


@dataclass(frozen=True, slots=True)
class Style:
    """How words look: `size` in points, `leading` and `spacing` in em; bold words have their outlines stroked."""

    size: float
    ink: Ink = Ink.TEXT
    bold: bool = False
    leading: float = 1.5
    spacing: float = 0.0

    @property
    def line_height(self) -> float:
        """From one baseline to the next, in mm."""
        return self.size * self.leading * MM_PER_POINT

    @property
    def stroke(self) -> float:
        """The width of the stroke around bold words, in points."""
        return self.size / 40

    def get_limit(self, width: float) -> float:
        """How much text, in 1/1000 em, fits into `width` mm."""
        return width / (self.size * MM_PER_POINT) * 1000


class Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float


class Rule(NamedTuple):
    """A line from (x1, y1) to (x2, y2), `weight` mm wide."""

    x1: float
    y1: float
    x2: float
    y2: float
    weight: float
    ink: Ink


@dataclass(frozen=True, slots=True)
class Cell:
    """A place for lines of text: each starts at `x` on its baseline and stays within `box`."""

    box: Box
    style: Style
    x: float
    baselines: tuple[float, ...]

    def moved_down(self, by: float) -> Cell:
        """The same cell `by` mm lower."""
        box = self.box._replace(y=self.box.y + by)
        return replace(self, box=box, baselines=tuple(baseline + by for baseline in self.baselines))


Text = tuple[Cell, Lines | None]
"""A cell and its lines, or None where a value goes that is known by its number of lines alone."""


class Column(NamedTuple):
    """A part of a row: its words, or None where a value goes."""

    x: float
    width: float
    style: Style
    words: str | None = None
    padding: float = PADDING

    @property
    def limit(self) -> float:
        """How much text one line takes, in 1/1000 em."""
        return self.style.get_limit(self.width - 2 * self.padding)


class Sheet:
    """Rows one below the other from `y`. Values take their numbers of lines from `counts`, in printed order."""

    def __init__(self, y: float, counts: Iterator[int], measure: Measure) -> None:
        self.y = y
        self.texts: list[Text] = []
        self.rules: list[Rule] = []
        self.fills: list[tuple[Box, Ink]] = []
        self._counts = counts
        self.measure = measure

    def add_row(self, columns: Sequence[Column], gap: float) -> Box:
        """A row as high as its highest column and `gap` mm above and below; words stand in its middle."""
        lines = [self._get_lines(column) for column in columns]
        counts = [next(self._counts) if found is None else len(found) for found in lines]
        heights = [count * column.style.line_height for count, column in zip(counts, columns, strict=True)]
        height = max(heights) + 2 * gap
        for column, found, count in zip(columns, lines, counts, strict=True):
            self.texts.append((self._place(column, count, height), found))
        first, last = columns[0], columns[-1]
        row = Box(first.x, self.y, last.x + last.width - first.x, height)
        self.y += height
        return row

    def add_rule(self, weight: float, ink: Ink, x: float, width: float) -> None:
        """A level line across at the current height."""
        self.rules.append(Rule(x, self.y, x + width, self.y, weight, ink))

    def add_frame(self, box: Box, weight: float, ink: Ink) -> None:
        """Four lines around a box."""
        right, bottom = box.x + box.width, box.y + box.height
        corners = ((box.x, box.y), (right, box.y), (right, bottom), (box.x, bottom), (box.x, box.y))
        self.rules += [Rule(*start, *end, weight, ink) for start, end in pairwise(corners)]

    def add_sheet(self, other: Sheet, y: float) -> None:
        """All rows of `other`, which starts at 0, from `y` on."""
        self.texts += [(cell.moved_down(y), lines) for cell, lines in other.texts]

    def _get_lines(self, column: Column) -> Lines | None:
        words = column.words
        return None if words is None else keep_spaces(words, break_lines(words, column.limit, self.measure))

    def _place(self, column: Column, count: int, height: float) -> Cell:
        style = column.style
        size = style.size * MM_PER_POINT
        top = self.y + (height - count * style.line_height) / 2
        middle = style.line_height / 2 + size * (BODY_ABOVE - BODY_BELOW) / 2
        baselines = tuple(top + line * style.line_height + middle for line in range(count))
        box = Box(column.x, self.y, column.width, height)
        return Cell(box, style, column.x + column.padding, baselines)
