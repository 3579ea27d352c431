"""Codes from pictures and PDF files of slips: the QR is found, taken as our own by exact parse or refused, and
its address is never opened.

A file is bounded in bytes before it is opened; how it is drawn within bounds, `app.documents.drawing` says. A red
seal over the QR is gone in the picture's red channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import zxingcpp
from PIL import Image

from app.documents.drawing import Locked, NotDrawn, TooLarge, draw_pages, draw_picture
from app.domain.slip_code import MalformedCode, parse_slip_code
from app.services.installation import Installation
from app.services.slip_files import is_file_of
from app.services.slips import get_slip_of_code
from app.services.verification import Verification, verify_code

MAX_BYTES = 12 * 1024 * 1024
QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)


class UnreadableCode(Exception):
    """No code of ours can be taken from the file."""


class NotAPicture(UnreadableCode):
    """The bytes are no picture, and no PDF, that can be opened."""


class ProtectedFile(UnreadableCode):
    """The PDF file opens by a password alone."""


class FileTooLarge(UnreadableCode):
    """More bytes than are looked at."""


class PictureTooLarge(UnreadableCode):
    """More pixels than are looked at."""


class NoCodeFound(UnreadableCode):
    """No QR can be read."""


class SeveralCodes(UnreadableCode):
    """More than one slip is in it, so that it is not clear which is meant."""


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
    """The digits of the one slip code in a picture. They are well-formed and unproven.

    Raises NotAPicture, FileTooLarge, PictureTooLarge, NoCodeFound, SeveralCodes or ForeignCode.
    """
    _require_few_bytes(data)
    return _get_only(*_read_first(installation, _list_tries(data)))


def verify_pdf(installation: Installation, data: bytes) -> PdfVerification:
    """Verify the code on the first pages of a PDF file, and compare the file with the slip as it was printed with
    that code.

    Raises NotAPicture, ProtectedFile, FileTooLarge, PictureTooLarge, NoCodeFound, SeveralCodes or ForeignCode.
    """
    _require_few_bytes(data)
    digits = _read_code_from_pages(installation, data)
    verification = verify_code(installation, digits)
    if verification.slip is None:
        return PdfVerification(verification, FileState.UNKNOWN)
    is_same = is_file_of(get_slip_of_code(installation, digits), data)
    return PdfVerification(verification, FileState.GENUINE if is_same else FileState.CHANGED)


def _require_few_bytes(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise FileTooLarge


def _read_code_from_pages(installation: Installation, data: bytes) -> str:
    """The one slip code on the pages of a PDF file, whatever else stands there."""
    try:
        pages = draw_pages(data)
    except TooLarge as error:
        raise PictureTooLarge from error
    except Locked as error:
        raise ProtectedFile from error
    except NotDrawn as error:
        raise NotAPicture from error
    codes: set[str] = set()
    foreign = False
    for page in pages:
        on_page, is_foreign = _read_first(installation, _list_views(page))
        codes |= on_page
        foreign = foreign or is_foreign
    return _get_only(codes, foreign)


def _read_first(installation: Installation, views: Iterable[Image.Image]) -> tuple[set[str], bool]:
    """The slip codes in the first view that shows one, and whether another QR was seen before."""
    foreign = False
    for view in views:
        codes, is_foreign = _read_codes(installation, view)
        if codes:
            return codes, foreign
        foreign = foreign or is_foreign
    return set(), foreign


def _read_codes(installation: Installation, view: Image.Image) -> tuple[set[str], bool]:
    """The slip codes in a view, and whether there are other QR."""
    texts = {found.text for found in zxingcpp.read_barcodes(view, formats=QR)}
    codes = {digits for text in texts if (digits := _parse_own_address(installation, text))}
    return codes, len(texts) > len(codes)


def _get_only(codes: set[str], foreign: bool) -> str:
    """The one code. Raises SeveralCodes, or ForeignCode or NoCodeFound where there is none."""
    if len(codes) > 1:
        raise SeveralCodes
    if not codes:
        raise ForeignCode if foreign else NoCodeFound
    return codes.pop()


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
    """The picture small and large, in grey and by its red channel. Raises NotAPicture or PictureTooLarge."""
    try:
        for picture in draw_picture(data):
            yield from _list_views(picture)
    except TooLarge as error:
        raise PictureTooLarge from error
    except NotDrawn as error:
        raise NotAPicture from error


def _list_views(picture: Image.Image) -> Iterator[Image.Image]:
    yield picture.convert("L")
    yield picture.getchannel("R")
