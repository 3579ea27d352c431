"""The certificate and key that sign slip files, out of a PKCS #12 file."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from asn1crypto.cms import ContentInfo
from asn1crypto.x509 import Certificate as Asn1Certificate
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates
from cryptography.x509 import Certificate
from pyhanko.sign.signers import Signer
from pyhanko_certvalidator.registry import SimpleCertificateStore

from app.documents.file_signature import DIGEST, MAX_BYTES, prepare_signature

SigningKey = RSAPrivateKey | EllipticCurvePrivateKey


class UnusableCertificate(Exception):
    """Files cannot be signed with this PKCS #12 file. The message names the file and the fault, and no secret."""


class FileSigner(Signer):
    """Signs by RSA (PKCS #1 v1.5) or ECDSA with a key that is read once; shared by all threads.

    The first certificate is the key's; the others lead up to one that readers trust.
    """

    def __init__(self, key: SigningKey, certificates: Sequence[Certificate]) -> None:
        first, *others = [Asn1Certificate.load(item.public_bytes(Encoding.DER)) for item in certificates]
        store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        store.register_multiple(others)
        super().__init__(signing_cert=first, cert_registry=store)
        self._key = key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        """The bare signature over `data`, as pyHanko asks for it; the digest is always SHA-256."""
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(data, PKCS1v15(), SHA256())
        return self._key.sign(data, ECDSA(SHA256()))

    def sign_pdf(self, pdf: bytes, moment: datetime) -> bytes:
        """The file with a signature that says it was made at this moment."""
        prepared, region = prepare_signature(pdf, moment)
        region.fill_with_cms(prepared, self.sign_digest(region.document_digest))
        return prepared.getvalue()

    def sign_digest(self, digest: bytes) -> ContentInfo:
        """The PAdES signature over a SHA-256 digest, with no time in it: that stands in the file."""
        return asyncio.run(self.async_sign(digest, DIGEST, use_pades=True))


def load_file_signer(path: Path, password: str, now: datetime) -> FileSigner:
    """The signer of a PKCS #12 file. Raises UnusableCertificate: the file cannot be read or others may read it, the
    password is wrong, there is no RSA or EC key with its certificate, the certificate is not valid now, or the
    certificates are too many.
    """
    key, certificates = _read_key_and_certificates(path, password)
    certificate = certificates[0]
    if key.public_key() != certificate.public_key():
        raise UnusableCertificate(f"{path}: the certificate is not that of the key")
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begins <= now <= ends:
        raise UnusableCertificate(
            f"{path}: the certificate is valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}"
        )
    signer = FileSigner(key, certificates)
    if len(signer.sign_digest(bytes(32)).dump()) > MAX_BYTES:
        raise UnusableCertificate(
            f"{path}: a signature with its certificates takes more than {MAX_BYTES} bytes"
        )
    return signer


def _read_key_and_certificates(path: Path, password: str) -> tuple[SigningKey, list[Certificate]]:
    content = _read_private_file(path)
    try:
        key, certificate, others = load_key_and_certificates(content, password.encode() or None)
    except ValueError as error:
        raise UnusableCertificate(f"{path}: no PKCS #12 file, or p12_password is wrong") from error
    if certificate is None or not isinstance(key, SigningKey):
        raise UnusableCertificate(f"{path}: holds no RSA or EC key with its certificate")
    return key, [certificate, *others]


def _read_private_file(path: Path) -> bytes:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UnusableCertificate(f"{path} is open to others (mode {mode:04o}); make it 0600")
        return path.read_bytes()
    except OSError as error:
        raise UnusableCertificate(f"{path} cannot be read: {error.strerror}") from error
