"""Reading and agreeing to the privacy notice on a phone, without a script."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looking import find_faults, find_overflow, find_small_targets
from tests.browser.screens import CLEARANCE, SUBMISSION, Screens, submit
from tests.campus.client import PROJECT, CampusClient
from tests.campus.credentials import PASSWORD
from tests.conftest import Service
from tests.running import running_service


@pytest.fixture(scope="module")
def asking(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that asks for consent, as it does by default."""
    folder = tmp_path_factory.mktemp("consent")
    with running_service(campus, folder, configs=[PROJECT / "config" / "demo_consent.toml"]) as running:
        yield running


@pytest.fixture
def screens(browser: Browser, asking: Service) -> Iterator[Screens]:
    """Windows at the service that asks."""
    asking.campus.reset()
    opened = Screens(browser, asking.url)
    yield opened
    opened.close()
    assert not opened.violations


def arrive(screens: Screens, number: str, path: str, **options: object) -> Page:
    """At the notice, signed in, on the way to a page."""
    page = screens.open(**options)  # type: ignore[arg-type]
    page.goto(path)
    page.fill("[name=username]", number)
    page.fill("[type=password]", PASSWORD)
    page.click("form:has([type=password]) button.primary")
    expect(page.locator("h1")).to_have_text("隐私说明")
    return page


@pytest.mark.parametrize("javascript", [True, False])
def test_a_student_reads_agrees_and_goes_on_to_the_page_that_was_wanted(
    screens: Screens, asking: Service, fresh_student: str, javascript: bool
) -> None:
    page = arrive(screens, fresh_student, SUBMISSION, java_script_enabled=javascript)
    assert asking.campus.calls(student=fresh_student) == []
    page.get_by_role("button", name="同意并继续").click()
    page.wait_for_url(f"**{SUBMISSION}")
    assert submit(page).startswith("LX")
    page.get_by_role("link", name="隐私说明").click()
    expect(page.locator("main")).to_contain_text("您已于")
    page.get_by_role("button", name="撤回同意").click()
    expect(page.get_by_role("button", name="同意并继续")).to_be_visible()
    page.goto(CLEARANCE)
    expect(page.locator("h1")).to_have_text("隐私说明")
    page.get_by_role("link", name="不同意").click()
    expect(page.locator("h1")).to_have_text("研究生离校服务")


def test_the_notice_that_asks_keeps_the_rules_of_every_page(screens: Screens, fresh_student: str) -> None:
    page = arrive(screens, fresh_student, CLEARANCE)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert find_faults(page) == [], scheme
    assert find_small_targets(page) == []
    for width in (320, 360, 768, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        assert find_overflow(page) == 0, width
