"""What an OpenID Connect provider says of itself (OpenID Connect Discovery 1.0), and its keys (RFC 7517)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from app.identity.addresses import is_on_this_machine, is_provider_address
from app.identity.base import ProviderMisbehaved

PublicKey = RSAKey | ECKey | OKPKey
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
KINDS: dict[str, type[PublicKey]] = {"RS": RSAKey, "PS": RSAKey, "ES": ECKey, "Ed": OKPKey}
"""Of keys, by the first letters of the algorithms that they are for."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The discovery document's members that are used; "" where the provider has none."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    end_session_endpoint: str
    algorithms: tuple[str, ...]
    userinfo_algorithms: tuple[str, ...]
    names_issuer_in_callback: bool
    takes_secret_in_header_only: bool


def read_metadata(document: Mapping[str, Any], issuer: str) -> Metadata:
    """Read the discovery document of `issuer`. Raises ProviderMisbehaved; a foreign issuer is one reason."""
    if document.get("issuer") != issuer:
        raise ProviderMisbehaved("discovery:issuer")
    needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    addresses = {name: document.get(name) for name in needed}
    addresses |= {name: document.get(name) or "" for name in ("userinfo_endpoint", "end_session_endpoint")}
    for name, address in addresses.items():
        if address == "":
            continue
        if not _may_follow(address, issuer):
            raise ProviderMisbehaved(f"discovery:{name}")
    return Metadata(
        issuer=issuer,
        algorithms=_read_algorithms(document.get("id_token_signing_alg_values_supported")),
        userinfo_algorithms=_read_algorithms(document.get("userinfo_signing_alg_values_supported")),
        names_issuer_in_callback=document.get("authorization_response_iss_parameter_supported") is True,
        takes_secret_in_header_only=_takes_header_only(document.get("token_endpoint_auth_methods_supported")),
        **addresses,  # type: ignore[arg-type]
    )


def _may_follow(address: object, issuer: str) -> bool:
    """A provider elsewhere must not send us to the services of this machine; its other hosts are its own matter."""
    if not isinstance(address, str) or not is_provider_address(address):
        return False
    if is_on_this_machine(address) and not is_on_this_machine(issuer):
        return False
    return _is_https(address) or not _is_https(issuer)


def _is_https(address: str) -> bool:
    return urlsplit(address).scheme == "https"


def read_keys(document: Mapping[str, Any]) -> tuple[PublicKey, ...]:
    """Read the signing keys; keys of unknown or symmetric kinds, and those for encryption, are left out."""
    listed = document.get("keys")
    keys = [_read_key(data) for data in listed if isinstance(data, dict)] if isinstance(listed, list) else []
    usable = tuple(key for key in keys if key is not None)
    if not usable:
        raise ProviderMisbehaved("keys:none")
    return usable


def find_key(keys: tuple[PublicKey, ...], header: Mapping[str, Any]) -> PublicKey | None:
    """The key for a signature with this header: of its algorithm's kind, and of its identifier. Without an
    identifier, the only one that fits (OpenID Connect Core, 10.1).
    """
    kid, algorithm = header.get("kid"), str(header.get("alg"))
    fitting = [key for key in keys if _fits(key, algorithm)]
    if kid is None:
        return fitting[0] if len(fitting) == 1 else None
    return next((key for key in fitting if key.get("kid") == kid), None)


def _fits(key: PublicKey, algorithm: str) -> bool:
    told = {None, algorithm} | ({"EdDSA", "Ed25519"} if algorithm.startswith("Ed") else set())
    return isinstance(key, KINDS.get(algorithm[:2], ())) and key.get("alg") in told


def _takes_header_only(methods: object) -> bool:
    listed = methods if isinstance(methods, list) else []
    return "client_secret_basic" in listed and "client_secret_post" not in listed


def _read_algorithms(supported: object) -> tuple[str, ...]:
    """Those that are told, as far as they are signatures by public keys; all of these where nothing is told."""
    if not isinstance(supported, list):
        return ALGORITHMS
    return tuple(name for name in ALGORITHMS if name in supported) or ("RS256",)


def _read_key(data: dict[str, Any]) -> PublicKey | None:
    try:
        key = JWKRegistry.import_key(data)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if isinstance(key, PublicKey) and key.get("use") != "enc" else None
