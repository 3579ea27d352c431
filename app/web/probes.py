"""Who may ask how the service does under any name: a load balancer or a kubelet names no host of ours, but the address
that it asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PROBED_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
_BEFORE_PROXIES = "werkzeug.proxy_fix.orig"

Networks = Sequence[IPv4Network | IPv6Network]


def admit_probes(app: WSGIApplication, networks: Networks, host: str) -> WSGIApplication:
    """The same application, asked as `host` where one of these networks asks for one of `PROBED_PATHS`. It stands inside
    of ProxyFix, to know who is connected and whom that one speaks for.
    """

    def admitted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") in PROBED_PATHS and all(
            _is_within(networks, address) for address in _list_addresses(environ)
        ):
            environ["HTTP_HOST"] = host
        return app(environ, start_response)

    return admitted


def _list_addresses(environ: WSGIEnvironment) -> set[str]:
    """Who is connected, and whom it asks for if it is a proxy. Both count: who comes past the proxy may write any address
    into `X-Forwarded-For`, and the proxy's own address is that of everybody who comes through it.
    """
    connected = environ.get(_BEFORE_PROXIES, environ).get("REMOTE_ADDR", "")
    return {connected, environ.get("REMOTE_ADDR", "")}


def _is_within(networks: Networks, text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
