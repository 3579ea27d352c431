"""Providers that are down, slow or broken, and what the client lets out about a sign-in."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session

from app import event_loop
from app.identity import http, oidc
from app.identity.base import ProviderMisbehaved, SignInError, SignInUnavailable
from tests.integration.auth.small_provider import (
    ACCESS_TOKEN,
    CALLBACK,
    CLIENT_SECRET,
    CODE,
    SmallProvider,
    make_client,
    sign_in,
)
from tests.integration.auth.small_server import Answer, SmallServer, json_answer

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
    path: str, answer: Answer, kind: type[SignInError], reason: str, provider: SmallProvider
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
    def wait_first(call: Coroutine[Any, Any, object], seconds: float) -> object:
        begun = time.monotonic()
        found = event_loop.run(call, 60)
        if time.monotonic() - begun > seconds:
            raise TimeoutError
        return found

    monkeypatch.setattr(http, "event_loop", SimpleNamespace(run=wait_first, start=event_loop.start))
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
    "host", ["a..b", ".edu", f"{'x' * 64}.edu", "300.300.300.300", "h\\x", "[fe80::1%25eth0]"]
)
def test_a_host_that_cannot_be_is_unavailable(host: str) -> None:
    with pytest.raises(SignInUnavailable, match="unreachable"):
        make_client(f"https://{host}").begin(CALLBACK)


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
    except SignInError as fault:
        return "".join(traceback.format_exception(fault))
    raise AssertionError("the sign-in went through")


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
