"""A clerk at work in a browser: by keyboard alone, with a hand scanner, by camera, and without script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserType, Page, expect

from app.services.clock import get_now
from app.services.desk.desk_code import make_address, make_code
from tests.browser.conftest import CHROMIUM, OPTIONS
from tests.browser.screens import PC, Screens
from tests.browser.staff_places import mark_done, mark_not_done, meet_conflict, open_item, search
from tests.conftest import Service
from tests.fixtures.camera import film
from tests.fixtures.counter_service import CLERK, DESK
from tests.integration.staff.counter_pages import inside

FAKE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
TOO_SOON_MS = 500
"""An Enter within this time behind the page before is not meant for this one."""


@pytest.fixture
def screens(browser: Browser, counter_service: Service) -> Iterator[Screens]:
    """Windows at the service whose archive is a desk."""
    opened = Screens(browser, counter_service.url)
    yield opened
    opened.close()
    assert not opened.violations


def make_desk_code(service: Service, student: str) -> str:
    """What the QR on a student's phone says."""
    with inside(service) as installation:
        return make_address(installation, make_code(installation, student, get_now()))


def get_status(page: Page) -> str | None:
    """The status of the item that is shown."""
    return page.locator("[data-item=archive]").get_attribute("data-status")


def test_by_keyboard_alone_a_number_is_typed_and_marked_done(screens: Screens, fresh_student: str) -> None:
    screens.sign_in(fresh_student).context.close()
    page = screens.sign_in(CLERK, DESK, viewport=PC)
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type(fresh_student)
    page.keyboard.press("Enter")
    expect(page.locator("[data-main-action]")).to_be_focused()
    page.wait_for_timeout(TOO_SOON_MS)
    page.keyboard.press("Enter")
    expect(page.locator(".told-line")).to_contain_text("已办结")
    expect(page.locator("#q")).to_be_focused()
    assert get_status(search(page, fresh_student)) == "cleared"


def test_by_keyboard_alone_a_reason_is_chosen(screens: Screens, fresh_student: str) -> None:
    page = open_item(screens, fresh_student)
    page.wait_for_timeout(TOO_SOON_MS)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator(".told-line")).to_contain_text("未办结")


def test_a_slash_goes_to_the_search(screens: Screens, fresh_student: str) -> None:
    page = open_item(screens, fresh_student)
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    assert page.input_value("#q") == ""


def test_the_next_code_that_is_scanned_on_an_item_decides_nothing_about_it(
    screens: Screens, counter_service: Service, fresh_student: str
) -> None:
    other = f"{fresh_student[:-1]}{(int(fresh_student[-1]) + 1) % 10}"
    screens.sign_in(other).context.close()
    page = open_item(screens, fresh_student, viewport=PC)
    first = page.url
    page.wait_for_timeout(TOO_SOON_MS)
    page.keyboard.type(make_desk_code(counter_service, other))
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != first)
    expect(page.locator("h1 + p")).to_have_text(other)
    page.goto(first)
    assert get_status(page) != "cleared"


def test_without_the_guard_the_next_code_would_decide(
    screens: Screens, counter_service: Service, fresh_student: str
) -> None:
    """The control: the same keys at the button, where no script moves them to the search."""
    page = open_item(screens, fresh_student, java_script_enabled=False)
    page.focus("[data-main-action]")
    page.keyboard.type(make_desk_code(counter_service, fresh_student))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{DESK}")
    assert get_status(search(page, fresh_student)) == "cleared"


def test_an_enter_that_is_held_since_the_search_decides_nothing(screens: Screens, fresh_student: str) -> None:
    screens.sign_in(fresh_student).context.close()
    page = screens.sign_in(CLERK, DESK)
    page.fill("#q", fresh_student)
    with page.expect_navigation():
        page.keyboard.down("Enter")
    for _ in range(3):
        page.keyboard.down("Enter")  # as a keyboard repeats a key that is held
        page.wait_for_timeout(TOO_SOON_MS)
    assert get_status(page) != "cleared"
    page.keyboard.up("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(".told-line")).to_contain_text("已办结")


def test_without_script_everything_is_done_by_plain_forms(screens: Screens, fresh_student: str) -> None:
    page = open_item(screens, fresh_student, java_script_enabled=False)
    mark_not_done(page)
    expect(page.locator(".told-line")).to_contain_text("未办结")
    page.click(".told-line button")
    page.wait_for_url(f"**{DESK}")
    mark_done(search(page, fresh_student))
    assert get_status(search(page, fresh_student)) == "cleared"


def test_the_last_decision_is_taken_back_by_one_tap(screens: Screens, fresh_student: str) -> None:
    page = mark_done(open_item(screens, fresh_student))
    page.click(".told-line button")
    expect(page.locator(".told-line")).to_contain_text("已撤销")
    assert get_status(search(page, fresh_student)) != "cleared"


def test_a_conflict_is_settled_by_keeping_theirs_or_deciding_anew(
    screens: Screens, fresh_student: str
) -> None:
    page = meet_conflict(screens, fresh_student)
    expect(page.locator(".sides .card")).to_have_count(2)
    page.click("form button:has-text('仍然记为')")
    expect(page.locator(".told-line")).to_contain_text("已办结")
    assert get_status(search(page, fresh_student)) == "cleared"


def test_scan_mode_stays_on_its_page_and_is_loud_for_what_is_not_done(
    screens: Screens, counter_service: Service, fresh_student: str
) -> None:
    screens.sign_in(fresh_student).context.close()
    page = screens.sign_in(CLERK, f"{DESK}?mode=scan")
    page.evaluate("window.isSamePage = true")
    page.keyboard.type(make_desk_code(counter_service, fresh_student))
    page.keyboard.press("Enter")
    page.keyboard.type("TS98765432")
    page.keyboard.press("Enter")
    expect(page.locator("[data-alarm]")).to_be_visible()
    expect(page.locator("#handled")).to_contain_text(fresh_student)
    expect(page.locator("#q")).to_be_focused()
    assert page.evaluate("window.isSamePage")


@pytest.mark.parametrize("mode", ["", "?mode=scan"])
def test_the_camera_reads_a_students_code(
    browser_type: BrowserType, counter_service: Service, fresh_student: str, tmp_path: Path, mode: str
) -> None:
    path = film([make_desk_code(counter_service, fresh_student)], tmp_path / "camera.mjpeg")
    options = [*OPTIONS, *FAKE, f"--use-file-for-fake-video-capture={path}"]
    screens = Screens(browser_type.launch(executable_path=CHROMIUM, args=options), counter_service.url)
    screens.sign_in(fresh_student).context.close()
    page = screens.sign_in(CLERK, DESK + mode)
    page.click("#camera")
    if mode:
        expect(page.locator(".told-line")).to_contain_text("已办结", timeout=20_000)
        expect(page.locator("#video")).to_be_visible()
    else:
        page.wait_for_url(f"**{DESK}/*", timeout=20_000)
        expect(page.locator("h1 + p")).to_have_text(fresh_student)
    screens.close()
    screens.browser.close()
    assert not screens.violations
