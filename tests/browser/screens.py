"""Browser windows at the service, and the ways to its pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response

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
    documents: dict[Page, Response] = field(default_factory=dict)

    def open(self, *, viewport: dict[str, int] = PHONE, **options: Any) -> Page:
        """A window of a fresh browser profile; addresses are relative to the service."""
        options = {"locale": "zh-CN"} | options
        context = self.browser.new_context(base_url=self.url, viewport=viewport, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", self._note)
        page.on("response", lambda response: self._keep(page, response))
        page.on("pageerror", lambda error: self.violations.append(str(error)))
        return page

    def sign_in(self, number: str, path: str = CLEARANCE, **options: Any) -> Page:
        """A window in which this person has signed in and opened a page."""
        page = self.open(**options)
        self.answer_sign_in(page, number, path)
        return page

    def answer_sign_in(self, page: Page, number: str, path: str, *, has_agreed: bool = True) -> None:
        """Open a page that needs a sign-in, answer the campus, and agree to what is asked of whom."""
        page.goto(path)
        page.fill("[name=username]", number)
        page.fill("[type=password]", PASSWORD)
        page.click("form:has([type=password]) button.primary")
        page.wait_for_url(f"{self.url}/**")
        consent = page.locator("[data-consent]")
        if has_agreed and consent.count():
            consent.click()

    def get_source(self, page: Page) -> str:
        """The HTML of a page as it came, before any script."""
        return self.documents[page].text()

    def close(self) -> None:
        """Close every window."""
        for context in self.contexts:
            context.close()
        self.contexts.clear()
        self.documents.clear()

    def _keep(self, page: Page, response: Response) -> None:
        if response.request.is_navigation_request() and response.status not in (302, 303):
            self.documents[page] = response

    def _note(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.violations.append(message.text)


def submit(page: Page) -> str:
    """From the query page through the check page to the slip; the slip's number."""
    page.goto(SUBMISSION)
    page.click(".bar button.main")
    page.wait_for_url("**/slips/*")
    return page.url.rpartition("/")[2]
