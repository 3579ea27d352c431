"""Providers that are down, slow, broken or curious, and what the client lets out about a sign-in."""

from __future__ import annotations

import logging
import time
import traceback
from base64 import b64decode
from dataclasses import replace
from urllib.parse import unquote_plus

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session

from app.identity import deadline, oidc
from app.identity.base import ProviderMisbehaved, SignInFault, SignInRefused, SignInUnavailable
from tests.integration.auth.small_provider import (
    ACCESS_TOKEN,
    CALLBACK,
    CLIENT_SECRET,
    CODE,
    OTHER_KEY,
    REAL_KEY,
    SmallProvider,
    make_client,
    sign_in,
)
from tests.integration.auth.small_server import Answer, Asked, SmallServer, json_answer

HTML = Answer(b"<!doctype html><title>Login</title>", 200, "text/html")
ENDPOINTS = {
    "/.well-known/openid-configuration": "discovery",
    "/token": "token",
    "/jwks": "keys",
    "/userinfo": "userinfo",
}


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (HTML, ProviderMisbehaved, "{}:not_json"),
        (Answer(b"[]"), ProviderMisbehaved, "{}:not_json"),
        (Answer(b'{"a":1,"a":2}'), ProviderMisbehaved, "{}:not_json"),
        (Answer(b"[" * 100_000), ProviderMisbehaved, "{}:not_json"),
        (Answer(b"\xff\xfe"), ProviderMisbehaved, "{}:not_json"),
        (Answer(b" " * 600_000), ProviderMisbehaved, "{}:too_big"),
        (Answer(status=500), SignInUnavailable, "{}:http_500"),
        (Answer(status=429), SignInUnavailable, "{}:http_429"),
        (Answer(b"{}", headers={"Content-Length": "100"}), SignInUnavailable, "unreachable"),
    ],
)
def test_an_answer_that_is_none_stops_the_sign_in(
    path: str, answer: Answer, kind: type[SignInFault], reason: str, provider: SmallProvider
) -> None:
    provider.answers[path] = lambda asked: answer
    with pytest.raises(kind) as stopped:
        sign_in(provider, deadline_seconds=1 if reason == "unreachable" else 5)
    assert stopped.value.reason in (reason.format(ENDPOINTS[path]), "timeout")


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(
    path: str, status: int, provider: SmallProvider, stranger: SmallServer
) -> None:
    provider.answers[path] = lambda asked: Answer(status=status, headers={"Location": f"{stranger.url}/x"})
    with pytest.raises(ProviderMisbehaved, match=f"http_{status}"):
        sign_in(provider)
    assert stranger.asked == []


def test_a_client_that_follows_a_307_hands_code_and_secret_to_a_stranger(
    provider: SmallProvider, stranger: SmallServer
) -> None:
    stranger.answers["/x"] = lambda asked: json_answer({"access_token": "t"})
    provider.answers["/token"] = lambda asked: Answer(status=307, headers={"Location": f"{stranger.url}/x"})
    plain = OAuth2Session("lixiao", CLIENT_SECRET, token_endpoint_auth_method="client_secret_post")
    with plain:
        plain.fetch_token(f"{provider.url}/token", code=CODE, timeout=5)
    assert (stranger.asked[0].form["code"], stranger.asked[0].form["client_secret"]) == (CODE, CLIENT_SECRET)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_provider_that_hangs_is_unavailable_within_the_deadline(path: str, provider: SmallProvider) -> None:
    provider.answers[path] = lambda asked: Answer(delay=3)
    begun = time.monotonic()
    with pytest.raises(SignInUnavailable, match="timeout"):
        sign_in(provider, deadline_seconds=0.3)
    assert time.monotonic() - begun < 2.5


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_provider_that_drips_is_unavailable_within_the_deadline(path: str, provider: SmallProvider) -> None:
    provider.answers[path] = lambda asked: Answer(b" " * 60, drip=0.05)
    begun = time.monotonic()
    with pytest.raises(SignInUnavailable, match="timeout"):
        sign_in(provider, deadline_seconds=0.3)
    assert time.monotonic() - begun < 2.5


def test_without_the_deadline_a_dripping_provider_holds_the_thread_to_its_end(
    provider: SmallProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline.Deadline, "watch", lambda self, connection: None)
    provider.answers["/token"] = lambda asked: Answer(b" " * 60, drip=0.05)
    begun = time.monotonic()
    with pytest.raises(SignInUnavailable, match="timeout"):
        sign_in(provider, deadline_seconds=0.3)
    assert time.monotonic() - begun >= 2.5


def test_a_provider_that_is_down_is_asked_once_and_comes_back_alone(
    provider: SmallProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "PAUSE_SECONDS", 0.3)
    client = make_client(provider.issuer)
    describe = provider.answers["/.well-known/openid-configuration"]
    provider.answers["/.well-known/openid-configuration"] = lambda asked: Answer(status=503)
    for _ in range(20):
        with pytest.raises(SignInUnavailable):
            client.begin(CALLBACK)
    assert len(provider.asked) < 20
    provider.answers["/.well-known/openid-configuration"] = describe
    time.sleep(0.4)
    assert client.begin(CALLBACK).url.startswith(f"{provider.url}/authorize?")


def test_nobody_listening_is_unavailable() -> None:
    with pytest.raises(SignInUnavailable, match="unreachable"):
        make_client("http://127.0.0.1:9").begin(CALLBACK)


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
        ({"error": "login_required", "code": None}, SignInRefused, "callback:error"),
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
    callback: dict[str, str | None], kind: type[SignInFault], reason: str, provider: SmallProvider
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


def test_no_secret_code_or_token_is_in_an_exception_or_a_log(
    provider: SmallProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = []
    for path in ENDPOINTS:
        for answer in (
            HTML,
            Answer(status=500),
            Answer(status=302, headers={"Location": "http://h/?" + CODE}),
        ):
            kept = provider.answers[path]
            provider.answers[path] = lambda asked, answer=answer: answer  # type: ignore[misc]
            told.append(_describe_failure(provider))
            provider.answers[path] = kept
    text = "\n".join(told) + caplog.text
    assert "ProviderMisbehaved" in text
    for secret in (CODE, CLIENT_SECRET, ACCESS_TOKEN, provider.nonce, "eyJ"):
        assert secret not in text


def _describe_failure(provider: SmallProvider) -> str:
    try:
        sign_in(provider)
    except SignInFault as fault:
        return "".join(traceback.format_exception(fault))
    raise AssertionError("the sign-in went through")


def test_signing_out_at_the_campus_is_off_unless_configured_and_never_an_error(
    provider: SmallProvider,
) -> None:
    home = "https://lixiao.example.edu/"
    assert make_client(provider.issuer).sign_out_url(home) is None
    client = make_client(provider.issuer, end_campus_session=True)
    expected = "/end?client_id=lixiao&post_logout_redirect_uri=https%3A%2F%2Flixiao.example.edu%2F"
    assert client.sign_out_url(home) == provider.url + expected
    assert make_client("http://127.0.0.1:9", end_campus_session=True).sign_out_url(home) is None


def test_proxies_and_passwords_of_the_environment_are_not_used(
    provider: SmallProvider, stranger: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", stranger.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert sign_in(provider).number == "TS23000002"
    assert stranger.asked == []
    requests.get(f"{provider.url}/jwks", timeout=5)
    assert len(stranger.asked) == 1
