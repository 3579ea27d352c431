"""Which addresses a provider may have."""

from __future__ import annotations

from urllib.parse import urlsplit

from authlib.common.security import is_secure_transport


def is_provider_address(address: object) -> bool:
    """Whether codes and secrets may be sent there: https, or http on this machine."""
    if not isinstance(address, str) or not address.isascii() or not address.isprintable() or " " in address:
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return bool(parts.hostname) and not parts.fragment and not parts.username and is_secure_transport(address)
