"""Reads slips as people's devices do: the QR from a picture or a page, the text of a PDF."""

from __future__ import annotations

from io import BytesIO

import pypdfium2
import zxingcpp
from PIL import Image


def read_qr(image: Image.Image) -> str:
    """What the one QR in a picture says."""
    found = zxingcpp.read_barcodes(image.convert("L"), formats=zxingcpp.BarcodeFormat.QRCode)
    assert len(found) == 1, f"{len(found)} codes"
    return found[0].text


def open_picture(content: bytes) -> Image.Image:
    """A PNG's picture."""
    return Image.open(BytesIO(content))


def draw_pages(pdf: bytes, dpi: int = 144) -> list[Image.Image]:
    """The pages of a PDF as pictures."""
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.render(scale=dpi / 72).to_pil() for page in document]


def read_text(pdf: bytes) -> str:
    """The text of a PDF, as copying it gives it."""
    with pypdfium2.PdfDocument(pdf) as document:
        return "".join(page.get_textpage().get_text_range() for page in document)
