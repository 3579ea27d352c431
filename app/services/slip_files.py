"""A slip as the PDF file that its holder is given, and whether a file is one of those."""

from __future__ import annotations

from app.documents.slip_pdf import render_slip_pdf
from app.services.installation import Installation
from app.services.slips import HeldSlip


def make_pdf_file(installation: Installation, slip: HeldSlip) -> bytes:
    """The slip as this installation hands it out: as PDF/A and signed, where that is configured."""
    pdf = render_slip_pdf(slip.record, slip.code, installation.settings.slip.pdf_a)
    signer = installation.file_signer
    return pdf if signer is None else signer.sign_pdf(pdf, slip.submitted_at)


def is_file_of(slip: HeldSlip, data: bytes) -> bool:
    """Whether a file is, byte for byte, one that this service makes of the slip, whatever was configured when it
    was made: as PDF/A or not, signed or not. Of a signature its place alone is looked at, not who made it.
    """
    for is_archival in (False, True):
        pdf = render_slip_pdf(slip.record, slip.code, is_archival)
        if data.startswith(pdf):
            return len(data) == len(pdf) or _is_signed_copy(data, pdf, slip)
    return False


def _is_signed_copy(data: bytes, pdf: bytes, slip: HeldSlip) -> bool:
    from app.documents.file_signature import is_signed_copy  # pyHanko takes 0.7 s and 17 MB

    return is_signed_copy(data, pdf, slip.submitted_at)
