"""Browser windows at the service, and the ways to its pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.campus.credentials import PASSWORD

APP = "/graduate-departure"
CLEARANCE = f"{APP}/clearance"
SUBMISSION = f"{APP}/submission"
CANCEL_CARD = f"{CLEARANCE}/library_loans/cancel-card"
PHONE = {"width": 360, "height": 740}
PC = {"width": 1280, "height": 800}


@dataclass
class Screens:
    """Opens windows. `violations` collects what broke the content security policy, and script errors."""

    browser: Browser
    url: str
    violations: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, *, viewport: dict[str, int] = PHONE, **options: Any) -> Page:
        """A window of a fresh browser profile; addresses are relative to the service."""
        options = {"locale": "zh-CN"} | options
        context = self.browser.new_context(base_url=self.url, viewport=viewport, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.violations.append(str(error)))
        return page

    def sign_in(self, number: str, path: str = CLEARANCE, **options: Any) -> Page:
        """A window in which this person has signed in and opened a page."""
        page = self.open(**options)
        page.goto(path)
        page.fill("[name=username]", number)
        page.fill("[type=password]", PASSWORD)
        page.click("form:has([type=password]) button.primary")
        page.wait_for_url(f"{self.url}/**")
        consent = page.locator("[data-consent]")
        if consent.count():
            consent.click()
        return page

    def close(self) -> None:
        """Close every window."""
        for context in self.contexts:
            context.close()
        self.contexts.clear()

    def _note(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.violations.append(message.text)


def submit(page: Page) -> str:
    """From the query page through the check page to the slip; the slip's number."""
    page.goto(SUBMISSION)
    page.click(".bar button.main")
    page.wait_for_url("**/slips/*")
    return page.url.rpartition("/")[2]
