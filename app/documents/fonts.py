"""The slip's glyphs: each character's outline and advance, drawn once by HarfBuzz and kept.

The first font is Noto Sans CJK SC out of the package noto-cjk-sans-otc, which holds all of 通用规范汉字表, the URO
and extension A; a second font (Hanazono Mincho B holds all of extension B) may be configured for rarer names.
fontTools, which interprets every outline in Python, is never asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TypeVar

import uharfbuzz as hb
from noto_cjk_sans_otc import FONT_PATH

from app.documents.cff import Segment, encode_charstring

SC_FACE = 2
"""The place of the face for simplified Chinese in NotoSansCJK-Regular.ttc."""


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


Bounds = tuple[int, int, int, int]
"""Left, bottom, right, top."""


class MissingCharacters(ValueError):
    """No configured font holds these characters; `characters` lists each once."""

    def __init__(self, characters: str) -> None:
        super().__init__(" ".join(f"U+{ord(character):04X}" for character in characters))
        self.characters = characters


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character as the font program and the PDF's tables need it; `advance` and `bounds` in 1/1000 em."""

    charstring: bytes
    advance: int
    bounds: Bounds
    utf16_hex: str


@dataclass(frozen=True, slots=True)
class FontMetrics:
    """What a PDF's font descriptor says (ISO 32000-1, 9.8), in 1/1000 em."""

    name: str
    ascent: int
    descent: int
    cap_height: int


class GlyphStore:
    """Glyphs by character, drawn when first asked for. Shared by all threads; a few hundred bytes a glyph.

    `glyphs` maps characters to glyphs and `advances` code points to advances, the shape in which fpdf2 looks
    widths up; both raise MissingCharacters for a character that no font holds. `notdef` is the glyph that every
    font program must begin with.
    """

    def __init__(self, faces: Sequence[hb.Face]) -> None:
        self._fonts = tuple(_scale_to_thousand(face) for face in faces)
        self._drawing = Lock()
        self.metrics = _read_metrics(self._fonts[0])
        self.notdef = self._draw_glyph(self._fonts[0], 0, "")
        self.glyphs: dict[str, Glyph] = _Filled(self._draw)
        self.advances: dict[int, float] = _Filled(lambda code_point: self.glyphs[chr(code_point)].advance)

    def find_missing(self, text: str) -> str:
        """The characters of `text` that no font holds, each once, in the text's order."""
        return "".join(c for c in dict.fromkeys(text) if c not in self.glyphs and self._find(c)[0] is None)

    def measure(self, text: str) -> float:
        """The width of `text` in 1/1000 em."""
        return sum(map(self.advances.__getitem__, map(ord, text)))

    def _find(self, character: str) -> tuple[hb.Font | None, int]:
        for font in self._fonts:
            glyph_id = font.get_nominal_glyph(ord(character))
            if glyph_id:
                return font, glyph_id
        return None, 0

    def _draw(self, character: str) -> Glyph:
        font, glyph_id = self._find(character)
        if font is None:
            raise MissingCharacters(character)
        return self._draw_glyph(font, glyph_id, character)

    def _draw_glyph(self, font: hb.Font, glyph_id: int, character: str) -> Glyph:
        path: list[Segment] = []
        with self._drawing:
            font.draw_glyph(glyph_id, _DRAW_FUNCS, path)
        advance = font.get_glyph_h_advance(glyph_id)
        utf16 = character.encode("utf-16-be").hex().upper()
        return Glyph(encode_charstring(path, advance), advance, _get_bounds(font, glyph_id), utf16)


class _Filled(dict[_Key, _Value]):
    """A dictionary that makes a missing value by a function of its key, and keeps it."""

    def __init__(self, make: Callable[[_Key], _Value]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: _Key) -> _Value:
        return self.setdefault(key, self._make(key))


def _scale_to_thousand(face: hb.Face) -> hb.Font:
    font = hb.Font(face)
    font.scale = (1000, 1000)
    return font


def _read_metrics(font: hb.Font) -> FontMetrics:
    extents = font.get_font_extents("ltr")
    cap_height = font.get_metric_position_with_fallback(hb.OTMetricsTag.CAP_HEIGHT)
    name = font.face.get_name(hb.OTNameIdPredefined.POSTSCRIPT_NAME) or "Slip"
    return FontMetrics(name, extents.ascender, extents.descender, cap_height)


def _get_bounds(font: hb.Font, glyph_id: int) -> Bounds:
    extents = font.get_glyph_extents(glyph_id)
    left, top = extents.x_bearing, extents.y_bearing
    return left, top + extents.height, left + extents.width, top


def _build_draw_funcs() -> hb.DrawFuncs:
    funcs = hb.DrawFuncs()
    funcs.set_move_to_func(lambda x, y, path: path.append((x, y)))
    funcs.set_line_to_func(lambda x, y, path: path.append((x, y, 0)))
    funcs.set_cubic_to_func(lambda x1, y1, x2, y2, x, y, path: path.append((x1, y1, x2, y2, x, y)))
    funcs.set_quadratic_to_func(_add_quadratic)
    funcs.set_close_path_func(_drop_closing_line)
    return funcs


def _add_quadratic(x1: float, y1: float, x: float, y: float, path: list[Segment]) -> None:
    """The same curve as a cubic: each control point two thirds of the way to the quadratic's one."""
    x0, y0 = path[-1][:2] if len(path[-1]) < 6 else path[-1][4:]
    path.append(
        (x0 + (x1 - x0) * 2 / 3, y0 + (y1 - y0) * 2 / 3, x + (x1 - x) * 2 / 3, y + (y1 - y) * 2 / 3, x, y)
    )


def _drop_closing_line(path: list[Segment]) -> None:
    """A charstring closes its contours by itself (TN #5177, section 4.1)."""
    start = next(segment for segment in reversed(path) if len(segment) == 2)
    if len(path[-1]) == 3 and path[-1][:2] == start:
        path.pop()


_DRAW_FUNCS = _build_draw_funcs()


@cache
def _open_fonts(second_font: Path | None) -> GlyphStore:
    faces = [hb.Face(hb.Blob.from_file_path(FONT_PATH), SC_FACE)]
    if second_font is not None:
        faces.append(hb.Face(hb.Blob.from_file_path(second_font)))
    return GlyphStore(faces)


_current: GlyphStore | None = None


def load_fonts(second_font: Path | None = None) -> GlyphStore:
    """Make Noto Sans CJK SC, and `second_font` for what it lacks, the fonts of this process; called once at start.

    Raises FileNotFoundError or uharfbuzz.HarfBuzzError for a font that cannot be read.
    """
    global _current
    _current = _open_fonts(second_font)
    return _current


def get_fonts() -> GlyphStore:
    """The fonts of this process: those of the last `load_fonts`, or Noto Sans CJK SC alone."""
    return _current or load_fonts()


def find_missing_characters(text: str) -> str:
    """The characters of `text` that no font holds, so that it is refused before anything is issued."""
    return get_fonts().find_missing(text)
