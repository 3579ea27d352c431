"""The school's pages in a browser: finding a student, waiving, asking for a revocation and deciding one, in few taps or by
keyboard alone; sound at every width, by night and without script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page

from tests.browser.looking import HEIGHT, WIDTHS, find_needs_of_script, find_weak_focus, require_sound
from tests.browser.screens import Screens
from tests.conftest import Service
from tests.fixtures.issued_slips import issue_slip
from tests.fixtures.staff import end_grant, grant
from tests.fixtures.stored import query
from tests.visitor import APP

SCHOOL, SECOND, COUNSELLOR, COLLEGE = "00420014", "00420015", "00420020", "研究生院"
LIST = "/staff/graduate-departure/2026-06/students"
TOO_SOON_MS = 500
"""So long after it came a page of staff takes no Enter, see staff.js."""
OPEN_ALL = "document.querySelectorAll('main details').forEach(each => { each.open = true })"


@dataclass(frozen=True)
class Students:
    """One with books left and no slip, and one with a slip: their pages."""

    number: str
    owing: str
    submitted: str


@pytest.fixture
def students(service: Service, fresh_student: str) -> Iterator[Students]:
    """Two who looked at their clearance page, and the staff who may see them."""
    environment = service.environment
    given = [
        grant(environment, SCHOOL, "school", name="许丽华"),
        grant(environment, SECOND, "school", name="高志强"),
        grant(environment, COUNSELLOR, "college", college=COLLEGE, name="韩雪梅"),
    ]
    service.visit().sign_in("TS23000003", f"{APP}/clearance?wait=1")
    issue_slip(service, fresh_student)
    keys = {
        str(number): str(key)
        for number, key in query(environment, "SELECT student_number, key FROM roster_entries")
    }
    yield Students(fresh_student, f"{LIST}/{keys['TS23000003']}", f"{LIST}/{keys[fresh_student]}")
    for one in given:
        end_grant(environment, one)


def ask_revocation(page: Page, students: Students, reason: str) -> str:
    """Ask that the slip be revoked; the request's path."""
    page.goto(students.submitted)
    page.click("text=申请撤销离校单…")
    page.fill("form[action$='/revoke'] [name=reason]", reason)
    page.click("form[action$='/revoke'] button")
    page.wait_for_url("**/staff/approvals/*")
    return re.sub(r"^https?://[^/]+", "", page.url)


def test_a_student_is_waived_in_four_taps_and_the_reason(screens: Screens, students: Students) -> None:
    page = screens.sign_in(SCHOOL, "/staff")
    page.click(f"main a[href='{LIST}']")
    page.fill("#q", "TS23000003")
    page.keyboard.press("Enter")
    page.click("[data-row] a")
    page.click("[data-item=library_loans] summary")
    page.fill("[data-item=library_loans] [name=reason]", "图书馆已线下结清")
    page.click("[data-item=library_loans] form button")
    page.wait_for_url("**#library_loans")
    assert page.locator("[data-item=library_loans]").get_attribute("data-status") == "waived"
    assert "TS23000003" not in page.url
    page.click("[data-item=library_loans] summary")
    page.fill("[data-item=library_loans] [name=reason]", "录错学号")
    page.click("[data-item=library_loans] form button")
    page.wait_for_load_state()
    assert page.locator("[data-item=library_loans]").get_attribute("data-status") == "outstanding"
    assert page.locator("#timeline [data-what=withdrawn]").count() >= 1


def test_a_reason_of_blanks_comes_back_with_what_was_typed_and_the_focus_there(
    screens: Screens, students: Students
) -> None:
    page = screens.sign_in(SCHOOL, students.owing)
    page.click("[data-item=library_loans] summary")
    page.fill("[data-item=library_loans] [name=reason]", "  ……  ")
    page.click("[data-item=library_loans] form button")
    page.wait_for_selector("[data-error=ReasonMissing]")
    focused = page.evaluate("[document.activeElement.id, document.activeElement.value]")
    assert focused == ["waive-library_loans", "  ……  "]
    require_sound(page)


def test_two_persons_revoke_a_slip_and_each_sees_what_happened(screens: Screens, students: Students) -> None:
    asker = screens.sign_in(SCHOOL, "/staff")
    address = ask_revocation(asker, students, "误提交，图书未还")
    assert asker.locator("button:is([value=approve], [value=refuse])").count() == 0

    second = screens.sign_in(SECOND, "/staff")
    waiting = second.locator("[data-waiting=approvals] .number")
    assert int(waiting.inner_text()) >= 1
    second.click("[data-waiting=approvals] a")
    second.click(f"[data-approval='{address.rpartition('/')[2]}'] a")
    second.click("button[value=approve]")
    second.wait_for_selector("[data-decided]")
    assert second.locator("button[value=approve]").count() == 0
    second.goto(students.submitted)
    assert second.locator("[data-slip-state=revoked]").count() == 1
    asker.goto(address)
    assert "高志强" in asker.locator("[data-decided]").inner_text()


def test_the_keyboard_alone_finds_asks_and_decides(screens: Screens, students: Students) -> None:
    page = screens.sign_in(SCHOOL, LIST)
    page.keyboard.type(students.number)
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.closest('[data-row]') !== null")
    page.wait_for_timeout(TOO_SOON_MS)
    page.keyboard.press("Enter")  # the first row found has the focus
    page.wait_for_selector("[data-slip-state]")
    page.wait_for_timeout(TOO_SOON_MS)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "申请撤销离校单…":
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("form[action$='/revoke'] [name=reason]")
    page.keyboard.press("Tab")
    page.keyboard.type("误提交")
    page.keyboard.press("Enter")
    page.wait_for_url("**/staff/approvals/*")
    address = page.url

    second = screens.sign_in(SECOND, "/staff")
    second.goto(address)
    second.wait_for_timeout(TOO_SOON_MS)
    for _ in range(40):
        second.keyboard.press("Tab")
        if second.evaluate("document.activeElement.value") == "refuse":
            break
    second.keyboard.press("Enter")
    second.wait_for_selector("[data-decided]")
    assert "不批准" in second.locator("[data-decided]").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_sound_at_every_width(screens: Screens, students: Students, scheme: str) -> None:
    options = {"color_scheme": scheme, "reduced_motion": "reduce"}
    school = screens.sign_in(SCHOOL, "/staff", **options)
    request = ask_revocation(school, students, "误提交，图书未还")
    college = screens.sign_in(COUNSELLOR, students.owing, **options)
    second = screens.sign_in(SECOND, request, **options)
    school_pages = ("/staff", LIST, students.owing, students.submitted, request)
    second_pages = ("/staff/approvals", request)
    for page, addresses in ((school, school_pages), (second, second_pages), (college, (students.owing,))):
        for address in addresses:
            page.goto(address)
            page.evaluate(OPEN_ALL)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": HEIGHT})
                require_sound(page)
            assert find_weak_focus(page) == []
            assert find_needs_of_script(page) == []
