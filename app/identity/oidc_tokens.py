"""What an OpenID Connect provider says of itself (OpenID Connect Discovery 1.0) and its keys (RFC 7517); and the checks of
what it signed: an id_token (OpenID Connect Core 1.0, 3.1.3.7), and userinfo (5.3.2).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ClaimError, JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from app.identity.base import ProviderMisbehaved
from app.identity.http import is_on_this_machine, is_provider_address

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


LEEWAY_SECONDS = 60

# Which name of Ed25519 a provider uses is not ours to choose.
warnings.filterwarnings("ignore", message="EdDSA is deprecated", category=SecurityWarning)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the id_token must fit."""

    metadata: Metadata
    client_id: str
    nonce: str = field(repr=False)
    access_token: str = field(repr=False)


def read_id_token(text: str, keys: tuple[PublicKey, ...], expected: Expected) -> dict[str, Any]:
    """Return the claims of a signed, current id_token meant for this client and this sign-in.
    Raises ProviderMisbehaved with `id_token:<what is wrong>`.
    """
    token = _decode(text, keys, expected.metadata.algorithms, "id_token")
    try:
        _check_claims(token, expected)
    except ClaimError as error:
        raise ProviderMisbehaved(f"id_token:{error.claim}") from None
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise ProviderMisbehaved("id_token:claims") from None
    return dict(token.claims)


def read_signed_userinfo(
    text: str, keys: tuple[PublicKey, ...], metadata: Metadata, client_id: str
) -> dict[str, Any]:
    """Return the claims of a userinfo answer that is signed. Issuer and audience must fit where it names them.
    Raises ProviderMisbehaved with `userinfo:<what is wrong>`.
    """
    claims: dict[str, Any] = dict(_decode(text, keys, metadata.userinfo_algorithms, "userinfo").claims)
    if claims.get("iss", metadata.issuer) != metadata.issuer:
        raise ProviderMisbehaved("userinfo:iss")
    audience = claims.get("aud", client_id)
    if client_id not in (audience if isinstance(audience, list) else [audience]):
        raise ProviderMisbehaved("userinfo:aud")
    return claims


def _decode(text: str, keys: tuple[PublicKey, ...], algorithms: tuple[str, ...], what: str) -> jwt.Token:
    def get_key(signed: Any) -> PublicKey:
        key = find_key(keys, signed.headers())
        if key is None:
            raise ProviderMisbehaved(f"{what}:key")
        return key

    try:
        return jwt.decode(text, get_key, algorithms=list(algorithms))
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ProviderMisbehaved(f"{what}:signature") from None


def _check_claims(token: jwt.Token, expected: Expected) -> None:
    # Authlib empties the options that it is given, so they are made for each call.
    options = {
        "iss": {"essential": True, "value": expected.metadata.issuer},
        "aud": {"essential": True, "value": expected.client_id},
        "sub": {"essential": True},
    }
    params = {"nonce": expected.nonce, "client_id": expected.client_id, "access_token": expected.access_token}
    # Authlib knows the hash of Ed25519 (RFC 9864) by its older name.
    header = {**token.header, "alg": "EdDSA"} if token.header["alg"] == "Ed25519" else token.header
    claims = CodeIDToken(token.claims, header, options, params)
    claims.validate(now=int(time.time()), leeway=LEEWAY_SECONDS)
