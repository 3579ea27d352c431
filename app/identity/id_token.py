"""Checking an id_token (OpenID Connect Core 1.0, 3.1.3.7)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import ClaimError, JoseError

from app.identity.base import ProviderMisbehaved
from app.identity.discovery import Metadata, PublicKey

LEEWAY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Expected:
    """What the id_token must fit. `key_of` gives the key for a `kid` or raises SignInFault."""

    metadata: Metadata
    client_id: str
    nonce: str = field(repr=False)
    access_token: str = field(repr=False)
    key_of: Callable[[object], PublicKey]


def read_id_token(text: str, expected: Expected) -> dict[str, Any]:
    """Return the claims of a signed, current id_token meant for this client and this sign-in.
    Raises ProviderMisbehaved with `id_token:<what is wrong>`.
    """
    try:
        token = jwt.decode(
            text,
            lambda signed: expected.key_of(signed.headers().get("kid")),
            algorithms=list(expected.metadata.algorithms),
        )
        _check_claims(token, expected)
    except ClaimError as error:
        raise ProviderMisbehaved(f"id_token:{error.claim}") from None
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise ProviderMisbehaved("id_token:signature") from None
    return dict(token.claims)


def _check_claims(token: jwt.Token, expected: Expected) -> None:
    # Authlib empties the options that it is given, so they are made for each call.
    options = {
        "iss": {"essential": True, "value": expected.metadata.issuer},
        "aud": {"essential": True, "value": expected.client_id},
        "sub": {"essential": True},
    }
    params = {"nonce": expected.nonce, "client_id": expected.client_id, "access_token": expected.access_token}
    claims = CodeIDToken(token.claims, token.header, options, params)
    claims.validate(now=int(time.time()), leeway=LEEWAY_SECONDS)
