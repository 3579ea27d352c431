"""The pretend campus' sign-in server, over real HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.campus.client import CampusClient, running_campus
from tests.campus.credentials import DEMO

CALLBACK = "http://127.0.0.1:8000/sign-in/campus/callback"


@pytest.fixture(scope="module")
def campus() -> Iterator[CampusClient]:
    with running_campus() as campus:
        yield campus


@dataclass(frozen=True)
class SignIn:
    """One sign-in as a relying party starts it."""

    campus: CampusClient
    verifier: str
    nonce: str

    def address(self, **changes: str | None) -> str:
        """Return the authorization address; a parameter changed to None is left out."""
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": DEMO.client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid profile",
            "state": "the-state",
            "nonce": self.nonce,
            "code_challenge": create_s256_code_challenge(self.verifier),
            "code_challenge_method": "S256",
            **changes,
        }
        given = {name: value for name, value in parameters.items() if value is not None}
        return f"{self.campus.issuer}/authorize?{urlencode(given)}"

    def code(self, number: str = "TS23000009") -> str:
        return query_of(self.campus.sign_in(self.address(), number))["code"]

    def exchange(self, code: str, **changes: str) -> requests.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
            "client_id": DEMO.client_id,
            "client_secret": DEMO.client_secret,
        }
        return requests.post(f"{self.campus.issuer}/token", form | changes, timeout=30)


@pytest.fixture
def sign_in(campus: CampusClient) -> SignIn:
    return SignIn(campus, secrets.token_urlsafe(48), secrets.token_urlsafe(16))


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def get(address: str, **options: Any) -> requests.Response:
    return requests.get(address, timeout=30, allow_redirects=False, **options)


def test_discovery_names_the_issuer_and_what_it_can_do(campus: CampusClient) -> None:
    found = get(f"{campus.issuer}/.well-known/openid-configuration").json()
    assert found["issuer"] == campus.issuer
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True
    assert all(
        found[name].startswith(campus.issuer) for name in found if name.endswith(("_endpoint", "_uri"))
    )


def test_the_callback_carries_code_state_and_issuer(campus: CampusClient, sign_in: SignIn) -> None:
    callback = campus.sign_in(sign_in.address(), "TS23000002")
    assert callback.startswith(CALLBACK)
    assert query_of(callback) | {"code": ""} == {"code": "", "state": "the-state", "iss": campus.issuer}


def test_a_sign_in_yields_a_signed_id_token_and_userinfo_about_the_same_person(
    campus: CampusClient, sign_in: SignIn
) -> None:
    token = sign_in.exchange(sign_in.code()).json()
    keys = KeySet.import_key_set(get(f"{campus.issuer}/jwks").json())
    read = jwt.decode(token["id_token"], keys, algorithms=["RS256"])
    claims = read.claims
    assert read.header["kid"]
    assert claims["iss"] == campus.issuer
    assert claims["aud"] == DEMO.client_id
    assert claims["nonce"] == sign_in.nonce
    assert claims["at_hash"]
    assert claims["exp"] > claims["iat"]
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    userinfo = get(f"{campus.issuer}/userinfo", headers=bearer).json()
    assert userinfo.items() <= claims.items()
    assert (userinfo["number"], userinfo["name"], userinfo["level"]) == ("TS23000009", "欧阳䶮𠮷𬭎", "硕士")
    assert userinfo["graduation_period"] == "2026-06"
    assert userinfo["sub"] != userinfo["number"]


def test_the_clients_secret_may_come_by_basic_authentication(sign_in: SignIn, campus: CampusClient) -> None:
    form = {"grant_type": "authorization_code", "code": sign_in.code(), "redirect_uri": CALLBACK}
    answer = requests.post(
        f"{campus.issuer}/token",
        form | {"code_verifier": sign_in.verifier},
        auth=(DEMO.client_id, DEMO.client_secret),
        timeout=30,
    )
    assert answer.ok
    assert answer.json()["id_token"]


@pytest.mark.parametrize(
    ("number", "role"), [("00420013", "teacher"), ("00420014", "clerk"), ("00420016", "guard")]
)
def test_staff_sign_in_with_their_leading_zeros(
    sign_in: SignIn, campus: CampusClient, number: str, role: str
) -> None:
    token = sign_in.exchange(sign_in.code(number)).json()["access_token"]
    userinfo = get(f"{campus.issuer}/userinfo", headers={"Authorization": f"Bearer {token}"}).json()
    assert (userinfo["number"], userinfo["role"]) == (number, role)


@pytest.mark.parametrize(
    "change",
    [
        {"code_challenge": None},
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"nonce": None},
    ],
)
def test_a_request_without_pkce_or_nonce_is_sent_back_with_an_error(
    campus: CampusClient, sign_in: SignIn, change: dict[str, None]
) -> None:
    refused = query_of(get(sign_in.address(**change)).headers["Location"])
    assert refused["error"] == "invalid_request"
    assert "code" not in refused
    assert (refused["state"], refused["iss"]) == ("the-state", campus.issuer)


@pytest.mark.parametrize("verifier", ["x" * 43, ""])
def test_a_code_is_worth_nothing_without_its_verifier(sign_in: SignIn, verifier: str) -> None:
    assert sign_in.exchange(sign_in.code(), code_verifier=verifier).status_code == 400
    assert sign_in.exchange(sign_in.code()).ok


def test_a_code_is_good_once_and_only_with_the_right_secret_and_address(sign_in: SignIn) -> None:
    code = sign_in.code()
    assert [sign_in.exchange(code).status_code for _ in range(2)] == [200, 400]
    assert sign_in.exchange(sign_in.code(), client_secret="wrong").status_code == 401
    assert sign_in.exchange(sign_in.code(), redirect_uri=CALLBACK + "x").status_code == 400


@pytest.mark.parametrize(
    "redirect_uri", ["http://127.0.0.1:8000/other", "https://example.com/sign-in/a/callback"]
)
def test_a_foreign_callback_is_never_redirected_to(sign_in: SignIn, redirect_uri: str) -> None:
    refused = get(sign_in.address(redirect_uri=redirect_uri))
    assert refused.status_code == 400
    assert "Location" not in refused.headers


def test_a_wrong_password_is_told_and_gives_no_code(sign_in: SignIn) -> None:
    form = {"username": "TS23000002", "password": "wrong"}
    refused = requests.post(sign_in.address(), form, timeout=30, allow_redirects=False)
    assert refused.status_code == 401
    assert "账号或密码不正确" in refused.text


def test_cancelling_returns_access_denied(sign_in: SignIn) -> None:
    back = requests.post(sign_in.address(), {"cancel": "1"}, timeout=30, allow_redirects=False)
    refused = query_of(back.headers["Location"])
    assert (refused["error"], refused["state"]) == ("access_denied", "the-state")


def test_the_page_offers_every_account_as_one_tap(sign_in: SignIn) -> None:
    page = get(sign_in.address()).text
    assert page.count('<button name="username"') == 16
    assert 'value="00420016"' in page


def test_a_signed_in_browser_is_not_asked_again_until_it_signs_out(
    campus: CampusClient, sign_in: SignIn
) -> None:
    browser = requests.Session()
    browser.post(sign_in.address(), {"username": "TS23000002", "password": "demo"}, allow_redirects=False)

    def ask(prompt: str | None = None) -> requests.Response:
        return browser.get(sign_in.address(prompt=prompt), allow_redirects=False)

    assert ask().status_code == 302
    assert ask("none").status_code == 302
    assert ask("login").status_code == 200
    left = browser.get(
        f"{campus.issuer}/sign-out",
        params={
            "client_id": DEMO.client_id,
            "post_logout_redirect_uri": "http://127.0.0.1:8000/",
            "state": "s",
        },
        allow_redirects=False,
    )
    assert left.headers["Location"] == "http://127.0.0.1:8000/?state=s"
    assert ask().status_code == 200
    assert query_of(ask("none").headers["Location"])["error"] == "login_required"


def test_signing_out_sends_nobody_to_a_foreign_address(campus: CampusClient) -> None:
    query = urlencode({"client_id": DEMO.client_id, "post_logout_redirect_uri": "https://example.com/"})
    assert get(f"{campus.issuer}/sign-out?{query}").status_code == 200


def test_userinfo_wants_a_token_that_was_issued(campus: CampusClient) -> None:
    assert get(f"{campus.issuer}/userinfo").status_code == 401
    assert get(f"{campus.issuer}/userinfo", headers={"Authorization": "Bearer made-up"}).status_code == 401
