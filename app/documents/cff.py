"""A small CFF font program made of ready glyphs: what a PDF embeds as CIDFontType0C.

Sources: Adobe Technical Note #5176 (The Compact Font Format Specification) for the file, Adobe Technical
Note #5177 (The Type 2 Charstring Format) for the glyphs. One Font DICT, one Private DICT, no subroutines;
the glyph at place n has the CID n, so that the PDF needs no map from codes to glyphs.
The outlines come from HarfBuzz.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import accumulate

import uharfbuzz as hb

from app.documents.shaping import Part

Segment = tuple[float, ...]
"""One piece of an outline in font units: 2 numbers move to a point, 3 draw a line to it (the third is 0),
6 draw a cubic Bézier curve through two control points to it."""

FULL_WIDTH = 1000
"""The advance that a charstring leaves out (defaultWidthX), in thousandths of an em."""

_RMOVETO, _RLINETO, _HLINETO, _VLINETO, _RRCURVETO, _ENDCHAR = 21, 5, 6, 7, 8, 14
_STACK = 48  # operands at most, TN #5177 appendix B


def _number(value: int) -> bytes:
    """An integer operand of a DICT or a charstring: TN #5176 table 3, TN #5177 section 3.2."""
    if -107 <= value <= 107:
        return bytes((value + 139,))
    if 108 <= value <= 1131:
        value -= 108
        return bytes((247 + (value >> 8), value & 255))
    if -1131 <= value <= -108:
        value = -value - 108
        return bytes((251 + (value >> 8), value & 255))
    return struct.pack(">Bh", 28, value)


_NUMBERS = {value: _number(value) for value in range(-1131, 1132)}


class _Charstring:
    """Collects operators, giving consecutive lines and curves one operator as TN #5177 section 4.1 allows."""

    def __init__(self) -> None:
        self._out = bytearray()
        self._operator = 0
        self._operands: list[int] = []

    def add(self, operator: int, operands: Sequence[int], goes_on: bool) -> None:
        if not goes_on or operator != self._operator or len(self._operands) + len(operands) > _STACK:
            self.end_operator()
        self._operator = operator
        self._operands.extend(operands)

    def end_operator(self) -> None:
        if self._operator:
            for operand in self._operands:
                self._out += _NUMBERS.get(operand) or _number(operand)
            self._out.append(self._operator)
        self._operator = 0
        self._operands = []

    def add_line(self, dx: int, dy: int) -> None:
        """A line; level and upright ones alternate under hlineto or vlineto, one operand each."""
        if dx and dy:
            self.add(_RLINETO, (dx, dy), True)
            return
        operator, turn = (_HLINETO, 0) if dy == 0 else (_VLINETO, 1)
        first = self._operator - _HLINETO
        if self._operator in (_HLINETO, _VLINETO) and (first + len(self._operands)) % 2 == turn:
            self.add(self._operator, (dx or dy,), True)
        else:
            self.add(operator, (dx or dy,), False)

    def get_bytes(self) -> bytes:
        self.end_operator()
        return bytes(self._out) + bytes((_ENDCHAR,))


def encode_charstring(outline: Iterable[Segment], width: int) -> bytes:
    """A glyph as a Type 2 charstring (TN #5177): the advance where it is not FULL_WIDTH, then the outline."""
    charstring = _Charstring()
    lead = () if width == FULL_WIDTH else (width,)
    x = y = 0
    for segment in outline:
        points = [round(value) for value in segment]
        if len(points) == 6:
            x1, y1, x2, y2, x3, y3 = points
            charstring.add(_RRCURVETO, (x1 - x, y1 - y, x2 - x1, y2 - y1, x3 - x2, y3 - y2), True)
            x, y = x3, y3
            continue
        dx, dy = points[0] - x, points[1] - y
        x, y = points[0], points[1]
        if len(points) == 2:
            charstring.add(_RMOVETO, (*lead, dx, dy), False)
            lead = ()
        elif dx or dy:
            charstring.add_line(dx, dy)
    return b"".join(map(_number, lead)) + charstring.get_bytes()


