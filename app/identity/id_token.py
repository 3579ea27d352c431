"""Checking what a provider signed: an id_token (OpenID Connect Core 1.0, 3.1.3.7), and userinfo (5.3.2)."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ClaimError, JoseError, SecurityWarning

from app.identity.base import ProviderMisbehaved
from app.identity.discovery import Metadata, PublicKey, find_key

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
