"""Signing out through the campus, which the policy for forms must let happen; and what the log tells of it all."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser, Request, Route, expect

from tests.browser.screens import Screens
from tests.browser.sign_in.steps import NUMBER, answer, expect_signed_in, leave
from tests.conftest import Service


@pytest.mark.parametrize("name", ["cas", "campus"])
def test_signing_out_goes_on_to_the_campus_and_comes_back(name: str, screens: Screens) -> None:
    page = screens.open()
    leave(page, name=name)
    answer(page)
    expect_signed_in(page)
    seen: list[str] = []
    page.on("request", lambda request: seen.append(urlsplit(request.url).path))
    page.get_by_role("button", name="退出").click()
    page.wait_for_url(f"{screens.url}/graduate-departure/")
    assert {"/cas/logout", "/oidc/sign-out"} & set(seen)
    leave(page, name=name)


def test_going_back_after_signing_out_shows_nothing_personal(screens: Screens) -> None:
    page = screens.open()
    leave(page, "/graduate-departure/clearance", name="campus")
    answer(page)
    expect(page.get_by_text(NUMBER)).to_be_visible()
    page.get_by_role("button", name="退出").click()
    page.wait_for_url(f"{screens.url}/graduate-departure/")
    seen = []
    while len(seen) < 5 and page.url.startswith(screens.url):
        seen.append(urlsplit(page.url).path)
        expect(page.get_by_text(NUMBER)).to_have_count(0)
        page.go_back()
    assert len(seen) > 1, "nothing was gone back to"


def test_a_redirect_from_the_form_would_have_been_stopped_by_the_policy(
    browser: Browser, signing: Service
) -> None:
    screens = Screens(browser, signing.url)
    page = screens.open()
    leave(page)
    answer(page)
    expect_signed_in(page)
    page.route("**/sign-out", ask_for_anything)
    page.get_by_role("button", name="退出").click()
    page.wait_for_timeout(1500)
    assert any("form-action" in violation for violation in screens.violations)
    assert urlsplit(page.url).path == "/completed"
    screens.close()


def ask_for_anything(route: Route) -> None:
    """Let a form ask as a program does, which is answered by a redirect."""
    route.continue_(headers={**route.request.headers, "accept": "*/*"})


def test_no_state_code_ticket_or_cookie_is_in_the_log(screens: Screens, signing: Service) -> None:
    secrets: set[str] = set()

    def note(request: Request) -> None:
        query = dict(parse_qsl(urlsplit(request.url).query))
        secrets.update(value for key, value in query.items() if key in ("state", "code", "ticket", "nonce"))

    for name in ("cas", "campus"):
        page = screens.open()
        page.on("request", note)
        leave(page, name=name)
        answer(page)
        expect_signed_in(page)
        secrets.update(cookie["value"] for cookie in page.context.cookies())  # type: ignore[misc]
    log = signing.log.read_text(encoding="utf-8")
    assert "signed_in" in log
    assert len(secrets) > 5
    assert not [secret for secret in secrets if secret in log]
    assert NUMBER not in log
