"""Files drawn as pictures: what people hand in, within bounds of pixels.

Headers tell of most files what decoding will take; of others they tell less than it does: a PDF of a kilobyte can keep
PDFium busy for hours and take all memory, a small progressive JPEG libjpeg for a minute, an HEIC or TIFF may hold more than
its header says, and none of them can be told to stop. So strangers' files are drawn in a process with bounds of its own:
`app.services.verification.reader_pool`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from io import BytesIO

import pypdfium2
from PIL import Image, UnidentifiedImageError

PIXELS = (1600 * 1200, 3200 * 2400)
"""Of a picture, small and large: a whole page needs 1,200 on its longer side, a page far away in a room more. By area,
so that a long screenshot keeps its width.
"""
MAX_PIXELS = 70_000_000
"""Of a JPEG, which can be decoded at a smaller size. Cameras of 64 megapixels make 64.2 million."""
MAX_RAW_PIXELS = 26_000_000
"""Of all other formats."""
MAX_SCANS = 100
"""A progressive JPEG has about ten; thousands in a small file take minutes to decode."""

MAX_PAGES = 6
"""A cover page and attachments may stand before the slip."""
PAGE_WIDTH, MAX_PAGE_HEIGHT = 1240, 3600
"""Pixels of a page's shorter and longer side: 150 dpi on A4."""

_PDF_MARK, _MARK_WITHIN = b"%PDF-", 1024
_BY_SIZES = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF....WEBP", re.DOTALL)
_IN_ONE_SIZE = re.compile(rb"GIF8|BM|II\*\0|MM\0\*|....ftyp", re.DOTALL)
_FORMATS_BY_SIZES = ("JPEG", "PNG", "WEBP")
_FORMATS_IN_ONE_SIZE = ("GIF", "BMP", "TIFF", "AVIF", "HEIF")
_ENDS = ((b"\xff\xd8\xff", b"\xff\xd9"), (b"\x89PNG\r\n\x1a\n", b"IEND"))
_JPEGS = frozenset({"JPEG", "MPO"})
"""MPO is a phone's JPEG with a second picture behind the first."""
_JPEG_MARK = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_PASSWORD_NEEDED = 4
"""FPDF_ERR_PASSWORD of PDFium."""


class NotDrawn(Exception):
    """The bytes are no picture and no PDF, or none that can be drawn."""


class TooLarge(Exception):
    """More pixels than are looked at, or a page far longer than wide."""


class Locked(Exception):
    """The PDF file opens by a password alone."""


def is_pdf(data: bytes) -> bool:
    """Whether a file is a PDF: its mark may stand behind some other bytes (ISO 32000-1, annex H, 3.4.1)."""
    return _PDF_MARK in data[:_MARK_WITHIN]


