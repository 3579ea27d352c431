"""Signing in with the campus on another site: what the cookie's rules let through, and every odd way back."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import requests
from playwright.sync_api import expect

from tests.browser.screens import CLEARANCE, Screens
from tests.browser.sign_in.steps import NUMBER, answer, answer_by_hand, expect_signed_in, leave
from tests.campus.client import CampusClient
from tests.campus.credentials import PASSWORD

COOKIE = "lixiao_session"
ABANDONED = 60
DENIED = 30


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
    assert (cookie["sameSite"], cookie["httpOnly"], cookie["path"]) == ("Lax", True, "/")
    page.context.clear_cookies(name=cookie["name"])
    page.context.add_cookies([{**cookie, "sameSite": "Strict"}])  # type: ignore[list-item]
    answer(page)
    expect(page.locator("[data-sign-in=unknown_state]")).to_be_visible()


def test_a_browser_that_lost_its_cookies_needs_one_tap(screens: Screens) -> None:
    page = screens.open()
    leave(page)
    page.context.clear_cookies()
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


def test_tabs_that_open_at_the_same_moment_lock_nobody_out(screens: Screens) -> None:
    page = screens.open()
    page.goto("/verify")
    with page.context.expect_page():
        page.evaluate(
            "() => { for (let i = 0; i < 12; i++) window.open(`/sign-in/cas?next=/completed%3F${i}`) }"
        )
    page.wait_for_timeout(1000)
    names = [cookie["name"] for cookie in page.context.cookies(screens.url)]
    assert 1 <= sum(name.startswith("lixiao_sign_in_") for name in names) <= 5
    leave(page)
    answer(page)
    page.wait_for_url("**/completed")
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
    page.get_by_role("button", name="我是李**").click()
    page.goto("/completed")
    expect_signed_in(page)
