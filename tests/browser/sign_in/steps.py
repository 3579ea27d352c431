"""Steps at the campus's sign-in page."""

from __future__ import annotations

from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.campus.credentials import PASSWORD

NUMBER = "TS23000002"


def leave(page: Page, path: str = "/completed", name: str = "cas") -> None:
    """Go to the campus's sign-in page."""
    page.goto(f"/sign-in/{name}?next={quote(path)}")
    expect(page.locator("[type=password]")).to_be_visible()


def answer(page: Page, number: str = NUMBER) -> None:
    """Answer it."""
    page.fill("[name=username]", number)
    page.fill("[type=password]", PASSWORD)
    page.click("form:has([type=password]) button.primary")


def answer_by_hand(page: Page) -> str:
    """Answer it without going on; the address that leads back."""
    found = page.context.request.post(
        page.url, form={"username": NUMBER, "password": PASSWORD}, max_redirects=0
    )
    return found.headers["location"]


def expect_signed_in(page: Page) -> None:
    expect(page.get_by_role("button", name="退出")).to_be_visible()
