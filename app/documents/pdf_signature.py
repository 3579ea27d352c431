"""The signature in a slip's PDF file: PAdES B-B (ETSI EN 319 142-1), written by pyHanko as a second revision of the file.

The revision is the same bytes for the same file, moment and certificate: ECDSA signs by RFC 6979, without chance,
where OpenSSL can (3.2 and later). It certifies the file with no changes permitted (ISO 32000-1, 12.8.2.2), so that a
reader objects to whatever is added later.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime
from io import BytesIO
from typing import Any

from asn1crypto.cms import ContentInfo
from asn1crypto.x509 import Certificate as Asn1Certificate
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate
from pyhanko.pdf_utils.generic import ArrayObject, ByteStringObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import InvisSigSettings, MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import Signer
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigMDPSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest, SignatureObject
from pyhanko_certvalidator.registry import SimpleCertificateStore

from app.documents.certificate import Credentials, UnusableCertificate

DIGEST = "sha256"
MAX_BYTES = 8192
"""Of a signature with all its certificates: about five of them."""

FIELD = "Slip"
_UNSEEN: dict[str, Any] = {
    "readable_field_name": "电子签名",
    "invis_sig_settings": InvisSigSettings(box_out_of_bounds=True),
}
"""The field stands outside of the page: PDF/UA-1 (7.18.1) asks nothing of it there, and PDF/A lets none be hidden."""


class _Revision(IncrementalPdfFileWriter):
    """Appends to a file by nothing but its bytes: pyHanko's own takes the clock and a random identifier."""

    @classmethod
    def _handle_id(cls, prev: PdfFileReader) -> ArrayObject:
        first = bytes(prev.trailer["/ID"][0].original_bytes)
        second = hashlib.sha256(b"signed" + first).digest()[:16]
        return ArrayObject([ByteStringObject(first), ByteStringObject(second)])

    def _update_meta(self) -> None:
        """The title and the date of the first revision stay."""


class FileSigner(Signer):
    """Signs by RSA (PKCS #1 v1.5) or ECDSA with a key that is read once; shared by all threads.

    Raises UnusableCertificate when the certificates are too many.
    """

    def __init__(self, credentials: Credentials) -> None:
        store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        store.register_multiple(map(_convert, credentials.others))
        super().__init__(signing_cert=_convert(credentials.certificate), cert_registry=store)
        self.ends_at = credentials.certificate.not_valid_after_utc
        self._key = credentials.key
        self._ecdsa = _make_ecdsa()
        if len(self.sign_digest(bytes(32)).dump()) > MAX_BYTES:
            raise UnusableCertificate(
                f"p12_file: a signature with its certificates takes over {MAX_BYTES} bytes"
            )

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        """The bare signature over `data`, as pyHanko asks for it; the digest is always SHA-256."""
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(data, PKCS1v15(), SHA256())
        return self._key.sign(data, self._ecdsa)

    def sign_pdf(self, pdf: bytes, moment: datetime) -> bytes:
        """The file with a signature that says it was made at this moment."""
        prepared, region = prepare_signature(pdf, moment)
        region.fill_with_cms(prepared, self.sign_digest(region.document_digest))
        return prepared.getvalue()

    def sign_digest(self, digest: bytes) -> ContentInfo:
        """The PAdES signature over a SHA-256 digest, with no time in it: that stands in the file."""
        return asyncio.run(self.async_sign(digest, DIGEST, use_pades=True))


def _make_ecdsa() -> ECDSA:
    try:
        return ECDSA(SHA256(), deterministic_signing=True)
    except UnsupportedAlgorithm:
        return ECDSA(SHA256())


def prepare_signature(pdf: bytes, moment: datetime) -> tuple[BytesIO, PreparedByteRangeDigest]:
    """The file with a signature, still empty, that says it was made at this moment; where it goes and over what."""
    steps = PdfCMSEmbedder(SigFieldSpec(FIELD, **_UNSEEN)).write_cms(FIELD, _Revision(BytesIO(pdf)))
    next(steps)
    empty = SignatureObject(moment, SigSeedSubFilter.PADES, bytes_reserved=2 * MAX_BYTES)
    permission = SigMDPSetup(DIGEST, certify=True, docmdp_perms=MDPPerm.NO_CHANGES)
    steps.send(SigObjSetup(empty, permission))
    region, output = steps.send(SigIOSetup(DIGEST, in_place=True))
    return output, region


def _convert(certificate: Certificate) -> Asn1Certificate:
    return Asn1Certificate.load(certificate.public_bytes(Encoding.DER))
