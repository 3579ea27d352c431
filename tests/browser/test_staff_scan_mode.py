"""Scan mode in a browser, where it is not a clean done: no network, no session, a number mistyped; and its undo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.screens import PC, Screens
from tests.browser.staff_places import search
from tests.conftest import Service
from tests.fixtures.counter_service import CLERK, DESK

SCAN = f"{DESK}?mode=scan"


@pytest.fixture
def screens(browser: Browser, counter_service: Service) -> Iterator[Screens]:
    """Windows at the service whose archive is a desk; whatever its policy forbids fails the test."""
    opened = Screens(browser, counter_service.url)
    yield opened
    opened.close()
    assert not opened.violations


@pytest.fixture
def page(screens: Screens, fresh_student: str) -> Page:
    """A clerk in scan mode, and a student who signed in."""
    screens.sign_in(fresh_student).context.close()
    opened = screens.sign_in(CLERK, SCAN, viewport=PC)
    opened.evaluate("window.isSamePage = true")
    return opened


def type_in(page: Page, text: str) -> None:
    """As a hand scanner does."""
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_without_a_network_the_page_and_the_text_stay_and_a_red_line_says_so(
    page: Page, fresh_student: str
) -> None:
    page.context.set_offline(True)
    type_in(page, fresh_student)
    expect(page.locator("[data-error=NoNetwork]")).to_contain_text("没有网络：没有记录")
    expect(page.locator("#q")).to_have_value(fresh_student)
    assert page.evaluate("window.isSamePage")

    page.context.set_offline(False)
    type_in(page, fresh_student)  # stands selected, and counts though it was scanned just now
    expect(page.locator(".told-line")).to_contain_text("已办结")
    expect(page.locator("[data-error=NoNetwork]")).to_have_count(0)
    expect(page.locator("#q")).to_have_value("")
    assert page.evaluate("window.isSamePage")


def test_after_the_session_ended_the_page_and_the_text_stay_and_nothing_is_asked_elsewhere(
    page: Page, counter_service: Service, fresh_student: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.context.clear_cookies()
    type_in(page, fresh_student)
    expect(page.locator("[data-error=SignInNeeded]")).to_contain_text("登录已失效")
    expect(page.locator("#q")).to_have_value(fresh_student)
    assert page.evaluate("window.isSamePage")
    assert all(url.startswith(counter_service.url) for url in asked), "the campus was asked"


def test_an_answer_that_is_no_counter_is_told_and_the_text_stays(page: Page, fresh_student: str) -> None:
    page.route(f"**{DESK}?mode=scan", lambda route: route.fulfill(status=503, body="<h1>503</h1>"))
    type_in(page, fresh_student)
    expect(page.locator("[data-error=NotConfirmed]")).to_be_visible()
    expect(page.locator("#q")).to_have_value(fresh_student)
    assert page.evaluate("window.isSamePage")


def test_taking_back_in_scan_mode_stays_in_scan_mode(page: Page, fresh_student: str) -> None:
    type_in(page, fresh_student)
    expect(page.locator(".told-line")).to_contain_text("已办结")
    with page.expect_navigation(url=f"**{SCAN}"):
        page.click(".told-line button")
    expect(page.locator(".told-line")).to_contain_text("已撤销")
    expect(page.locator("#scan-form")).to_be_visible()


@pytest.mark.parametrize("query", ["", "?mode=scan"])
def test_a_scan_after_a_failed_search_replaces_what_was_typed(
    screens: Screens, page: Page, fresh_student: str, query: str
) -> None:
    wrong = f"{fresh_student[:-1]}X"
    if query:
        type_in(page, wrong)
        expect(page.locator("[data-error=NothingFound]")).to_be_visible()
    else:
        page = search(page, wrong)
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#q")).to_have_value(wrong)
    page.keyboard.type(fresh_student)
    expect(page.locator("#q")).to_have_value(fresh_student)
