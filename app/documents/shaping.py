"""Shaping: which glyphs stand for a run of text, and where, as HarfBuzz finds it by the rules of the run's script.

What is printed by one code is a piece: a letter with its marks, in the form that it has between its neighbours.
A run is a part of a line that one font and one direction serve; runs stand from left to right. Scripts are those of Unicode Standard Annex #24, directions those of Annex #9 in a line that goes from left to right.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import NamedTuple

import uharfbuzz as hb
from fontTools.unicodedata import script as get_own_script
from fpdf.bidi import BidiParagraph
from fpdf.enums import TextDirection

HAN = "Hani"
WIDE_OR_NARROW = frozenset("·‐‘’“”‥…‧•")
"""Signs that a Chinese font draws a whole em wide, and that a Latin word wants narrow."""

_COMMON, _INHERITED = "Zyyy", "Zinh"
_EAST_ASIAN = frozenset({HAN, "Hira", "Kana", "Bopo", "Hang", "Yiii"})
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of one script and direction, in the order in which they are read."""

    text: str
    script: str
    is_right_to_left: bool


def split_runs(text: str) -> list[Run]:
    """The runs of a line, the leftmost first."""
    keys = zip(text, _list_scripts(text), _list_levels(text), strict=True)
    runs: list[tuple[int, Run]] = []
    for (script, level), group in groupby(keys, key=lambda item: item[1:]):
        run = Run("".join(character for character, *_ in group), script, level % 2 == 1)
        runs.append((level, run))
    return _reorder(runs)


def _list_scripts(text: str) -> list[str]:
    """The script of each character. What belongs to none goes with the letters before it, or else with those
    behind it; a wide or narrow sign is Chinese where one of its neighbours is.
    """
    own = [_get_script(character) for character in text]
    behind = list(_carry(own[::-1]))[::-1]
    scripts: list[str] = []
    for character, script, before, after in zip(text, own, _carry(own), behind, strict=True):
        if script == _INHERITED and scripts:
            scripts.append(scripts[-1])
        elif script not in (_COMMON, _INHERITED):
            scripts.append(script)
        elif character in WIDE_OR_NARROW and not _EAST_ASIAN.isdisjoint((before, after)):
            scripts.append(HAN)
        else:
            scripts.append(before or after or HAN)
    return scripts


def _get_script(character: str) -> str:
    script = get_own_script(character)
    if script == _COMMON and "\u2e80" <= character <= "\uffef":
        return HAN
    return _COMMON if script == "Zzzz" else script


def _carry(scripts: Sequence[str]) -> Iterator[str]:
    """At each place the last script so far that is one."""
    last = ""
    for script in scripts:
        if script not in (_COMMON, _INHERITED):
            last = script
        yield last


def _list_levels(text: str) -> list[int]:
    """Embedding levels; odd ones go from right to left."""
    if _RIGHT_TO_LEFT.isdisjoint(map(unicodedata.bidirectional, text)):
        return [0] * len(text)
    characters = BidiParagraph(
        text=text, base_direction=TextDirection.LTR
    ).get_characters_with_embedding_level()
    levels = {character.character_index: character.embedding_level for character in characters}
    resolved: list[int] = []
    for place in range(len(text)):
        resolved.append(levels.get(place, resolved[-1] if resolved else 0))
    return resolved


def _reorder(runs: list[tuple[int, Run]]) -> list[Run]:
    """Rule L2 of Annex #9, run by run."""
    order = list(runs)
    for level in range(max((level for level, _ in runs), default=0), 0, -1):
        for is_deep, group in groupby(list(enumerate(order)), key=lambda item: item[1][0] >= level):
            if is_deep:
                places = [place for place, _ in group]
                order[places[0] : places[-1] + 1] = order[places[0] : places[-1] + 1][::-1]
    return [run for _, run in order]


ALPHABETS = frozenset({"Latn", "Cyrl", "Grek"})
_ALONE = {"kern": False, "liga": False, "clig": False, "calt": False}
"""Letters of an alphabet are printed one by one, so that a letter has one width and one piece in all words."""


class Part(NamedTuple):
    """A glyph of a font and its place, in 1/1000 em from the piece's beginning."""

    glyph_id: int
    x: int
    y: int


class Piece(NamedTuple):
    """Characters printed by one code. `font` is the place of the font in the store's list."""

    text: str
    font: int
    parts: tuple[Part, ...]
    advance: int


def shape_run(run: Run, font: hb.Font, place: int) -> list[Piece]:
    """The pieces of a run from left to right. The font must hold the run's characters."""
    buffer = hb.Buffer()
    buffer.add_str(run.text)
    buffer.script = run.script
    buffer.direction = "rtl" if run.is_right_to_left else "ltr"
    buffer.flags = hb.BufferFlags.REMOVE_DEFAULT_IGNORABLES | hb.BufferFlags.DO_NOT_INSERT_DOTTED_CIRCLE
    hb.shape(font, buffer, _ALONE if run.script in ALPHABETS else {})
    return list(_list_pieces(run.text, buffer, place))


def _list_pieces(text: str, buffer: hb.Buffer, place: int) -> Iterator[Piece]:
    glyphs = list(zip(buffer.glyph_infos, buffer.glyph_positions, strict=True))
    starts = sorted({info.cluster for info, _ in glyphs})
    ends = dict(pairwise([*starts, len(text)]))
    for start, group in groupby(glyphs, key=lambda glyph: glyph[0].cluster):
        x, parts = 0, []
        for info, position in group:
            parts.append(Part(info.codepoint, x + position.x_offset, position.y_offset))
            x += position.x_advance
        yield Piece(text[start : ends[start]], place, tuple(parts), x)