def _index(items: Sequence[bytes]) -> bytes:
    """An INDEX: count, offset size, offsets from 1, data (TN #5176 section 5)."""
    if not items:
        return b"\0\0"
    offsets = tuple(accumulate(map(len, items), initial=1))
    size, kind = (2, "H") if offsets[-1] <= 0xFFFF else (4, "I")
    return b"".join((struct.pack(f">HB{len(offsets)}{kind}", len(items), size, *offsets), *items))


def _offset(value: int) -> bytes:
    """An integer always in five bytes, so that a DICT's length does not depend on the offsets in it."""
    return struct.pack(">Bi", 29, value)


def build_cff(name: str, charstrings: Sequence[bytes], bbox: tuple[int, int, int, int]) -> bytes:
    """A CID-keyed CFF font program (TN #5176 section 18): .notdef first, then the glyphs of CID 1, 2 ..."""
    count = len(charstrings)
    head = bytes((1, 0, 4, 4)) + _index([name.encode("ascii")])
    strings = _index([b"Adobe", b"Identity"]) + _index([])  # string INDEX, then no global subroutines
    charset = struct.pack(">BHH", 2, 1, count - 2)  # format 2, one range: the CIDs from 1
    select = struct.pack(
        ">BHHBH", 3, 1, 0, 0, count
    )  # FDSelect format 3, one range: all glyphs in Font DICT 0
    private = _number(FULL_WIDTH) + b"\x14" + _number(0) + b"\x15"  # defaultWidthX, nominalWidthX

    def get_top_dict(start: int) -> bytes:
        at_select = start + len(charset)
        at_private = at_select + len(select)
        at_fonts = at_private + len(private)
        fonts = _index([_offset(len(private)) + _offset(at_private) + b"\x12"])
        top = [_number(391), _number(392), _number(0), b"\x0c\x1e"]  # ROS: Adobe, Identity, 0
        top += [*map(_number, bbox), b"\x05", _offset(count), b"\x0c\x22"]  # FontBBox, CIDCount
        top += [_offset(start), b"\x0f", _offset(at_select), b"\x0c\x25"]  # charset, FDSelect
        top += [
            _offset(at_fonts),
            b"\x0c\x24",
            _offset(at_fonts + len(fonts)),
            b"\x11",
        ]  # FDArray, CharStrings
        return b"".join(top)

    start = len(head) + len(_index([get_top_dict(0)])) + len(strings)
    fonts = _index([_offset(len(private)) + _offset(start + len(charset) + len(select)) + b"\x12"])
    parts = (
        head,
        _index([get_top_dict(start)]),
        strings,
        charset,
        select,
        private,
        fonts,
        _index(charstrings),
    )
    return b"".join(parts)


Bounds = tuple[int, int, int, int]
"""Left, bottom, right, top."""


def draw_outline(font: hb.Font, parts: Iterable[Part]) -> list[Segment]:
    """The outline of glyphs that are printed together."""
    outline: list[Segment] = []
    for part in parts:
        path: list[Segment] = []
        font.draw_glyph(part.glyph_id, _DRAW_FUNCS, path)
        outline += path if not part.x and not part.y else [_move(segment, part.x, part.y) for segment in path]
    return outline


def get_bounds(font: hb.Font, parts: Iterable[Part]) -> Bounds:
    """What the glyphs' ink covers, together."""
    boxes = [_get_part_bounds(font, part) for part in parts]
    lefts, bottoms, rights, tops = zip(*[box for box in boxes if any(box)] or [(0, 0, 0, 0)], strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def _get_part_bounds(font: hb.Font, part: Part) -> Bounds:
    extents = font.get_glyph_extents(part.glyph_id)
    if extents is None or not (extents.width or extents.height):
        return 0, 0, 0, 0
    left, top = part.x + extents.x_bearing, part.y + extents.y_bearing
    return left, top + extents.height, left + extents.width, top


def _move(segment: Segment, dx: float, dy: float) -> Segment:
    if len(segment) == 3:
        return segment[0] + dx, segment[1] + dy, 0
    return tuple(value + (dy if place % 2 else dx) for place, value in enumerate(segment))


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
