"""What the OpenID Connect client refuses. Each guard is tried twice: on, and taken away, to show that it is
this guard that refuses and nothing else.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from authlib.oidc.core import UserInfo
from joserfc import jws, jwt

from app.identity import base, oidc, oidc_tokens
from app.identity.base import SignInRefused
from app.identity.http import parse_answer
from app.identity.oidc_tokens import read_metadata
from tests.integration.auth.small_provider import (
    CLIENT_ID,
    OTHER_KEY,
    REAL_KEY,
    SmallProvider,
    sign_in,
)

Patch = pytest.MonkeyPatch


def believe_claims(patch: Patch) -> None:
    patch.setattr(oidc_tokens, "_check_claims", lambda token, expected: None)


def believe_signatures(patch: Patch) -> None:
    def decode(text: str, *_arguments: object, **_options: object) -> Any:
        obj = jws.extract_compact(text.encode())
        return jwt.Token(obj.headers(), json.loads(obj.payload))

    patch.setattr(jwt, "decode", decode)


def believe_states(patch: Patch) -> None:
    patch.setattr(base, "compare_digest", lambda a, b: True)


def believe_callbacks(patch: Patch) -> None:
    patch.setattr(oidc, "check_issuer", lambda query, metadata: None)


def believe_discovery(patch: Patch) -> None:
    patch.setattr(
        oidc, "read_metadata", lambda document, issuer: read_metadata({**document, "issuer": issuer}, issuer)
    )
    believe_claims(patch)
    believe_callbacks(patch)


def believe_userinfo(patch: Patch) -> None:
    patch.setattr(
        oidc, "parse_answer", lambda body, what: dict(UserInfo(parse_answer(body, what), sub="u-17"))
    )


@dataclass(frozen=True)
class Guard:
    """One lie: how it is told, the reason it is refused with, and how to take the guard away."""

    lie: Callable[[SmallProvider], None]
    reason: str
    remove: Callable[[Patch], None]


def lying(**changes: Any) -> Callable[[SmallProvider], None]:
    def lie(provider: SmallProvider) -> None:
        for name, value in changes.items():
            setattr(provider, name, value)

    return lie


def sign_with(alg: str, signature: Callable[[bytes], bytes]) -> Callable[[SmallProvider], None]:
    def lie(provider: SmallProvider) -> None:
        def sign() -> str:
            header = encode(json.dumps({"alg": alg, "kid": "one"}).encode())
            signed = f"{header}.{SmallProvider.sign(provider).split('.')[1]}"
            return f"{signed}.{encode(signature(signed.encode()))}"

        provider.sign = sign  # type: ignore[method-assign]
        provider.claims = {"at_hash": None}

    return lie


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


PAST = int(time.time()) - 3600
GUARDS = {
    "a state that is not ours": Guard(lying(callback={"state": "x" * 43}), "wrong_state", believe_states),
    "no state": Guard(lying(callback={"state": None}), "wrong_state", believe_states),
    "another issuer in the callback": Guard(
        lying(callback={"iss": "https://evil.example"}), "callback:iss", believe_callbacks
    ),
    "no issuer in the callback": Guard(lying(callback={"iss": None}), "callback:iss", believe_callbacks),
    "another nonce": Guard(lying(claims={"nonce": "replayed"}), "id_token:nonce", believe_claims),
    "no nonce": Guard(lying(claims={"nonce": None}), "id_token:nonce", believe_claims),
    "another issuer": Guard(lying(claims={"iss": "https://evil.example"}), "id_token:iss", believe_claims),
    "no issuer": Guard(lying(claims={"iss": None}), "id_token:iss", believe_claims),
    "another client": Guard(lying(claims={"aud": "library"}), "id_token:aud", believe_claims),
    "another client with our azp": Guard(
        lying(claims={"aud": "library", "azp": CLIENT_ID}), "id_token:aud", believe_claims
    ),
    "no audience": Guard(lying(claims={"aud": None}), "id_token:aud", believe_claims),
    "two audiences and no azp": Guard(
        lying(claims={"aud": [CLIENT_ID, "library"]}), "id_token:azp", believe_claims
    ),
    "issued to another client": Guard(lying(claims={"azp": "library"}), "id_token:azp", believe_claims),
    "another access token's hash": Guard(
        lying(claims={"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), "id_token:at_hash", believe_claims
    ),
    "expired": Guard(lying(claims={"exp": PAST}), "id_token:exp", believe_claims),
    "never expiring": Guard(lying(claims={"exp": None}), "id_token:exp", believe_claims),
    "issued in the future": Guard(lying(claims={"iat": PAST + 9000}), "id_token:iat", believe_claims),
    "an expiry that is no number": Guard(lying(claims={"exp": "soon"}), "id_token:exp", believe_claims),
    "alg none": Guard(sign_with("none", lambda signed: b""), "id_token:signature", believe_signatures),
    "signed with the public key as an HMAC secret": Guard(
        sign_with("HS256", lambda signed: hmac.digest(REAL_KEY.as_pem(private=False), signed, "sha256")),
        "id_token:signature",
        believe_signatures,
    ),
    "signed with another key": Guard(lying(signing_key=OTHER_KEY), "id_token:signature", believe_signatures),
    "signed with a key that is not published": Guard(
        lying(signing_key=OTHER_KEY, header={"alg": "RS256", "kid": "two"}),
        "id_token:key",
        believe_signatures,
    ),
    "userinfo about somebody else": Guard(
        lying(userinfo={"sub": "u-18", "number": "TS23000003", "name": "王浩然"}),
        "userinfo:sub",
        believe_userinfo,
    ),
    "userinfo about nobody": Guard(
        lying(userinfo={"number": "TS23000003", "name": "王浩然"}), "userinfo:sub", believe_userinfo
    ),
    "a discovery document of another issuer": Guard(
        lying(document={"issuer": "https://evil.example"}), "discovery:issuer", believe_discovery
    ),
}


def test_an_honest_provider_is_believed(provider: SmallProvider) -> None:
    person = sign_in(provider)
    assert (person.number, person.name) == ("TS23000002", "李文静")
    assert provider.paths() == ["/.well-known/openid-configuration", "/token", "/jwks", "/userinfo"]


@pytest.mark.parametrize("name", GUARDS)
def test_a_lie_is_refused(name: str, provider: SmallProvider) -> None:
    guard = GUARDS[name]
    guard.lie(provider)
    with pytest.raises(SignInRefused) as refused:
        sign_in(provider)
    assert refused.value.reason == guard.reason


@pytest.mark.parametrize("name", GUARDS)
def test_the_same_lie_is_believed_without_its_guard(
    name: str, provider: SmallProvider, monkeypatch: Patch
) -> None:
    guard = GUARDS[name]
    guard.lie(provider)
    guard.remove(monkeypatch)
    assert sign_in(provider).number in ("TS23000002", "TS23000003")
