"""The Back button after signing out, on a machine that others use next."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.screens import CLEARANCE, Screens

pytestmark = pytest.mark.xdist_group("browser")


@pytest.mark.parametrize("javascript", [True, False])
def test_back_after_signing_out_shows_nothing_personal(screens: Screens, javascript: bool) -> None:
    page = screens.sign_in("TS23000002", f"{CLEARANCE}?wait=1", java_script_enabled=javascript)
    expect(page.locator("main")).to_contain_text("李文静")
    page.get_by_role("button", name="退出").click()
    page.wait_for_url(lambda address: "clearance" not in address)
    page.go_back()
    expect(page.locator("body")).not_to_contain_text("李文静")
    expect(page.locator("[type=password]")).to_be_visible()
