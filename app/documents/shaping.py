"""Shaping: which glyphs stand for a run of text, and where, as HarfBuzz finds it by the rules of the run's script.

What is printed by one code is a piece: a letter with its marks, in the form that it has between its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import NamedTuple

import uharfbuzz as hb

from app.documents.text_runs import Run

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
