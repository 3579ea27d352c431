"""Providers that sign in other ways: other algorithms, keys without names or renewed under their name, signed userinfo."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from app.identity import oidc, oidc_tokens
from app.identity.base import ProviderMisbehaved
from tests.integration.auth.small_provider import (
    ACCESS_TOKEN,
    CALLBACK,
    CLAIMS,
    CLIENT_ID,
    OTHER_KEY,
    REAL_KEY,
    SmallProvider,
    make_client,
    sign_in,
)
from tests.integration.auth.small_server import Answer, Asked, json_answer

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")

KEYS = {
    "RS256": REAL_KEY,
    "RS512": REAL_KEY,
    "PS256": REAL_KEY,
    "ES256": ECKey.generate_key("P-256"),
    "ES384": ECKey.generate_key("P-384"),
    "ES512": ECKey.generate_key("P-521"),
    "EdDSA": OKPKey.generate_key("Ed25519"),
    "Ed25519": OKPKey.generate_key("Ed25519"),
}
HASHES = {"256": "sha256", "384": "sha384"}


def name_key(key: Any, **members: str | None) -> Any:
    """The key with these members, without those that are None."""
    data = {"use": "sig"} | key.as_dict(private=True) | members
    return type(key).import_key({name: value for name, value in data.items() if value is not None})


def use_key(provider: SmallProvider, algorithm: str, kid: str | None = "k") -> None:
    """Sign with the algorithm's key, and publish it alone."""
    key = name_key(KEYS[algorithm], kid=kid, alg=None)
    provider.keys = [key]
    provider.signing_key = key
    provider.header = {"alg": algorithm} | ({"kid": kid} if kid else {})
    digest = hashlib.new(HASHES.get(algorithm[2:], "sha512"), ACCESS_TOKEN.encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    provider.claims = {"at_hash": half}


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("algorithm", KEYS)
def test_an_id_token_is_believed_whatever_public_key_signed_it(
    algorithm: str, is_told: bool, provider: SmallProvider
) -> None:
    use_key(provider, algorithm)
    provider.document = {"id_token_signing_alg_values_supported": [algorithm]} if is_told else {}
    assert sign_in(provider).number == "TS23000002"


@pytest.mark.parametrize("algorithm", ["ES384", "EdDSA", "Ed25519"])
def test_the_access_token_s_hash_is_checked_with_every_algorithm(
    algorithm: str, provider: SmallProvider
) -> None:
    use_key(provider, algorithm)
    provider.claims = {"at_hash": "A" * 43}
    with pytest.raises(ProviderMisbehaved, match="id_token:at_hash"):
        sign_in(provider)


def test_keys_without_names_are_told_apart_by_their_kind(provider: SmallProvider) -> None:
    use_key(provider, "ES256", kid=None)
    provider.keys = [name_key(REAL_KEY, kid=None, alg=None), *provider.keys]  # type: ignore[list-item]
    assert sign_in(provider).number == "TS23000002"


@pytest.mark.parametrize("kid", ["one", None])
def test_a_key_that_changed_under_its_name_is_asked_for_again(
    kid: str | None, provider: SmallProvider
) -> None:
    client = make_client(provider.issuer)

    def once(key: RSAKey) -> str:
        provider.keys = [name_key(key, kid=kid)]
        provider.signing_key = provider.keys[0]
        provider.header = {"alg": "RS256"} | ({"kid": kid} if kid else {})
        redirect = client.begin(CALLBACK)
        return client.finish(provider.come_back(redirect.url), redirect.pending, CALLBACK).number

    once(REAL_KEY)
    with pytest.raises(ProviderMisbehaved, match="id_token:signature"):
        once(OTHER_KEY)
    client._keys._tried_at -= oidc.NEW_KEYS_SECONDS
    assert once(OTHER_KEY) == "TS23000002"
    assert provider.paths().count("/jwks") == 2


def sign_userinfo(provider: SmallProvider, key: Any = REAL_KEY, **claims: object) -> None:
    """Let the provider sign its userinfo."""

    def tell(asked: Asked) -> Answer:
        assert "application/jwt" in asked.headers["Accept"]
        told = {"iss": provider.issuer, "aud": CLIENT_ID, "iat": int(time.time())} | CLAIMS | claims
        return Answer(jwt.encode({"alg": "RS256", "kid": "one"}, told, key).encode(), kind="application/jwt")

    provider.answers["/userinfo"] = tell


def test_userinfo_may_be_signed(provider: SmallProvider) -> None:
    sign_userinfo(provider, name="王浩然", aud=["library", CLIENT_ID])
    assert sign_in(provider).name == "王浩然"
    assert provider.paths().count("/jwks") == 1


LIES: dict[str, dict[str, Any]] = {
    "userinfo:signature": {"key": OTHER_KEY},
    "userinfo:iss": {"iss": "https://evil.example"},
    "userinfo:aud": {"aud": "library"},
    "userinfo:sub": {"sub": "u-18"},
}


@pytest.mark.parametrize("reason", LIES)
def test_signed_userinfo_that_lies_is_refused(reason: str, provider: SmallProvider) -> None:
    sign_userinfo(provider, **LIES[reason])
    with pytest.raises(ProviderMisbehaved) as refused:
        sign_in(provider)
    assert refused.value.reason == reason


def test_without_its_check_userinfo_signed_by_a_stranger_is_believed(
    provider: SmallProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_userinfo(provider, OTHER_KEY, number="TS23000003")
    stranger = oidc_tokens.read_keys({"keys": [OTHER_KEY.as_dict(private=False)]})
    read = oidc_tokens.read_signed_userinfo
    monkeypatch.setattr(
        oidc, "read_signed_userinfo", lambda text, keys, *expected: read(text, stranger, *expected)
    )
    assert sign_in(provider).number == "TS23000003"


def test_everything_may_stand_in_the_id_token_where_there_is_no_userinfo(provider: SmallProvider) -> None:
    provider.document = {"userinfo_endpoint": None}
    provider.claims = {"number": "TS23000002", "name": "李文静", "aud": [CLIENT_ID]}
    assert sign_in(provider).number == "TS23000002"
    assert "/userinfo" not in provider.paths()


@pytest.mark.parametrize("kind", ["bearer", "JWT", "", None, 7])
def test_an_odd_type_of_token_does_not_matter(kind: object, provider: SmallProvider) -> None:
    provider.token = {"token_type": kind}
    assert sign_in(provider).number == "TS23000002"


@pytest.mark.parametrize(
    ("methods", "configured", "is_in_header"),
    [
        (["client_secret_basic"], {}, True),
        (["client_secret_basic", "private_key_jwt"], {}, True),
        (["client_secret_basic", "client_secret_post"], {}, False),
        (None, {}, False),
        (["client_secret_basic"], {"client_auth": "client_secret_post"}, False),
    ],
)
def test_the_secret_goes_into_the_header_where_the_provider_reads_nothing_else(
    methods: list[str] | None, configured: dict[str, str], is_in_header: bool, provider: SmallProvider
) -> None:
    provider.document = {"token_endpoint_auth_methods_supported": methods}
    asked: list[Asked] = []
    provider.answers["/token"] = lambda request: asked.append(request) or json_answer({}, 400)  # type: ignore[func-returns-value]
    with pytest.raises(ProviderMisbehaved):
        sign_in(provider, **configured)
    assert ("Authorization" in asked[0].headers, "client_secret" in asked[0].form) == (
        is_in_header,
        not is_in_header,
    )


@pytest.mark.parametrize("path", ["/realms/cumt", "/", "/tenant/"])
def test_an_issuer_may_have_a_path_and_a_slash_at_its_end(path: str, provider: SmallProvider) -> None:
    provider.issuer = provider.url + path
    describe = provider.answers["/.well-known/openid-configuration"]
    provider.answers[f"{path.rstrip('/')}/.well-known/openid-configuration"] = describe
    assert sign_in(provider).number == "TS23000002"
