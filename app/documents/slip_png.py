"""The slip as a picture: the PDF's one page, rendered by PDFium and kept small."""

from __future__ import annotations

from io import BytesIO
from threading import Lock

import pypdfium2
from PIL import Image

MAX_BYTES = 60_000
QUALITIES = ((1240, 6), (1240, 4), (1000, 4), (820, 4), (820, 2))
"""Pixels across the page (1240 is 150 dpi on A4) and greys, best first; the first that keeps to MAX_BYTES is taken."""

_PDFIUM = Lock()
"""PDFium must not be called by two threads at once."""


def render_slip_png(pdf: bytes) -> bytes:
    """The slip's page as a grey PNG of at most 60,000 bytes. Raises pypdfium2.PdfiumError on what is no PDF."""
    png = b""
    for width, greys in QUALITIES:
        png = _compress(_rasterize(pdf, width), greys)
        if len(png) <= MAX_BYTES:
            break
    return png


def _rasterize(pdf: bytes, width: int) -> Image.Image:
    with _PDFIUM:
        document = pypdfium2.PdfDocument(pdf)
        try:
            page = document[0]
            image: Image.Image = page.render(scale=width / page.get_width(), grayscale=True).to_pil()
            return image.copy()  # the picture's memory is PDFium's until here
        finally:
            document.close()


def _compress(image: Image.Image, greys: int) -> bytes:
    """Few greys, evenly spread, in a palette of at most 4 bits."""
    step = 255 / (greys - 1)
    levels = image.point([round(value / step) for value in range(256)])
    levels.putpalette([round(level * step) for level in range(greys) for _ in range(3)])
    out = BytesIO()
    levels.save(out, "PNG", bits=(greys - 1).bit_length())
    return out.getvalue()