def is_cut_off(data: bytes) -> bool:
    """Whether a PDF, JPEG or PNG file lacks the mark that each ends with: the end did not come along."""
    ends = [end for begins, end in _ENDS if data.startswith(begins)] or ([b"%%EOF"] if is_pdf(data) else [])
    return any(data.rfind(end) < len(data) // 2 for end in ends)


def draw_pages(data: bytes) -> Iterator[Image.Image]:
    """The first pages of a PDF file in colour, one at least. Raises NotDrawn, TooLarge or Locked where there is none."""
    drawn = 0
    error: type[Exception] = NotDrawn
    for page in _list_pages(data):
        scale = PAGE_WIDTH / min(page.get_size())
        if max(page.get_size()) * scale > MAX_PAGE_HEIGHT:
            error = TooLarge
            continue
        try:
            picture: Image.Image = page.render(scale=scale).to_pil().convert("RGB")
        except (pypdfium2.PdfiumError, MemoryError):
            break
        drawn += 1
        yield picture
    if not drawn:
        raise error


def _list_pages(data: bytes) -> Iterator[pypdfium2.PdfPage]:
    try:
        document = pypdfium2.PdfDocument(data)
        for index in range(min(len(document), MAX_PAGES)):
            yield document[index]
    except pypdfium2.PdfiumError as error:
        raise (Locked if error.err_code == _PASSWORD_NEEDED else NotDrawn) from error


def draw_picture(data: bytes) -> Iterator[Image.Image]:
    """A picture in colour, upright or not: small and then large, where it is larger than small; a transparent one on
    white, as it is shown and printed, and then on black, for light ink.

    Raises NotDrawn or TooLarge.
    """
    if _BY_SIZES.match(data):
        yield from _decode_by_sizes(data)
    elif _IN_ONE_SIZE.match(data):
        if data[4:8] == b"ftyp":
            import pillow_heif

            pillow_heif.register_heif_opener(thumbnails=False)
        large = _lay_on(_decode(data, PIXELS[-1], _FORMATS_IN_ONE_SIZE), "white")
        small = _shrink(large, PIXELS[0])
        yield small
        if small.size != large.size:
            yield large
    else:
        raise NotDrawn


def _decode_by_sizes(data: bytes) -> Iterator[Image.Image]:
    for pixels in PIXELS:
        picture = _decode(data, pixels, _FORMATS_BY_SIZES)
        yield _lay_on(picture, "white")
        if picture.has_transparency_data:
            yield _lay_on(picture, "black")
        if picture.width * picture.height < 0.98 * pixels:  # it was not shrunk, which rounds
            return


def _decode(data: bytes, pixels: int, formats: tuple[str, ...]) -> Image.Image:
    """The picture, decoded no larger than needed. Raises NotDrawn or TooLarge."""
    try:
        picture = _open_header(data, formats)
        picture.draft("RGB", _fit(picture.size, pixels))
        return _drop_opacity(_shrink(_reduce_depth(picture), pixels))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooLarge from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise NotDrawn from error


def _open_header(data: bytes, formats: tuple[str, ...]) -> Image.Image:
    picture: Image.Image = Image.open(BytesIO(data), formats=formats)
    is_jpeg = picture.format in _JPEGS
    if picture.width * picture.height > (MAX_PIXELS if is_jpeg else MAX_RAW_PIXELS):
        raise TooLarge
    if is_jpeg and _count_scans(data) > MAX_SCANS:
        raise TooLarge
    return picture


def _count_scans(data: bytes) -> int:
    """The scans of the JPEG that a file begins with: neither a thumbnail within nor a film behind it counts."""
    scans, at = 0, 2
    while found := _JPEG_MARK.search(data, at):
        kind, at = found[1][0], found.end()
        if kind == _END_OF_IMAGE:
            break
        scans += kind == _START_OF_SCAN
        at += int.from_bytes(data[at : at + 2], "big")
    return scans


def _reduce_depth(picture: Image.Image) -> Image.Image:
    """Grey of 16 bits as grey of 8: Pillow would cut it off at 255, and all would be white."""
    if not picture.mode.startswith("I"):
        return picture
    return picture.point(lambda level: level / 256).convert("L")


def _shrink(picture: Image.Image, pixels: int) -> Image.Image:
    if picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    size = _fit(picture.size, pixels)
    return (
        picture if size == picture.size else picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2)
    )


def _fit(size: tuple[int, int], pixels: int) -> tuple[int, int]:
    """The size, or one of the same shape with so many pixels."""
    width, height = size
    scale = min(1.0, math.sqrt(pixels / (width * height)))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _drop_opacity(picture: Image.Image) -> Image.Image:
    """Without an alpha channel that lets nothing through, as screenshots have it."""
    is_opaque = picture.mode == "RGBA" and picture.getchannel("A").getextrema()[0] == 255
    return picture.convert("RGB") if is_opaque else picture


def _lay_on(picture: Image.Image, ground: str) -> Image.Image:
    """Without transparency: what is seen through has the ground's colour."""
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        laid = Image.new("RGBA", picture.size, ground)
        laid.alpha_composite(picture)
        picture = laid
    return picture.convert("RGB")
