"""Codes from pictures and PDF files of slips: the QR is found, taken as our own by exact parse or refused, and
its address is never opened.

A picture is bounded in bytes before it is opened, and in pixels before it is decoded; one picture is decoded
at a time, so that memory is bounded too; a PDF is drawn in a bounded process. A red seal over the QR is gone in the picture's red channel.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO

import zxingcpp
from PIL import Image, UnidentifiedImageError

from app.documents.page_drawing import PageNotDrawn, PageTooHigh, draw_first_page
from app.domain.slip_code import MalformedCode, parse_slip_code
from app.services.installation import Installation
from app.services.slip_files import is_file_of
from app.services.slips import get_slip_of_code
from app.services.verification import Verification, verify_code

MAX_BYTES = 12 * 1024 * 1024
MAX_PIXELS = 64_000_000
MAX_RAW_PIXELS = 24_000_000
"""For formats that cannot be decoded at a smaller size, as JPEG can."""
SIDES = (1600, 3200)
"""Pixels of the longer side, of the tries in turn: a whole page needs 1,200, a page far away in a room more."""
MAX_SCANS = 100
"""A progressive JPEG has about ten; thousands in a small file take minutes to decode."""
FORMATS = ("JPEG", "PNG", "WEBP")
QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)

_decoding = threading.Lock()


class UnreadableCode(Exception):
    """No code of ours can be taken from the file."""


class NotAPicture(UnreadableCode):
    """The bytes are no picture, and no PDF, that can be opened."""


class PictureTooLarge(UnreadableCode):
    """More bytes or pixels than are looked at."""


class NoCodeFound(UnreadableCode):
    """No QR can be read; or more than one of ours, so that it is not clear which is meant."""


class ForeignCode(UnreadableCode):
    """The QR that was read is not that of a slip of this service."""


class FileState(StrEnum):
    """Whether a PDF file is, byte for byte, one that this service makes of the slip's record, signed or not.

    `unknown`: no slip stands behind its code, or the issued log cannot be read.
    """

    GENUINE = "genuine"
    CHANGED = "changed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PdfVerification:
    """What the code in a PDF file is worth, with the slip's true public fields, and the file's own state. Only a
    valid code in a genuine file is a good file.
    """

    verification: Verification
    state: FileState


def read_code_from_image(installation: Installation, data: bytes) -> str:
    """The digits of the one slip code in a JPEG, PNG or WebP picture. They are well-formed and unproven.

    Raises NotAPicture, PictureTooLarge, NoCodeFound or ForeignCode.
    """
    if len(data) > MAX_BYTES:
        raise PictureTooLarge
    with _decoding:
        return _choose_code(installation, _list_tries(data))


def verify_pdf(installation: Installation, data: bytes) -> PdfVerification:
    """Verify the code on the first page of a PDF file, and compare the file with the slip as it was printed with
    that code.

    Raises NotAPicture, PictureTooLarge, NoCodeFound or ForeignCode.
    """
    if len(data) > MAX_BYTES:
        raise PictureTooLarge
    digits = _choose_code(installation, iter([_draw_first_page(data)]))
    verification = verify_code(installation, digits)
    if verification.slip is None:
        return PdfVerification(verification, FileState.UNKNOWN)
    is_same = is_file_of(get_slip_of_code(installation, digits), data)
    return PdfVerification(verification, FileState.GENUINE if is_same else FileState.CHANGED)


def _draw_first_page(data: bytes) -> Image.Image:
    """The first page in grey. Raises NotAPicture, or PictureTooLarge for a page far higher than wide."""
    try:
        return draw_first_page(data)
    except PageTooHigh as error:
        raise PictureTooLarge from error
    except PageNotDrawn as error:
        raise NotAPicture from error


def _choose_code(installation: Installation, pictures: Iterator[Image.Image]) -> str:
    """The digits of the one slip code that can be read in the first of the pictures that shows one.

    Raises NoCodeFound or ForeignCode.
    """
    foreign = False
    for picture in pictures:
        texts = {found.text for found in zxingcpp.read_barcodes(picture, formats=QR)}
        codes = {digits for text in texts if (digits := _parse_own_address(installation, text))}
        if len(codes) == 1:
            return codes.pop()
        if codes:
            raise NoCodeFound
        foreign = foreign or bool(texts)
    raise ForeignCode if foreign else NoCodeFound


def _parse_own_address(installation: Installation, text: str) -> str:
    """The digits, where the text is our own address and a well-formed code and nothing else; or ""."""
    start = f"{installation.settings.service.base_url}/v/"
    digits = text.removeprefix(start)
    try:
        parse_slip_code(digits)
    except MalformedCode:
        return ""
    return digits if text == start + digits else ""


def _list_tries(data: bytes) -> Iterator[Image.Image]:
    """The picture small and large, in grey and by its red channel."""
    for side in SIDES:
        picture = _open(data, side)
        yield picture.convert("L")
        yield picture.getchannel("R")
        if max(picture.size) < side:
            return


def _open(data: bytes, side: int) -> Image.Image:
    """The picture in RGB, decoded no larger than needed. Raises NotAPicture or PictureTooLarge."""
    try:
        picture = _open_header(data)
        picture.draft("RGB", (side, side))
        picture = picture.convert("RGB")
        picture.thumbnail((side, side), Image.Resampling.BILINEAR)
        return picture
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureTooLarge from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise NotAPicture from error


def _open_header(data: bytes) -> Image.Image:
    picture: Image.Image = Image.open(BytesIO(data), formats=FORMATS)
    limit = MAX_PIXELS if picture.format == "JPEG" else MAX_RAW_PIXELS
    if picture.width * picture.height > limit or data.count(b"\xff\xda") > MAX_SCANS:
        raise PictureTooLarge
    return picture
