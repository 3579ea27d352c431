"""Signing in and out in a browser, with the campus's CAS on another site: what cookies and policies let through."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
import requests
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.browser.screens import CLEARANCE, Screens
from tests.campus.client import CampusClient
from tests.campus.credentials import PASSWORD
from tests.conftest import Service
from tests.integration.auth.test_cas_pages import configure
from tests.running import running_service

pytestmark = pytest.mark.xdist_group("browser")

NUMBER = "TS23000002"
COOKIE = "lixiao_session"
ABANDONED = 60
DENIED = 30


@pytest.fixture(scope="module")
def signing(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service at 127.0.0.1 with CAS at localhost, and the OpenID provider beside it."""
    changes = configure(campus, ENTRY="ticket", END_CAMPUS_SESSION="true")
    changes["LIXIAO_SIGN_IN__CAS__URL"] = campus.cas.replace("127.0.0.1", "localhost")
    changes["LIXIAO_SIGN_IN__CAMPUS__END_CAMPUS_SESSION"] = "true"
    changes["LIXIAO_SERVICE__LOG_LEVEL"] = "DEBUG"
    with running_service(campus, tmp_path_factory.mktemp("signing"), changes) as running:
        yield running


@pytest.fixture
def screens(browser: Browser, signing: Service) -> Iterator[Screens]:
    """Windows at that service; none may break the security policy."""
    opened = Screens(browser, signing.url)
    yield opened
    opened.close()
    assert not opened.violations


def leave(page: Page, path: str = "/completed", name: str = "cas") -> None:
    """Go to the campus's sign-in page."""
    page.goto(f"/sign-in/{name}?next={quote(path)}")
    expect(page.locator("[type=password]")).to_be_visible()


def answer(page: Page, number: str = NUMBER) -> None:
    """Answer it."""
    page.fill("[name=username]", number)
    page.fill("[type=password]", PASSWORD)
    page.click("form:has([type=password]) button.primary")


def expect_signed_in(page: Page) -> None:
    expect(page.get_by_role("button", name="退出")).to_be_visible()


def answer_by_hand(page: Page) -> str:
    """Answer it without going on; the address that leads back."""
    found = page.context.request.post(
        page.url, form={"username": NUMBER, "password": PASSWORD}, max_redirects=0
    )
    return found.headers["location"]


def test_the_session_comes_back_from_another_site(screens: Screens) -> None:
    page = screens.open()
    leave(page)
    assert urlsplit(page.url).hostname == "localhost"
    answer(page)
    page.wait_for_url("**/completed")
    expect_signed_in(page)
    (cookie,) = [one for one in page.context.cookies(screens.url) if one["name"] == COOKIE]
    assert (cookie["sameSite"], cookie["httpOnly"], cookie["path"]) == ("Lax", True, "/")
    assert (cookie["domain"], cookie["expires"]) == ("127.0.0.1", -1)


def test_a_stricter_cookie_would_not_have_come_back(screens: Screens) -> None:
    page = screens.open()
    leave(page)
    (cookie,) = page.context.cookies(screens.url)
    page.context.clear_cookies(name=COOKIE)
    page.context.add_cookies([{**cookie, "sameSite": "Strict"}])  # type: ignore[list-item]
    answer(page)
    expect(page.locator("[data-sign-in=unknown_state]")).to_be_visible()


def test_a_browser_that_lost_its_cookies_needs_one_tap(screens: Screens) -> None:
    page = screens.open()
    leave(page)
    page.context.clear_cookies(name=COOKIE)
    answer(page)
    page.get_by_role("link", name="重新登录").click()
    page.wait_for_url("**/graduate-departure/")
    page.goto("/completed")
    expect_signed_in(page)


def test_two_tabs_sign_in_side_by_side(screens: Screens) -> None:
    first = screens.open()
    second = first.context.new_page()
    leave(first, "/completed")
    leave(second, CLEARANCE)
    answer(second)
    second.wait_for_url(f"**{CLEARANCE}")
    answer(first)
    first.wait_for_url("**/completed")
    for page in (first, second):
        page.reload()
        expect_signed_in(page)


def test_reload_and_back_after_signing_in_keep_the_session(screens: Screens) -> None:
    page = screens.open()
    page.goto("/verify")
    leave(page)
    answer(page)
    page.wait_for_url("**/completed")
    page.reload()
    expect_signed_in(page)
    page.go_back()
    page.go_forward()
    page.goto("/completed")
    expect_signed_in(page)


def test_a_callback_that_is_opened_again_leads_home(screens: Screens) -> None:
    page = screens.open()
    leave(page)
    callback = answer_by_hand(page)
    page.goto(callback)
    expect_signed_in(page)
    page.goto(callback)
    expect(page).not_to_have_url(callback)
    expect(page.locator("h1")).not_to_have_text("登录没有完成")


def test_sixty_abandoned_sign_ins_lock_nobody_out(screens: Screens) -> None:
    page = screens.open()
    for _ in range(ABANDONED):
        page.goto("/sign-in/cas", wait_until="commit")
    leave(page)
    answer(page)
    page.wait_for_url("**/completed")
    expect_signed_in(page)


def test_thirty_denied_sign_ins_lock_nobody_out(screens: Screens) -> None:
    page = screens.open()
    for _ in range(DENIED):
        leave(page, name="campus")
        page.get_by_role("button", name="取消").click()
        expect(page.locator("[data-sign-in=denied]")).to_be_visible()
    page.get_by_role("link", name="重新登录").click()
    answer(page)
    expect_signed_in(page)


def test_a_callback_opened_in_another_browser_is_friendly_and_harms_nobody(screens: Screens) -> None:
    page, other = screens.open(), screens.open()
    leave(page)
    callback = answer_by_hand(page)
    other.goto(callback)
    expect(other.locator("main")).to_contain_text("不是在这个浏览器里开始的")
    other.get_by_role("link", name="重新登录").click()
    answer(other, "TS23000004")
    other.wait_for_url("**/graduate-departure/")
    other.goto("/completed")
    expect_signed_in(other)
    page.goto(callback)
    expect_signed_in(page)


def test_a_student_opened_from_the_campus_app_confirms_with_one_tap(
    screens: Screens, campus: CampusClient
) -> None:
    page = screens.open()
    service = quote(f"{screens.url}/sign-in/cas/entry", safe="")
    found = requests.post(
        f"{campus.cas}/login?service={service}",
        data={"username": NUMBER, "password": PASSWORD},
        allow_redirects=False,
        timeout=30,
    )
    page.goto(found.headers["Location"])
    expect(page.locator("h1")).to_have_text("请确认身份")
    page.get_by_role("button", name="我是 李**").click()
    page.goto("/completed")
    expect_signed_in(page)


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
