"""Codes from pictures and PDF files of slips: the QR is found, taken as our own by exact parse or refused, and
its address is never opened.

A file is bounded in bytes before it is opened. It is opened by a process of its own, which `reader_pool` bounds; how it is
drawn there, `app.documents.raster` says, and how a QR is found in what was drawn, `qr_reading`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.exc import SQLAlchemyError

from app.documents.raster import is_cut_off, is_pdf
from app.services.installation import Installation
from app.services.slips.files import find_handed_out, is_file_of
from app.services.slips.signing_keys import SlipKeyError
from app.services.slips.slips import get_slip_of_code
from app.services.verification.reader_pool import Busy
from app.services.verification.reading import Found, Outcome
from app.services.verification.verification import Verification, verify_code

log = logging.getLogger(__name__)

MAX_BYTES = 12 * 1024 * 1024


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


class NoCodeOnPages(NoCodeFound):
    """No QR can be read on the pages of a PDF file."""


class IncompleteFile(NotAPicture):
    """The end of the file is missing, as when a download broke off."""


class SeveralCodes(UnreadableCode):
    """More than one slip is in it, so that it is not clear which is meant."""


class ForeignCode(UnreadableCode):
    """The QR that was read is not that of a slip of this service."""


class ReadersBusy(UnreadableCode):
    """Too many files are read just now, or this one was not read in time."""


class FileState(StrEnum):
    """Whether a file is, byte for byte, one that this service handed out of the slip.

    `different` is no accusation: a slip that was scanned, printed to a file or saved anew is so too. `unknown`: no
    slip stands behind its code, or nothing can be told now.
    """

    GENUINE = "genuine"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FileVerification:
    """What the code in a file is worth, with the slip's true public fields, and the file's own state: None for a
    photo, which is never the file that was handed out.
    """

    verification: Verification
    state: FileState | None


_REFUSALS = {
    Outcome.TOO_LARGE: PictureTooLarge,
    Outcome.LOCKED: ProtectedFile,
    Outcome.NOT_DRAWN: NotAPicture,
}
_STATES = {True: FileState.GENUINE, False: FileState.DIFFERENT, None: FileState.UNKNOWN}


def read_code(installation: Installation, data: bytes) -> str:
    """The digits of the one slip code in a picture, or on the first pages of a PDF file. They are unproven.

    Raises NotAPicture, PictureTooLarge, ProtectedFile, NoCodeFound, SeveralCodes, ForeignCode or ReadersBusy.
    """
    return _get_only(_read_file(installation, data))


def _read_file(installation: Installation, data: bytes) -> Found:
    """What was read in a file that can be opened."""
    try:
        reading = installation.reader_pool.read(data)
    except Busy as error:
        raise ReadersBusy from error
    if not reading.found.has_own and reading.outcome in _REFUSALS:
        raise _REFUSALS[reading.outcome]
    if not reading.looks and not reading.found.has_own:  # its process was ended
        raise NotAPicture
    return reading.found


def read_desk_code(installation: Installation, data: bytes) -> str:
    """The digits of the one desk code 办理码 in a picture, unproven. Raises UnreadableCode, by its kind."""
    _require_few_bytes(data)
    found = _read_file(installation, data)
    if len(found.desk_codes) > 1:
        raise SeveralCodes
    if not found.desk_codes:
        raise ForeignCode if found.codes or found.has_foreign else NoCodeFound
    (digits,) = found.desk_codes
    return digits


def verify_file(installation: Installation, data: bytes) -> FileVerification:
    """Verify the one slip code in a picture or on the first pages of a PDF file, and the file itself.

    Raises UnreadableCode, by its kind.
    """
    _require_few_bytes(data)
    try:
        return _verify_readable(installation, data)
    except (NotAPicture, NoCodeFound) as error:
        if is_cut_off(data):
            raise IncompleteFile from error
        raise


def _verify_readable(installation: Installation, data: bytes) -> FileVerification:
    digits = _find_digits(installation, data)
    if digits is not None:
        verification = verify_code(installation, digits)
        return FileVerification(verification, FileState.GENUINE if verification.slip else FileState.UNKNOWN)
    if is_pdf(data):
        return verify_pdf(installation, data)
    return FileVerification(verify_code(installation, read_code(installation, data)), None)


def verify_pdf(installation: Installation, data: bytes) -> FileVerification:
    """The same of a PDF file whose digest is not known: it is compared with the slip as it is drawn now."""
    digits = _read_code_from_pages(installation, data)
    verification = verify_code(installation, digits)
    if verification.slip is None:
        return FileVerification(verification, FileState.UNKNOWN)
    is_same = is_file_of(installation, get_slip_of_code(installation, digits), data)
    return FileVerification(verification, _STATES[is_same])


def _find_digits(installation: Installation, data: bytes) -> str | None:
    """The code of a file whose digest is known. Without database or keys none is, and the verdict will say so."""
    try:
        return find_handed_out(installation, data)
    except (SQLAlchemyError, SlipKeyError) as error:
        log.error("digests of files not readable", extra={"error": type(error).__name__})
        return None


def _require_few_bytes(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise FileTooLarge


def _read_code_from_pages(installation: Installation, data: bytes) -> str:
    """The one slip code on the pages of a PDF file, whatever else stands there."""
    if not is_pdf(data):
        raise NotAPicture
    try:
        return read_code(installation, data)
    except NoCodeFound as error:
        raise NoCodeOnPages from error


def _get_only(found: Found) -> str:
    """The one code. Raises SeveralCodes, or ForeignCode or NoCodeFound where there is none."""
    if len(found.codes) > 1:
        raise SeveralCodes
    if not found.codes:
        raise ForeignCode if found.has_foreign else NoCodeFound
    (digits,) = found.codes
    return digits
