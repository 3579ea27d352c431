"""Keys of one purpose each, derived from the service's one secret by HKDF (RFC 5869): what one of them made or signed
is worth nothing where another is used.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32


def derive_key(secret: str, purpose: str) -> bytes:
    """The 32 bytes of this purpose. `secret` is long and random, so that no salt is needed."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"lixiao {purpose}".encode()).derive(secret.encode())
