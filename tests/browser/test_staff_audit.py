"""The auditor's pages in a browser: three taps to each answer, sound at every width, by night and without script."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from app.domain.staff import StaffRole
from tests.browser.looking import HEIGHT, WIDTHS, find_needs_of_script, find_weak_focus, require_sound
from tests.browser.screens import Screens
from tests.conftest import Service
from tests.fixtures.issued_slips import open_office
from tests.fixtures.staff import end_grant, grant
from tests.integration.staff.test_records import tell

AUDITOR = "00420021"
PAGES = ("/staff/audit", "/staff/audit/looks")
COUNT_LINES = """() => [...document.querySelectorAll("td.time")].map(cell => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return new Set([...range.getClientRects()].map(part => Math.round(part.top))).size;
})"""
"""How many lines each time takes."""
LET_BREAK = """() => document.querySelectorAll("td.time").forEach(cell => {
  Object.assign(cell.style, {whiteSpace: "normal", display: "block", width: "6em"});
})"""


@pytest.fixture
def student(service: Service, fresh_student: str) -> Iterator[str]:
    """A student of whom something was recorded, while somebody may audit."""
    given = grant(service.environment, AUDITOR, StaffRole.AUDITOR, name="曹文博")
    with open_office(service):
        tell("step_waived", fresh_student, step="finance", reason="助学贷款已转还款协议，线下存档")
    yield fresh_student
    end_grant(service.environment, given)


class Taps:
    """Counts what a person taps."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    def tap(self, selector: str) -> None:
        """A tap, and what it brings."""
        self.count += 1
        self.page.click(selector)


@pytest.mark.parametrize(("address", "mark"), [(PAGES[0], "data-event"), (PAGES[1], "data-look")])
def test_who_did_what_and_who_looked_are_three_taps_away(
    screens: Screens, student: str, address: str, mark: str
) -> None:
    page = screens.sign_in(AUDITOR, "/staff")
    taps = Taps(page)
    taps.tap("main a[href='/staff/audit']")
    if mark == "data-look":
        taps.tap(f"a[href='{address}']")
    page.fill("[name=student]", student)
    if mark == "data-look":
        page.keyboard.press("Enter")
        page.wait_for_url("**?s=*")
        assert page.locator("[data-total='0']").count() == 1  # nobody looked yet
    else:
        taps.tap("main button.main")
        assert page.locator(f"[{mark}]").count() == 1
    assert taps.count <= 3
    assert student not in page.url


def test_verifying_is_one_tap_and_says_what_it_found(screens: Screens, student: str) -> None:
    page = screens.sign_in(AUDITOR, "/staff/audit")
    page.click("text=现在验证")
    assert page.locator("[data-verified] b").inner_text()
    assert page.url.endswith("/staff/audit#verified")


def test_times_stay_on_one_line_and_verifying_above_what_was_found(screens: Screens, student: str) -> None:
    page = screens.sign_in(AUDITOR, PAGES[0])
    page.click("main button.main")
    for width in (1280, 768, 360):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        assert page.evaluate(COUNT_LINES) == [1] * page.locator("td.time").count(), width
    found, verifying = (page.locator(one).first.bounding_box() for one in ("[data-event]", "text=现在验证"))
    assert found
    assert verifying
    assert verifying["y"] < found["y"]
    page.set_viewport_size({"width": 1280, "height": HEIGHT})
    page.evaluate(LET_BREAK)  # the control
    assert max(page.evaluate(COUNT_LINES)) > 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", PAGES)
def test_the_pages_are_sound_at_every_width(
    screens: Screens, student: str, address: str, scheme: str
) -> None:
    page = screens.sign_in(AUDITOR, address, color_scheme=scheme, reduced_motion="reduce")
    page.click("main button.main")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        require_sound(page)
    page.fill("[name=student]", "!")
    page.click("main button.main")
    assert page.locator("[role=alert]").count() == 1
    require_sound(page)


def test_the_keyboard_alone_reaches_everything_in_order(screens: Screens, student: str) -> None:
    page = screens.sign_in(AUDITOR, PAGES[0])
    # A day has three stops of its own, which the browser draws.
    assert [fault for fault in find_weak_focus(page) if 'type="date"' not in fault] == []
    assert find_needs_of_script(page) == []
