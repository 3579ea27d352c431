"""A form whose session has ended, in a real browser: its rules for redirects after a form are its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import Service
from tests.visitor import APP

SUBMISSION = f"{APP}/submission"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser profile of its own."""
    context = browser.new_context(locale="zh-CN")
    yield context.new_page()
    context.close()


def sign_in(page: Page, number: str) -> None:
    page.get_by_role("textbox", name="学号或工号").fill(number)
    page.get_by_role("textbox", name="密码").fill("demo")
    page.get_by_role("textbox", name="密码").press("Enter")


def test_a_lost_form_leads_through_one_sign_in_back_to_its_page_and_is_not_sent(
    service: Service, page: Page, fresh_student: str
) -> None:
    page.goto(service.url + SUBMISSION)
    sign_in(page, fresh_student)
    page.wait_for_url(service.url + SUBMISSION)
    page.context.clear_cookies()
    page.locator("main form").evaluate("form => form.submit()")
    page.wait_for_url("**/oidc/authorize**")
    sign_in(page, fresh_student)
    page.wait_for_url(service.url + SUBMISSION)
    assert page.get_by_text("刚才的操作没有送出").is_visible()
    page.goto(f"{service.url}/completed")
    assert page.locator("a[href^='/slips/']").count() == 0
