"""Every page of somebody who is signed in says who that is and lets them leave; it says nothing to others."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest
import requests

from tests.conftest import Service
from tests.fixtures.issued_slips import issue_slip
from tests.visitor import APP, Visitor

TEACHER, GUARD, OTHER_PERIOD = "00420013", "00420016", "TS25000012"
PUBLIC = (
    "/",
    f"{APP}/",
    f"{APP}/faq",
    f"{APP}/privacy",
    "/verify",
    "/v/1",
    f"/v/{'1' * 260}",
    "/sign-in/x/y",
)
"""Pages for everybody, the last one a 404."""


def find_account(page: requests.Response) -> str:
    """The element that says who is signed in; empty where there is none."""
    found = re.search(r"<div[^>]*data-account>.*?</form>", page.text, re.DOTALL)
    return found[0] if found else ""


def require_account(page: requests.Response, number: str) -> str:
    """Assert that the page names this account and can be left; its sign-out token."""
    account = find_account(page)
    assert f"尾号 {number[-4:]}" in account, page.url
    assert '<form method="post" action="/sign-out">' in account
    assert "退出" in account
    assert "private" in page.headers["Cache-Control"]
    assert "no-store" in page.headers["Cache-Control"]
    token = re.search(r'name="csrf_token" value="([^"]+)"', account)
    assert token
    return token[1]


def leave(visitor: Visitor, token: str) -> None:
    """Press the button of the page, and see that nobody is signed in here any more."""
    answer = visitor.http.post(f"{visitor.url}/sign-out", data={"csrf_token": token}, timeout=30)
    assert answer.status_code == 200
    assert visitor.get("/gate/session").json() == {"may_send": False}
    assert find_account(visitor.get(f"{APP}/")) == ""


@pytest.mark.parametrize("number", [TEACHER, GUARD, OTHER_PERIOD])
def test_a_wrong_account_is_named_and_can_leave(visitor: Visitor, number: str) -> None:
    refused = visitor.sign_in(number)
    assert refused.status_code == 403
    token = require_account(refused, number)
    assert "退出，换一个账号登录" in refused.text
    leave(visitor, token)


def test_every_page_for_everybody_says_who_is_signed_in(service: Service, visitor: Visitor) -> None:
    for path in PUBLIC:
        stranger = service.visit().get(path)
        assert find_account(stranger) == "", path
        assert "csrf_token" not in stranger.text, path
        assert "lixiao_session" not in stranger.headers.get("Set-Cookie", ""), path
    visitor.sign_in(TEACHER, "/completed")
    for path in PUBLIC:
        require_account(visitor.get(path), TEACHER)


def test_a_verification_names_the_holder_and_the_guard_who_looks_and_no_stranger(
    service: Service, fresh_student: str
) -> None:
    slip = issue_slip(service, fresh_student)
    for number in (fresh_student, GUARD):
        visitor = service.visit()
        visitor.sign_in(number, "/completed")
        require_account(visitor.get(slip.url), number)
        typed = visitor.http.post(f"{visitor.url}/verify", data={"code": slip.short_code}, timeout=30)
        require_account(typed, number)
    assert find_account(service.visit().get(slip.url)) == ""


@pytest.mark.parametrize(
    ("method", "path", "data", "status"),
    [
        ("GET", "/nowhere", {}, 404),
        ("GET", "/slips/LX0", {}, 404),
        ("POST", "/sign-out", {}, 400),
        ("PUT", "/completed", {}, 405),
        ("POST", f"{APP}/clearance/archive/refresh", {"csrf_token": "x"}, 400),
        ("POST", "/verify", {"code": "x"}, 422),
        ("POST", f"{APP}/consent", {"csrf_token": "x" * 70_000}, 413),
        ("GET", "/sign-in/campus/callback?error=access_denied&state=x", {}, 302),
    ],
)
def test_errors_of_a_signed_in_person_name_the_account(
    visitor: Visitor, method: str, path: str, data: dict[str, str], status: int
) -> None:
    visitor.sign_in(TEACHER, "/completed")
    answer = visitor.http.request(method, visitor.url + path, data=data, timeout=30, allow_redirects=False)
    assert answer.status_code == status
    if status >= 400:
        require_account(answer, TEACHER)


def test_a_sign_in_that_fails_names_who_was_signed_in_before(visitor: Visitor) -> None:
    visitor.sign_in(TEACHER, "/completed")
    begun = visitor.http.get(f"{visitor.url}/sign-in/campus", timeout=30, allow_redirects=False)
    state = re.search(r"state=([^&]+)", begun.headers["Location"])
    assert state
    failed = visitor.get(f"/sign-in/campus/callback?error=access_denied&state={state[1]}")
    assert 'data-sign-in="' in failed.text
    require_account(failed, TEACHER)


def test_a_page_about_a_session_that_cannot_be_read_says_nothing_of_it(
    service: Service, visitor: Visitor
) -> None:
    visitor.sign_in(TEACHER, "/completed")
    with closing(sqlite3.connect(service.data_dir / "lixiao.sqlite3")) as database:
        database.execute("ALTER TABLE browser_sessions RENAME TO hidden_sessions")
        try:
            personal, public = visitor.get("/completed"), visitor.get(f"{APP}/")
        finally:
            database.execute("ALTER TABLE hidden_sessions RENAME TO browser_sessions")
    assert personal.status_code == 503
    assert public.status_code == 200
    assert find_account(personal) == find_account(public) == ""
    require_account(visitor.get(f"{APP}/"), TEACHER)


def test_the_page_after_signing_out_names_nobody(visitor: Visitor) -> None:
    token = require_account(visitor.sign_in(TEACHER, "/completed"), TEACHER)
    left = visitor.http.post(
        f"{visitor.url}/sign-out",
        data={"csrf_token": token},
        headers={"Accept": "text/html"},
        timeout=30,
        allow_redirects=False,
    )
    assert find_account(left) == ""


def test_the_kept_page_of_the_gate_names_nobody_and_its_script_is_told(visitor: Visitor) -> None:
    assert visitor.get("/gate/session").json() == {"may_send": False}
    visitor.sign_in(GUARD, "/completed")
    page = visitor.get("/gate").text
    assert page == requests.get(f"{visitor.url}/gate", timeout=30).text
    told = visitor.get("/gate/session").json()
    assert told["account"]["last_four"] == GUARD[-4:]
    leave(visitor, told["csrf_token"])


def test_another_account_is_asked_for_though_the_campus_knows_the_browser(visitor: Visitor) -> None:
    refused = visitor.sign_in(TEACHER)
    token = require_account(refused, TEACHER)
    headers = {"Accept": "text/html"}

    leaving = visitor.http.post(
        f"{visitor.url}/sign-out", data={"csrf_token": token, "switch": "1"}, headers=headers, timeout=30
    )
    assert "请用要办理的账号登录" in leaving.text
    address = leaving.headers["Refresh"].partition("url=")[2]
    asked = visitor.http.get(f"{visitor.url}{address}", headers=headers, timeout=30)

    assert "/oidc/authorize" in asked.url
    assert 'name="password"' in asked.text


def test_whoever_comes_after_a_sign_out_is_asked_who_they_are(visitor: Visitor) -> None:
    leave(visitor, require_account(visitor.sign_in(TEACHER), TEACHER))

    asked = visitor.get("/sign-in?next=/completed")

    assert "/oidc/authorize" in asked.url
    assert 'name="password"' in asked.text
    require_account(visitor.sign_in(GUARD), GUARD)
    assert "lixiao_signed_out" not in visitor.http.cookies


def test_a_browser_that_does_not_tell_of_the_sign_out_gets_the_same_account_back(visitor: Visitor) -> None:
    """The negative control: it is the cookie that makes the campus ask."""
    leave(visitor, require_account(visitor.sign_in(TEACHER), TEACHER))
    visitor.http.cookies.set("lixiao_signed_out", None)

    require_account(visitor.get("/sign-in?next=/completed"), TEACHER)
