"""The outlines of glyphs as HarfBuzz draws them, in the shape that a charstring is made from."""

from __future__ import annotations

from collections.abc import Iterable

import uharfbuzz as hb

from app.documents.cff import Segment
from app.documents.shaping import Part

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
