"""The pretend campus' sign-in server, over real HTTP: the code flow from end to end."""

from __future__ import annotations

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.campus.client import CampusClient
from tests.campus.credentials import DEMO
from tests.integration.campus.relying_party import CALLBACK, SignIn, get, query_of


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


def test_userinfo_wants_a_token_that_was_issued(campus: CampusClient) -> None:
    assert get(f"{campus.issuer}/userinfo").status_code == 401
    assert get(f"{campus.issuer}/userinfo", headers={"Authorization": "Bearer made-up"}).status_code == 401
