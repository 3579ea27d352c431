"""Plain OAuth 2.0 against small platforms, each with the odd habit of a real kind."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from app.domain.person import Person
from app.identity.base import ProviderMisbehaved, SignInFault, SignInRefused, SignInUnavailable
from app.identity.oauth2 import OAuth2Provider, read_oauth2
from app.tables import Table
from tests.integration.auth.small_provider import ACCESS_TOKEN, CALLBACK, CLIENT_ID, CLIENT_SECRET, CODE
from tests.integration.auth.small_server import Answer, Asked, SmallServer, json_answer

USER = {"number": "TS23000002", "name": "李文静"}
CLAIMS = {"student_number": "number", "name": "name"}


@dataclass(frozen=True)
class Platform:
    """A platform's habit: what it answers, what it insists on, and the configuration that copes with it."""

    options: dict[str, Any] = field(default_factory=dict)
    token: Callable[[], Answer] = lambda: json_answer({"access_token": ACCESS_TOKEN, "token_type": "bearer"})
    user: Callable[[], Answer] = lambda: json_answer(USER)
    accepts_client: Callable[[Asked], bool] = lambda asked: (
        (asked.form.get("client_id"), asked.form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
    )
    accepts_token: Callable[[Asked], bool] = lambda asked: (
        asked.headers.get("Authorization") == f"Bearer {ACCESS_TOKEN}"
    )


def text(body: str, kind: str = "text/html") -> Answer:
    return Answer(body.encode(), 200, kind)


def claims(**paths: str) -> dict[str, Any]:
    return {"claims": CLAIMS | paths}


PLATFORMS = {
    "an ordinary one": Platform(),
    "token by GET with everything in the query": Platform(
        {"token_method": "GET"},
        accepts_client=lambda asked: (
            (asked.method, asked.form) == ("GET", {}) and asked.query.get("client_secret") == CLIENT_SECRET
        ),
    ),
    "other names for identifier and secret": Platform(
        {"client_id_name": "appid", "client_secret_name": "secret"},
        accepts_client=lambda asked: (
            (asked.form.get("appid"), asked.form.get("secret")) == (CLIENT_ID, CLIENT_SECRET)
        ),
    ),
    "both, with a GET": Platform(
        {"client_id_name": "appid", "client_secret_name": "secret", "token_method": "GET"},
        accepts_client=lambda asked: (
            (asked.query.get("appid"), asked.query.get("secret")) == (CLIENT_ID, CLIENT_SECRET)
        ),
    ),
    "the token in the query only": Platform(
        {"token_placement": "query"},
        accepts_token=lambda asked: (
            (asked.query.get("access_token"), asked.headers.get("Authorization")) == (ACCESS_TOKEN, None)
        ),
    ),
    "the token in a form, under another name": Platform(
        {"token_placement": "body", "token_name": "token"},
        accepts_token=lambda asked: (asked.method, asked.form.get("token")) == ("POST", ACCESS_TOKEN),
    ),
    "a nested token and a nested user": Platform(
        {
            "token_path": "data.token",
            "userinfo_path": "data.user",
            "success_field": "code",
            "success_value": "0",
        },
        token=lambda: json_answer({"code": 0, "data": {"token": ACCESS_TOKEN, "expires_in": "7200"}}),
        user=lambda: json_answer({"code": "0", "data": {"user": USER}}),
    ),
    "claims under attributes": Platform(
        claims(student_number="id", name="attributes.cn"),
        user=lambda: json_answer({"id": "TS23000002", "attributes": {"cn": "李文静"}}),
    ),
    "claims in a list": Platform(
        claims(student_number="entities[0].code", name="entities[0].name"),
        user=lambda: json_answer({"entities": [{"code": "TS23000002", "name": "李文静"}]}),
    ),
    "several identities for one person": Platform(
        claims(student_number="profiles[kind=graduate].stno", name="cn"),
        user=lambda: json_answer(
            {
                "cn": "李文静",
                "profiles": [
                    {"kind": "bachelor", "stno": "0819"},
                    {"kind": "graduate", "stno": "TS23000002"},
                ],
            }
        ),
    ),
    "an error number that is 0 when all is well": Platform(
        {"success_field": "errcode", "success_value": "0"},
        user=lambda: json_answer({"errcode": 0, "errmsg": "ok", **USER}),
    ),
    "a success flag": Platform(
        {"success_field": "success", "success_value": "true"},
        user=lambda: json_answer({"success": True, **USER}),
    ),
    "a form-encoded token answer": Platform(
        {"token_format": "form"},
        token=lambda: text(urlencode({"access_token": ACCESS_TOKEN, "expires_in": "9"})),
    ),
    "JSONP": Platform({"userinfo_format": "jsonp"}, user=lambda: text(f"callback( {json.dumps(USER)} );\n")),
    "no token type": Platform(token=lambda: json_answer({"access_token": ACCESS_TOKEN})),
    "an odd token type": Platform(
        token=lambda: json_answer({"access_token": ACCESS_TOKEN, "token_type": "uuid"})
    ),
    "odd expiries": Platform(token=lambda: json_answer({"access_token": ACCESS_TOKEN, "expires_in": "soon"})),
    "a token that lives for a second": Platform(
        token=lambda: json_answer({"access_token": ACCESS_TOKEN, "expires_in": 1})
    ),
    "JSON called HTML": Platform(token=lambda: text(json.dumps({"access_token": ACCESS_TOKEN}))),
    "no PKCE": Platform(
        {"pkce": "false"}, accepts_client=lambda asked: "code_verifier" not in asked.form | asked.query
    ),
}


def serve(server: SmallServer, platform: Platform) -> None:
    def token(asked: Asked) -> Answer:
        given = asked.form | asked.query
        if not platform.accepts_client(asked) or (given["code"], given["redirect_uri"]) != (CODE, CALLBACK):
            return json_answer({"error": "invalid_client"}, 401)
        return platform.token()

    def user(asked: Asked) -> Answer:
        return (
            platform.user() if platform.accepts_token(asked) else json_answer({"error": "invalid_token"}, 401)
        )

    server.answers |= {"/token": token, "/user": user}


def make_client(server: SmallServer, **options: object) -> OAuth2Provider:
    faults: list[str] = []
    section = {
        "label": "e矿大",
        "authorize_url": f"{server.url}/authorize",
        "token_url": f"{server.url}/token",
        "userinfo_url": f"{server.url}/user",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "claims": CLAIMS,
    }
    client = read_oauth2("phone", Table(section | options, "sign_in.phone", faults))
    assert not faults
    return client


def sign_in(server: SmallServer, platform: Platform, **query: str) -> Person:
    serve(server, platform)
    client = make_client(server, **platform.options)
    redirect = client.begin(CALLBACK)
    asked = dict(parse_qsl(urlsplit(redirect.url).query))
    assert (asked["redirect_uri"], asked["response_type"]) == (CALLBACK, "code")
    assert asked[platform.options.get("client_id_name", "client_id")] == CLIENT_ID
    return client.finish({"code": CODE, "state": asked["state"]} | query, redirect.pending, CALLBACK)


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_platform_with_an_odd_habit_is_understood(name: str, stranger: SmallServer) -> None:
    person = sign_in(stranger, PLATFORMS[name])
    assert (person.number, person.name) == ("TS23000002", "李文静")


@pytest.mark.parametrize("name", [name for name, platform in PLATFORMS.items() if platform.options])
def test_without_its_configuration_the_same_platform_is_refused(name: str, stranger: SmallServer) -> None:
    platform = PLATFORMS[name]
    if name in ("an error number that is 0 when all is well", "a success flag"):
        pytest.skip("the flag matters only when it reports an error")
    serve(stranger, platform)
    client = make_client(stranger)
    redirect = client.begin(CALLBACK)
    with pytest.raises(SignInRefused):
        client.finish({"code": CODE, "state": redirect.pending["state"]}, redirect.pending, CALLBACK)


WECHAT_LIKE = {"success_field": "errcode", "success_value": "0"}
REFUSALS = [
    (Platform(WECHAT_LIKE, token=lambda: json_answer({"errcode": 40029, "errmsg": "x"})), "token:refused"),
    (Platform(WECHAT_LIKE, user=lambda: json_answer({"errcode": 1, **USER})), "userinfo:refused"),
    (Platform(WECHAT_LIKE, user=lambda: json_answer({"errcode": None, **USER})), "userinfo:refused"),
    (Platform(token=lambda: json_answer({"errcode": 40029})), "token:no_access_token"),
    (Platform(token=lambda: json_answer({"access_token": ["x"]})), "token:no_access_token"),
    (Platform(token=lambda: json_answer({"error": "invalid_grant"}, 400)), "token:invalid_grant"),
    (Platform(token=lambda: json_answer({"error": "invalid_grant"})), "token:invalid_grant"),
    (Platform(token=lambda: text("<html>")), "token:not_json"),
    (Platform({"token_format": "form"}, token=lambda: text("<html>")), "token:not_form"),
    (
        Platform({"userinfo_format": "jsonp"}, user=lambda: text("alert(1);callback({})")),
        "userinfo:not_jsonp",
    ),
    (Platform({"userinfo_path": "data.user"}), "userinfo:nobody"),
    (Platform({"userinfo_path": "data"}, user=lambda: json_answer({"data": [USER]})), "userinfo:nobody"),
    (Platform(user=lambda: json_answer({"number": 23000002, "name": "x"})), "odd_claim:student_number"),
    (Platform(user=lambda: json_answer({"name": "x"})), "missing_claim:student_number"),
    (Platform(user=lambda: text('{"number":"TS1","number":"TS2","name":"x"}')), "userinfo:not_json"),
    (Platform(user=lambda: Answer(status=302, headers={"Location": "/"})), "userinfo:http_302"),
]


@pytest.mark.parametrize(("platform", "reason"), REFUSALS)
def test_an_answer_that_is_none_is_refused(platform: Platform, reason: str, stranger: SmallServer) -> None:
    with pytest.raises(SignInRefused) as refused:
        sign_in(stranger, platform)
    assert refused.value.reason == reason


def test_a_state_that_is_not_ours_is_refused_before_the_platform_is_asked(stranger: SmallServer) -> None:
    with pytest.raises(SignInRefused, match="wrong_state"):
        sign_in(stranger, Platform(), state="x" * 43)
    assert stranger.asked == []


def test_a_platform_that_hangs_is_unavailable(stranger: SmallServer) -> None:
    platform = Platform({"deadline_seconds": 0.3}, token=lambda: Answer(delay=3))
    with pytest.raises(SignInUnavailable, match="timeout"):
        sign_in(stranger, platform)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_secret_in_an_address_reaches_no_exception_and_no_log(
    method: str, stranger: SmallServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = ""
    for answer in (
        Answer(status=500),
        text("<html>"),
        Answer(status=302, headers={"Location": "/"}),
        Answer(delay=1),
    ):
        platform = Platform(
            {"token_method": method, "deadline_seconds": 0.4},
            token=lambda answer=answer: answer,  # type: ignore[misc]
            accepts_client=lambda asked: True,
        )
        try:
            sign_in(stranger, platform)
        except SignInFault as fault:
            told += "".join(traceback.format_exception(fault))
    told += caplog.text
    assert told.count("Traceback") == 4
    for secret in (CODE, CLIENT_SECRET, "s3cret", ACCESS_TOKEN):
        assert secret not in told


def test_what_contradicts_itself_is_named() -> None:
    faults: list[str] = []
    section = {
        "label": "e矿大",
        "authorize_url": "https://id.example.edu/a",
        "token_url": "http://id.example.edu/t",
        "client_id": "x",
        "client_secret": "very-secret-value",
        "scope": "openid profile",
        "success_field": "errcode",
        "token_method": "PUT",
        "token_format": "xml",
        "claims": CLAIMS,
    }
    read_oauth2("phone", Table(section, "sign_in.phone", faults))
    told = "\n".join(faults)
    for key in (
        "token_url must be an https",
        "userinfo_url is missing",
        "scope asks for openid",
        "success_field and",
    ):
        assert f"sign_in.phone.{key}" in told
    for key in ("token_method must be one of POST, GET", "token_format must be one of json, jsonp, form"):
        assert f"sign_in.phone.{key}" in told
    assert "very-secret-value" not in told


def test_a_form_answer_never_counts_as_a_misbehaving_json(stranger: SmallServer) -> None:
    platform = Platform(token=lambda: text(f"access_token={ACCESS_TOKEN}"))
    with pytest.raises(ProviderMisbehaved, match="token:not_json"):
        sign_in(stranger, platform)
