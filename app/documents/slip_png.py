"""The slip as a picture: the PDF's one page, rendered by PDFium and kept small."""

from __future__ import annotations

from io import BytesIO
from threading import Lock

import pypdfium2
from PIL import Image

MAX_BYTES = 60_000
WIDTHS = (1240, 1100, 960, 820)
"""Pixels across an A4 page, about 150 dpi down to 99; the first that keeps to MAX_BYTES is taken."""

_GREYS = 16
_PDFIUM = Lock()
"""PDFium must not be called by two threads at once."""


def render_slip_png(pdf: bytes) -> bytes:
    """The slip's page as a grey PNG of at most 60,000 bytes. Raises pypdfium2.PdfiumError on what is no PDF."""
    png = b""
    for width in WIDTHS:
        png = _compress(_rasterize(pdf, width))
        if len(png) <= MAX_BYTES:
            break
    return png


def _rasterize(pdf: bytes, width: int) -> Image.Image:
    with _PDFIUM:
        document = pypdfium2.PdfDocument(pdf)
        try:
            page = document[0]
            image: Image.Image = page.render(scale=width / page.get_width(), grayscale=True).to_pil()
            return image.copy()
        finally:
            document.close()


def _compress(image: Image.Image) -> bytes:
    """16 greys in a palette: text stays smooth, and a pixel takes half a byte before compression."""
    step = 255 / (_GREYS - 1)
    levels = image.convert("L").point([round(value / step) for value in range(256)])
    levels.putpalette([round(level * step) for level in range(_GREYS) for _ in range(3)])
    out = BytesIO()
    levels.save(out, "PNG", bits=4, optimize=True)
    return out.getvalue()
