"""The certificate that a slip's PDF file is signed with, and its key, out of a PKCS #12 file.

Apart from `pdf_signature`, which imports pyHanko: an eighth of a start, for those who sign no files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates
from cryptography.x509 import Certificate

from app.private_files import describe_openness

SigningKey = RSAPrivateKey | EllipticCurvePrivateKey


class UnusableCertificate(Exception):
    """Files cannot be signed with this PKCS #12 file. The message names the file and the fault, and no secret."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key and its certificate; `others` lead up to one that readers trust."""

    key: SigningKey = field(repr=False)
    certificate: Certificate
    others: tuple[Certificate, ...]


def read_credentials(path: Path, password: str, now: datetime) -> Credentials:
    """What a PKCS #12 file holds. Raises UnusableCertificate: the file cannot be read or others may read it, the
    password is wrong, there is no RSA or EC key with its certificate, or the certificate is not valid now.
    """
    found = _parse(path, _read_private_file(path), password)
    if found.key.public_key() != found.certificate.public_key():
        raise UnusableCertificate(f"{path}: the certificate is not that of the key")
    begins, ends = found.certificate.not_valid_before_utc, found.certificate.not_valid_after_utc
    if not begins <= now <= ends:
        raise UnusableCertificate(
            f"{path}: the certificate is valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}"
        )
    return found


def _parse(path: Path, content: bytes, password: str) -> Credentials:
    try:
        key, certificate, others = load_key_and_certificates(content, password.encode() or None)
    except ValueError as error:
        raise UnusableCertificate(f"{path}: no PKCS #12 file, or p12_password is wrong") from error
    if certificate is None or not isinstance(key, SigningKey):
        raise UnusableCertificate(f"{path}: holds no RSA or EC key with its certificate")
    return Credentials(key, certificate, tuple(others))


def _read_private_file(path: Path) -> bytes:
    try:
        openness = describe_openness(path)
        if openness:
            raise UnusableCertificate(f"{path} is {openness}; make it 0600")
        return path.read_bytes()
    except OSError as error:
        raise UnusableCertificate(f"{path} cannot be read: {error.strerror}") from error
