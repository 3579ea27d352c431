"""The pretend campus' sign-in page, staying signed in, and signing out."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
import requests

from tests.campus.accounts import DEMO_ACCOUNTS
from tests.campus.client import CampusClient
from tests.campus.credentials import DEMO
from tests.integration.campus.relying_party import SignIn, get, query_of


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
    assert page.count('<button name="username"') == len(DEMO_ACCOUNTS)
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
