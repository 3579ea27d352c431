"""The page of grants in a browser: a stand-in in five taps, sound at every width, by night, by keyboard and without script."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from app.services.clock import get_now
from tests.browser.looking import HEIGHT, WIDTHS, find_needs_of_script, find_weak_focus, require_sound
from tests.browser.screens import Screens
from tests.conftest import Service
from tests.fixtures.staff import end_grant, grant
from tests.integration.staff.staff_pages import DORMITORY, GRANTS

HEAD, ADMIN, COLLEAGUE = "00420014", "00420015", "00420016"
WHO = pytest.mark.parametrize("who", [HEAD, ADMIN])


@pytest.fixture
def head(service: Service) -> Iterator[int]:
    """A head with a clerk and a stand-in, and an administrator; the head's grant."""
    place, soon = service.environment, get_now() + timedelta(days=4)
    head = grant(place, HEAD, "head", name="许丽华", **DORMITORY)
    given = [
        head,
        grant(place, ADMIN, "admin", name="高志强"),
        grant(place, "00420018", "desk", name="杨帆", **DORMITORY),
        grant(place, "00420019", "desk", name="宋远", delegated_from=head, valid_until=soon, **DORMITORY),
        grant(place, "00420020", "college", name="钱正", college="矿业工程学院"),
    ]
    yield head
    for one in given:
        end_grant(place, one)


def fill_in(page: Page, number: str) -> int:
    """Let a colleague stand in, from the first page of staff; how many taps it took."""
    taps = 0
    for selector, text in (
        (f"main a[href='{GRANTS}']", ""),
        ("#give-number", number),
        ("#give-reason", "出差，周五返校"),
        ("#give button.main", ""),
    ):
        page.click(selector)
        taps += 1
        if text:
            page.keyboard.type(text)
    return taps


def test_a_colleague_stands_in_after_five_taps_and_no_longer_after_three(
    screens: Screens, service: Service, head: int
) -> None:
    colleague = screens.sign_in(COLLEAGUE, "/staff")
    page = screens.sign_in(HEAD, "/staff")
    assert fill_in(page, COLLEAGUE) <= 5
    expect(page.locator("[role=status].notice")).to_contain_text("已授权")
    row = page.locator(f"[data-staff='{COLLEAGUE}']")
    assert row.get_attribute("data-step") == "dormitory"
    assert "#grant-" in page.url
    colleague.goto("/staff")
    assert colleague.locator("[data-error]").count() == 0
    row.locator("summary").click()
    row.locator("[id^='end-']").fill("已返校")
    row.locator("button", has_text="立即结束").click()
    expect(page.locator("[role=status].notice")).to_contain_text("已结束")
    colleague.goto("/staff")
    assert colleague.locator("[data-error='NoGrant']").count() == 1


def test_what_is_wrong_takes_the_focus_and_what_was_typed_stays(screens: Screens, head: int) -> None:
    page = screens.sign_in(HEAD, "/staff")
    fill_in(page, "00429999")
    expect(page.locator("#give-number")).to_be_focused()
    expect(page.locator("#give-number")).to_have_value("00429999")
    expect(page.locator("#give-reason")).to_have_value("出差，周五返校")
    assert page.locator("[name=unknown_number]").count() == 1
    require_sound(page)


@WHO
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_sound_at_every_width(screens: Screens, head: int, who: str, scheme: str) -> None:
    page = screens.sign_in(who, GRANTS, color_scheme=scheme, reduced_motion="reduce")
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        require_sound(page)


@WHO
def test_the_keyboard_alone_reaches_everything_in_order(screens: Screens, head: int, who: str) -> None:
    page = screens.sign_in(who, GRANTS)
    # A day has stops of its own, which the browser draws.
    assert [fault for fault in find_weak_focus(page) if 'type="date"' not in fault] == []
    assert find_needs_of_script(page) == []


def test_everything_can_be_done_without_a_script(screens: Screens, head: int) -> None:
    page = screens.sign_in(ADMIN, GRANTS, java_script_enabled=False)
    page.click("#give summary")
    page.fill("#give-number", "00420017")
    page.select_option("#give-role", "desk")
    page.select_option("#give-place", "graduate_departure/archive")
    page.fill("#give-reason", "新到岗")
    page.click("#give button.main")
    page.check("[name=unknown_number]")
    page.click("#give button.main")
    row = page.locator("[data-staff='00420017']")
    expect(row).to_have_attribute("data-step", "archive")
    row.locator("summary").click()
    row.locator("[id^='end-']").fill("录错了")
    row.locator("button", has_text="立即结束").click()
    expect(row).to_have_count(0)
