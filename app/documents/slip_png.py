"""The slip's PDF as a picture for a telephone's screen: a PNG of few colours in which every rule is seen."""

from __future__ import annotations

from ctypes import c_float, c_int
from io import BytesIO
from math import ceil
from threading import Lock

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

MAX_BYTES = 60_000
QUALITIES = ((1240, 6), (1240, 4), (1000, 4), (820, 4), (820, 3))
"""Pixels across the page (1240 is 150 dpi on A4) and greys, best first; the first that keeps to MAX_BYTES is taken. Two
greys would leave no hairline.
"""

Colour = tuple[int, int, int]
"""Red, green and blue."""
WHITE, GREY, BLACK = (255,) * 3, (140,) * 3, (0,) * 3

_PDFIUM = Lock()
"""PDFium must not be called by two threads at once."""


def render_slip_png(pdf: bytes, ink: Colour | None = None) -> bytes:
    """The slip's page as a PNG of at most 60,000 bytes: grey, or in black, grey and the ink of its seal. Raises
    pypdfium2.PdfiumError on what is no PDF.
    """
    png = b""
    for width, greys in QUALITIES:
        png = _compress(_rasterize(pdf, width), greys) if ink is None else _compress_in_ink(pdf, width, ink)
        if len(png) <= MAX_BYTES:
            break
    return png


def _rasterize(pdf: bytes, width: int, grayscale: bool = True) -> Image.Image:
    with _PDFIUM:
        document = pypdfium2.PdfDocument(pdf)
        try:
            page = document[0]
            scale = width / page.get_width()
            _fit_rules(page, scale)
            image: Image.Image = page.render(scale=scale, grayscale=grayscale).to_pil()
            return image.copy()  # the picture's memory is PDFium's until here
        finally:
            document.close()


def _fit_rules(page: pypdfium2.PdfPage, scale: float) -> None:
    """Move each rule by less than a pixel and round its weight, so that it fills rows or columns of pixels: a hairline
    between two would be too light in both to be left by few colours.
    """
    width, height = page.get_size()
    across, down = ceil(width * scale) / width, ceil(height * scale) / height  # PDFium fills whole pixels
    for rule in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH]):
        if not _is_stroked(rule):
            continue
        left, bottom, right, top = rule.get_bounds()
        weight = c_float()
        pdfium.FPDFPageObj_GetStrokeWidth(rule, weight)
        pixels = max(1, round(weight.value * scale))
        pdfium.FPDFPageObj_SetStrokeWidth(rule, pixels / scale)
        if right - left > top - bottom:
            move = 0.0, -_get_way(height - (top + bottom) / 2, pixels, down)
        else:
            move = _get_way((left + right) / 2, pixels, across), 0.0
        pdfium.FPDFPageObj_Transform(rule, 1, 0, 0, 1, *move)


def _is_stroked(path: pypdfium2.PdfObject) -> bool:
    fill, stroke = c_int(), c_int()
    pdfium.FPDFPath_GetDrawMode(path, fill, stroke)
    return bool(stroke.value)


def _get_way(middle: float, pixels: int, scale: float) -> float:
    """From the middle of a rule, in points, to that of the nearest so many whole pixels."""
    first = round(middle * scale - pixels / 2)
    return (first + pixels / 2) / scale - middle


def _compress_in_ink(pdf: bytes, width: int, ink: Colour) -> bytes:
    """Four colours in 2 bits: a seal in grey would hide the words over it."""
    colours = [*WHITE, *GREY, *BLACK, *ink]
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours)
    page = _rasterize(pdf, width, grayscale=False).convert("RGB")
    reduced = page.quantize(palette=palette, dither=Image.Dither.NONE)
    reduced.putpalette(colours)
    out = BytesIO()
    reduced.save(out, "PNG", bits=2)
    return out.getvalue()


def _compress(image: Image.Image, greys: int) -> bytes:
    """Few greys, evenly spread, in a palette of at most 4 bits."""
    step = 255 / (greys - 1)
    levels = image.point([round(value / step) for value in range(256)])
    levels.putpalette([round(level * step) for level in range(greys) for _ in range(3)])
    out = BytesIO()
    levels.save(out, "PNG", bits=(greys - 1).bit_length())
    return out.getvalue()
