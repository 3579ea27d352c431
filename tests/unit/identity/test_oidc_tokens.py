"""What a provider says of itself."""

from __future__ import annotations

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from app.identity.base import ProviderMisbehaved
from app.identity.oidc_tokens import find_key, read_keys, read_metadata

ISSUER = "https://id.example.edu"
DOCUMENT: dict[str, object] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/jwks",
}


@pytest.mark.parametrize("issuer", ["https://evil.example", f"{ISSUER}/", ISSUER.upper(), None, 7])
def test_a_document_of_another_issuer_is_refused(issuer: object) -> None:
    with pytest.raises(ProviderMisbehaved, match=r"^discovery:issuer$"):
        read_metadata(DOCUMENT | {"issuer": issuer}, ISSUER)


@pytest.mark.parametrize(
    "name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"]
)
@pytest.mark.parametrize(
    "address",
    ["http://id.example.edu/x", "javascript:alert(1)", "//id.example.edu", "https://a b/", 7, "https://u@h/"],
)
def test_an_endpoint_that_is_no_https_address_is_refused(name: str, address: object) -> None:
    with pytest.raises(ProviderMisbehaved, match=rf"^discovery:{name}$"):
        read_metadata(DOCUMENT | {name: address}, ISSUER)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_an_endpoint_that_is_missing_is_refused(name: str) -> None:
    with pytest.raises(ProviderMisbehaved, match=rf"^discovery:{name}$"):
        read_metadata({key: value for key, value in DOCUMENT.items() if key != name}, ISSUER)


def test_only_signatures_by_public_keys_are_accepted_whatever_the_provider_offers() -> None:
    offered = {"id_token_signing_alg_values_supported": ["none", "HS256", "ES256", "RS256"]}
    assert read_metadata(DOCUMENT | offered, ISSUER).algorithms == ("RS256", "ES256")
    assert not {"none", "HS256"} & set(read_metadata(DOCUMENT, ISSUER).algorithms)
    assert read_metadata(
        DOCUMENT | {"id_token_signing_alg_values_supported": ["none"]}, ISSUER
    ).algorithms == ("RS256",)


def test_keys_that_cannot_check_a_signature_are_left_out() -> None:
    rsa = RSAKey.generate_key(2048, {"kid": "a", "use": "sig"}).as_dict(private=False)
    ec = ECKey.generate_key("P-256", {"kid": "b"}).as_dict(private=False)
    secret = OctKey.generate_key(256, {"kid": "c"}).as_dict(private=True)
    keys = read_keys(
        {"keys": [rsa, ec, secret, dict(rsa, kid="d", use="enc"), {"kty": "new"}, {}, "x", dict(rsa, n=7)]}
    )
    assert [key.get("kid") for key in keys] == ["a", "b"]
    assert find_key(keys, {"alg": "ES256", "kid": "b"}) is keys[1]
    assert find_key(keys, {"alg": "ES256", "kid": "z"}) is None
    assert find_key(keys, {"alg": "RS256", "kid": "b"}) is None
    assert find_key(keys, {"alg": "PS256"}) is keys[0]
    assert find_key((*keys, keys[0]), {"alg": "RS256"}) is None
    for odd in ({}, {"alg": 7}, {"alg": "none"}, {"alg": "HS256", "kid": "a"}):
        assert find_key(keys, odd) is None


def test_a_key_is_for_its_own_algorithm_alone() -> None:
    keys = read_keys({"keys": [RSAKey.generate_key(2048, {"alg": "RS256"}).as_dict(private=False)]})
    assert find_key(keys, {"alg": "RS256"}) is keys[0]
    assert find_key(keys, {"alg": "PS256"}) is None


@pytest.mark.parametrize("document", [{}, {"keys": []}, {"keys": {}}, {"keys": None}])
def test_a_provider_without_keys_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ProviderMisbehaved, match=r"^keys:none$"):
        read_keys(document)
