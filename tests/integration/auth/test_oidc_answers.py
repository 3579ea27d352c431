"""What comes back from an OpenID Connect provider: callbacks, tokens, keys."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from urllib.parse import unquote_plus

import pytest

from app.identity import oidc
from app.identity.base import (
    ProviderMisbehaved,
    ProviderRefused,
    SignInError,
    SignInRefused,
    SignInUnavailable,
)
from tests.integration.auth.small_provider import (
    CALLBACK,
    CLIENT_SECRET,
    CODE,
    OTHER_KEY,
    REAL_KEY,
    SmallProvider,
    make_client,
    sign_in,
)
from tests.integration.auth.small_server import Answer, Asked, json_answer


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ({"id_token": None}, "id_token:missing"),
        ({"id_token": 7}, "id_token:missing"),
        ({"id_token": "no token"}, "id_token:signature"),
        ({"id_token": "a.b.c.d.e"}, "id_token:signature"),
        ({"access_token": None}, "token:no_access_token"),
        ({"access_token": {"a": 1}}, "token:no_access_token"),
        ({"access_token": "a\r\nX-Evil: 1"}, "token:no_access_token"),
        ({"error": "unauthorized_client"}, "token:unauthorized_client"),
        ({"error": {"secret": CLIENT_SECRET}}, "token:error"),
    ],
)
def test_a_token_answer_that_does_not_hold_what_was_asked_for_is_refused(
    token: dict[str, object], reason: str, provider: SmallProvider
) -> None:
    provider.token = token
    with pytest.raises(ProviderMisbehaved) as refused:
        sign_in(provider)
    assert refused.value.reason == reason


def test_an_error_envelope_with_200_is_refused(provider: SmallProvider) -> None:
    provider.answers["/token"] = lambda asked: json_answer({"errcode": 40029, "errmsg": "invalid code"})
    with pytest.raises(ProviderMisbehaved, match="token:no_access_token"):
        sign_in(provider)


@pytest.mark.parametrize(
    "token", [{"expires_in": "300"}, {"expires_in": 1}, {"expires_in": None}, {"expires_in": "soon"}]
)
def test_when_the_token_expires_does_not_matter_because_it_is_used_at_once(
    token: dict[str, object], provider: SmallProvider
) -> None:
    provider.token = token
    assert sign_in(provider).number == "TS23000002"


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_a_secret_with_signs_reaches_the_provider_as_it_is(method: str, provider: SmallProvider) -> None:
    def exchange(asked: Asked) -> Answer:
        if method == "client_secret_basic":
            asked = _decode_basic(asked)
        return provider.exchange(asked)

    provider.answers["/token"] = exchange
    assert sign_in(provider, client_auth=method).number == "TS23000002"


def _decode_basic(asked: Asked) -> Asked:
    """RFC 6749, 2.3.1, from the server's side."""
    assert "client_secret" not in asked.form
    pair = b64decode(asked.headers["Authorization"].removeprefix("Basic ")).decode()
    client_id, _, secret = pair.partition(":")
    form = {"client_id": unquote_plus(client_id), "client_secret": unquote_plus(secret)}
    return replace(asked, form=asked.form | form)


@pytest.mark.parametrize(
    ("callback", "kind", "reason"),
    [
        ({"error": "access_denied", "code": None}, SignInRefused, "denied"),
        ({"error": "login_required", "code": None}, ProviderRefused, "callback:login_required"),
        ({"error": "unauthorized_client", "code": None}, ProviderRefused, "callback:unauthorized_client"),
        ({"error": "x" * 61, "code": None}, ProviderRefused, "callback:error"),
        (
            {"error": "temporarily_unavailable", "code": None},
            SignInUnavailable,
            "callback:temporarily_unavailable",
        ),
        ({"error": f"<script>{CLIENT_SECRET}", "code": CODE}, SignInRefused, "callback:error"),
        ({"code": None}, SignInRefused, "callback:no_code"),
        ({"code": ""}, SignInRefused, "callback:no_code"),
        ({"code": "old"}, SignInRefused, "token:invalid_grant"),
        ({"state": "中文"}, SignInRefused, "wrong_state"),
    ],
)
def test_a_callback_without_a_good_code_is_refused(
    callback: dict[str, str | None], kind: type[SignInError], reason: str, provider: SmallProvider
) -> None:
    provider.callback = callback
    with pytest.raises(kind) as refused:
        sign_in(provider)
    assert refused.value.reason == reason


def test_a_provider_that_changes_its_key_is_asked_for_the_new_one(provider: SmallProvider) -> None:
    client = make_client(provider.issuer)

    def once() -> str:
        redirect = client.begin(CALLBACK)
        return client.finish(provider.come_back(redirect.url), redirect.pending, CALLBACK).number

    once()
    new = OTHER_KEY.as_dict(private=True) | {"kid": "two"}
    provider.signing_key = type(OTHER_KEY).import_key(new)
    provider.header = {"alg": "RS256", "kid": "two"}
    provider.keys = [REAL_KEY, provider.signing_key]
    client._keys._tried_at -= oidc.NEW_KEYS_SECONDS
    assert once() == "TS23000002"
    assert provider.paths().count("/jwks") == 2


def test_unknown_keys_do_not_make_the_client_hammer_the_provider(provider: SmallProvider) -> None:
    client = make_client(provider.issuer)
    provider.header = {"alg": "RS256", "kid": "forged"}
    for _ in range(10):
        redirect = client.begin(CALLBACK)
        with pytest.raises(ProviderMisbehaved, match="id_token:key"):
            client.finish(provider.come_back(redirect.url), redirect.pending, CALLBACK)
    assert provider.paths().count("/jwks") == 1


def test_signing_out_at_the_campus_is_off_unless_configured_and_never_an_error(
    provider: SmallProvider,
) -> None:
    home = "https://lixiao.example.edu/"
    assert make_client(provider.issuer).sign_out_url(home) is None
    client = make_client(provider.issuer, end_campus_session=True)
    expected = "/end?client_id=lixiao&post_logout_redirect_uri=https%3A%2F%2Flixiao.example.edu%2F"
    assert client.sign_out_url(home) == provider.url + expected
    assert make_client("http://127.0.0.1:9", end_campus_session=True).sign_out_url(home) is None
