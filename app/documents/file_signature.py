"""The signature in a slip's PDF file: PAdES B-B (ETSI EN 319 142-1), written by pyHanko as a second revision of the file.

The revision is the same bytes for the same file and moment, whoever signs, but for the signature's own hexadecimal
digits: an ECDSA signature differs each time, and a renewed certificate gives another. So a file is recognised
without key or certificate: all its other bytes must be those that would be signed again. It certifies the file
with no changes permitted (ISO 32000-1, 12.8.2.2), so that a reader objects to whatever is added later.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from io import BytesIO

from pyhanko.pdf_utils.generic import ArrayObject, ByteStringObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigMDPSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest, SignatureObject

DIGEST = "sha256"
MAX_BYTES = 8192
"""Of a signature with all its certificates: about five of them."""

FIELD = "Slip"
_HEXADECIMAL = re.compile(rb"[0-9A-F]+")


class _Revision(IncrementalPdfFileWriter):
    """Appends to a file by nothing but its bytes: pyHanko's own takes the clock and a random identifier."""

    @classmethod
    def _handle_id(cls, prev: PdfFileReader) -> ArrayObject:
        first = bytes(prev.trailer["/ID"][0].original_bytes)
        second = hashlib.sha256(b"signed" + first).digest()[:16]
        return ArrayObject([ByteStringObject(first), ByteStringObject(second)])

    def _update_meta(self) -> None:
        """The title and the date of the first revision stay."""


def is_signed_copy(data: bytes, pdf: bytes, moment: datetime) -> bool:
    """Whether `data` is `pdf` signed at this moment, by whomever: that is for PDF readers to say."""
    if not data.startswith(pdf):
        return False
    prepared, region = prepare_signature(pdf, moment)
    expected = prepared.getvalue()
    first, last = region.reserved_region_start + 1, region.reserved_region_end - 1
    return (
        data[:first] + data[last:] == expected[:first] + expected[last:]
        and _HEXADECIMAL.fullmatch(data, first, len(data) - len(expected) + last) is not None
    )


def prepare_signature(pdf: bytes, moment: datetime) -> tuple[BytesIO, PreparedByteRangeDigest]:
    """The file with a signature, still empty, that says it was made at this moment; where it goes and over what."""
    steps = PdfCMSEmbedder().write_cms(FIELD, _Revision(BytesIO(pdf)))
    next(steps)
    empty = SignatureObject(moment, SigSeedSubFilter.PADES, bytes_reserved=2 * MAX_BYTES)
    permission = SigMDPSetup(DIGEST, certify=True, docmdp_perms=MDPPerm.NO_CHANGES)
    steps.send(SigObjSetup(empty, permission))
    region, output = steps.send(SigIOSetup(DIGEST, in_place=True))
    return output, region
