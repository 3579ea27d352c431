"""A clerk whose session ends while a form is filled in: nothing was recorded, the page says so, and no key decides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.screens import Screens
from tests.browser.staff_places import mark_not_done, open_item
from tests.conftest import Service
from tests.fixtures.counter_service import DESK, HEAD

LOST = "[data-error=FormLost]"
NOTE = "装订有误，下周再来"
TOO_SOON_MS = 500


@pytest.fixture
def screens(browser: Browser, counter_service: Service) -> Iterator[Screens]:
    """Windows at the service whose archive is a desk."""
    opened = Screens(browser, counter_service.url)
    yield opened
    opened.close()
    assert not opened.violations


def end_session(page: Page) -> None:
    """Leave the browser a session's cookie of which the service knows nothing any more."""
    (cookie,) = [one for one in page.context.cookies() if one["name"] == "lixiao_session"]
    page.context.add_cookies([{**cookie, "value": "A" * 43}])  # type: ignore[typeddict-item]


def come_back(page: Page) -> None:
    """Through the campus, which knows the browser still."""
    page.wait_for_selector(LOST)


def lose_note(page: Page) -> None:
    """Fill in why it is not done, and send it too late."""
    page.click("#not-done summary")
    page.locator("#not-done [type=radio]").first.check()
    page.fill("#note", NOTE)
    end_session(page)
    page.click("#not-done button")


def get_status(page: Page) -> str | None:
    """The status of the item that is shown."""
    return page.locator("[data-item=archive]").get_attribute("data-status")


def test_a_lost_form_is_told_with_its_text_and_enter_records_nothing(
    screens: Screens, fresh_student: str
) -> None:
    page = open_item(screens, fresh_student)
    address = page.url
    reason = page.locator("#not-done .choice").first.text_content() or ""
    lose_note(page)
    come_back(page)
    assert page.url == address
    expect(page.locator(LOST)).to_be_focused()
    assert NOTE in page.locator(LOST).locator("textarea").evaluate_all("all => all.map(e => e.value)")
    assert reason.strip() in page.locator(LOST).locator("textarea").first.input_value()
    page.wait_for_timeout(TOO_SOON_MS)
    page.keyboard.press("Enter")
    page.goto(address)
    assert get_status(page) != "cleared"
    expect(page.locator(LOST)).to_have_count(0)


def test_without_the_notice_the_same_enter_would_record_the_opposite(
    screens: Screens, fresh_student: str
) -> None:
    """The control: the same page without it, where the main action has the focus."""
    page = open_item(screens, fresh_student)
    page.wait_for_timeout(TOO_SOON_MS)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{DESK}")
    expect(page.locator(".told-line")).to_contain_text("已办结")


def test_what_was_typed_is_shown_on_its_own_page_alone(screens: Screens, fresh_student: str) -> None:
    page = open_item(screens, fresh_student)
    page.route("**/oidc/**", lambda route: route.abort())
    lose_note(page)
    page.wait_for_timeout(TOO_SOON_MS)
    page.unroute_all()
    page.goto(f"/sign-in?next={DESK}&lost=1")
    come_back(page)
    assert page.url.endswith(DESK)
    assert NOTE not in page.content()


def test_a_reversal_that_is_lost_is_told_too(screens: Screens, fresh_student: str) -> None:
    mark_not_done(open_item(screens, fresh_student)).context.close()
    page = open_item(screens, fresh_student, HEAD)
    page.click("#reverse summary")
    page.fill("#reverse-reason", NOTE)
    end_session(page)
    page.click("#reverse button")
    come_back(page)
    expect(page.locator(LOST)).to_be_focused()
    expect(page.locator(LOST).locator("textarea")).to_have_value(NOTE)


def test_a_grant_that_is_lost_is_told_too(screens: Screens) -> None:
    page = screens.sign_in(HEAD, "/staff/grants")
    form = page.locator("main form").first
    end_session(page)
    form.evaluate("form => form.submit()")
    come_back(page)
    expect(page.locator(LOST)).to_be_focused()
