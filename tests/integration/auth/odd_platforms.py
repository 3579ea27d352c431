"""Small OAuth 2.0 platforms, each with the odd habit of a real kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from app.domain.person import NumberForm, Person
from app.identity.oauth2 import OAuth2Provider
from app.identity.registry import build_providers
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
    "a long identifier and half a character in what is not asked for": Platform(
        user=lambda: text(json.dumps({**USER, "id": 1234567890123456789, "note": "\ud840"}))
    ),
    "no PKCE": Platform(
        {"pkce": False}, accepts_client=lambda asked: "code_verifier" not in asked.form | asked.query
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
    client = build_providers({"phone": {"kind": "oauth2", **section, **options}}, NumberForm(), faults)[
        "phone"
    ]
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
