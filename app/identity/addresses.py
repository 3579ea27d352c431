"""Which addresses a provider may have."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from authlib.common.security import is_secure_transport


def is_provider_address(address: object) -> bool:
    """Whether codes and secrets may be sent there: https, or http on this machine."""
    if not isinstance(address, str) or not address.isascii() or not address.isprintable() or " " in address:
        return False
    try:
        parts = urlsplit(address)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_whole and not parts.fragment and not parts.username and is_secure_transport(address)


def is_on_this_machine(address: str) -> bool:
    """Whether an address of the right form names this machine, or the link that it hangs on, in whatever spelling
    the system connects to: 127.1, 0x7f000001, [::ffff:127.0.0.1], 169.254.169.254, localhost.
    """
    host = (urlsplit(address).hostname or "").rstrip(".")
    number = _read_number(host)
    if number is None:
        return host == "localhost" or host.endswith(".localhost")
    if isinstance(number, IPv6Address) and number.ipv4_mapped is not None:
        number = number.ipv4_mapped
    return number.is_loopback or number.is_link_local or number.is_unspecified or int(number) >> 24 == 0


def _read_number(host: str) -> IPv4Address | IPv6Address | None:
    """The number that a host is, by the system's own reading of IPv4 (inet_aton(3)); None for a name."""
    try:
        return ip_address(socket.inet_aton(host))
    except OSError:
        pass
    try:
        return ip_address(host)
    except ValueError:
        return None
