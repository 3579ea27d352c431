"""A form whose session has ended, in a real browser: its rules for redirects after a form are its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.conftest import Service
from tests.visitor import APP

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
SUBMISSION = f"{APP}/submission"


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a browser of its own."""
    if CHROMIUM is None and os.environ.get("CI") != "true":
        pytest.skip("chromium is not installed: lost forms were not tried in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser.new_page()
        finally:
            browser.close()


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
