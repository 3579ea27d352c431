"""Verification in a real browser: every state on a phone and a PC, light and dark."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from app.services.verification.verification import verify_code
from tests.browser import looking
from tests.browser.screens import PC, PHONE, Screens
from tests.browser.verdicts import (
    CHANGES,
    open_after_misses,
    open_two_codes,
    open_unlogged,
    open_without_session,
)
from tests.conftest import Service
from tests.fixtures.issued_slips import (
    GUARD,
    IssuedSlip,
    end_sessions,
    issue_slip,
    open_office,
    revoke,
    sign_unissued,
    supersede,
)

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TARGET = 44
LIST_VERDICTS = "[...document.querySelectorAll('template[id^=verdict-]')].map(found => found.id)"
SHOW_VERDICT = """id => {
  document.getElementById("result").replaceChildren(document.getElementById(id).content.cloneNode(true));
}"""
DRESSES = [(PHONE, "light"), (PHONE, "dark"), (PC, "light")]


@pytest.fixture(scope="module")
def slips(running_service: Service) -> dict[str, IssuedSlip]:
    """A slip for each state."""
    found = {
        state: issue_slip(running_service, f"TS9800000{place}")
        for place, state in enumerate(("valid", "revoked", "superseded"))
    }
    revoke(running_service, found["revoked"])
    supersede(running_service, found["superseded"])
    return found


@pytest.fixture(params=DRESSES, ids=["phone", "dark", "pc"])
def page(request: pytest.FixtureRequest, screens: Screens) -> Page:
    """A window on a phone or a PC."""
    viewport, scheme = request.param
    return screens.open(viewport=viewport, color_scheme=scheme)


def require_sound(page: Page) -> None:
    """Axe finds nothing, nothing is wider than the window, every target is large enough."""
    found = Axe().run(page, options={"runOnly": WCAG}).response["violations"]
    assert [f"{fault['id']}: {fault['nodes'][0]['html']}" for fault in found] == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    small = page.evaluate(
        """least => [...document.querySelectorAll("main a, button, summary, input")]
        .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < least).map(e => e.outerHTML)""",
        TARGET,
    )
    assert small == []


def test_every_verdict_page_is_sound(page: Page, slips: dict[str, IssuedSlip], service: Service) -> None:
    addresses = {state: slip.url for state, slip in slips.items()}
    addresses["bad_signature"] = slips["valid"].tampered_url
    addresses["never_issued"] = f"/v/{sign_unissued(service, slips['valid'])}"
    addresses["malformed"] = "/v/1"
    for verdict, address in addresses.items():
        page.goto(address)
        expect(page.locator("[data-verdict]")).to_have_attribute("data-verdict", verdict)
        require_sound(page)


def test_the_verdict_and_the_masked_fields_are_on_the_first_screen_of_a_phone(
    screens: Screens, slips: dict[str, IssuedSlip]
) -> None:
    page = screens.open()
    page.goto(slips["valid"].url)
    box = page.get_by_text(slips["valid"].student_number[-4:]).bounding_box()
    assert box
    assert box["y"] + box["height"] <= PHONE["height"]


def test_shape_and_word_tell_the_verdict_without_colour(
    screens: Screens, slips: dict[str, IssuedSlip]
) -> None:
    page = screens.open(forced_colors="active")
    shapes = {}
    for state in ("valid", "revoked"):
        page.goto(slips[state].url)
        shapes[state] = page.locator(".seal svg > :first-child").evaluate("e => e.tagName")
    assert shapes == {"valid": "circle", "revoked": "polygon"}


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_no_verdict_breaks_inside_a_word(screens: Screens, language: str) -> None:
    page = screens.open(locale=language, service_workers="block")
    page.goto("/gate")
    verdicts = page.evaluate(LIST_VERDICTS)
    assert len(verdicts) >= len(CHANGES)
    broken = []
    for width, size in [(280, 100), (320, 100), (360, 100), (320, 200), (768, 200)]:
        page.set_viewport_size({"width": width, "height": 740})
        page.evaluate("size => { document.documentElement.style.fontSize = size; }", f"{size}%")
        for verdict in verdicts:
            page.evaluate(SHOW_VERDICT, verdict)
            words = page.locator("#result h2")
            pieces = " ".join(looking.list_lines(words)).split()
            if pieces != words.inner_text().split():
                broken.append((width, size, pieces))
    assert broken == []


def test_a_name_is_compared_in_the_page(page: Page, slips: dict[str, IssuedSlip]) -> None:
    slip = slips["valid"]
    page.goto(slip.url)
    page.fill("#name", slip.name)
    page.click("text=比对")
    expect(page.locator("[data-comparison]")).to_have_attribute("data-comparison", "match")
    require_sound(page)
    page.fill("#name", "张三")
    page.click("text=比对")
    expect(page.locator("[data-comparison]")).to_contain_text("不一致")
    require_sound(page)
    assert "张三" not in page.url


def test_a_guard_sees_everything_on_a_sound_page(screens: Screens, slips: dict[str, IssuedSlip]) -> None:
    for viewport, scheme in DRESSES:
        page = screens.sign_in(GUARD, "/completed", viewport=viewport, color_scheme=scheme)
        page.goto(slips["revoked"].url)
        expect(page.locator("main")).to_contain_text(slips["revoked"].student_number)
        expect(page.locator("main")).to_contain_text("材料不实")
        require_sound(page)


def test_no_status_breaks_inside_a_word_before_a_guard(
    screens: Screens, slips: dict[str, IssuedSlip]
) -> None:
    page = screens.sign_in(GUARD, "/completed", locale="en")
    page.goto(slips["revoked"].url)
    lines = [looking.list_lines(cell) for cell in page.locator("td:nth-child(2)").all()]
    assert ["Revoked"] in lines
    assert all(len(" ".join(words).split()) == len(words) for words in lines)


def fetch(service: Service, slip: IssuedSlip, ending: str, folder: Path) -> Path:
    """The slip's file on the disk."""
    visitor = service.visit()
    visitor.sign_in(slip.student_number)
    path = folder / f"slip.{ending}"
    path.write_bytes(visitor.get(f"/slips/{slip.number}.{ending}").content)
    return path


def test_the_entry_page_takes_a_code_a_photo_and_a_file(
    page: Page, service: Service, slips: dict[str, IssuedSlip], tmp_path: Path
) -> None:
    def type_code() -> None:
        page.fill("#code", slips["valid"].short_code.lower())
        page.press("#code", "Enter")

    def choose(field: str, ending: str, button: str) -> Callable[[], None]:
        def act() -> None:
            page.set_input_files(field, fetch(service, slips["valid"], ending, tmp_path))
            page.click(button)

        return act

    ways = [
        type_code,
        choose("#photo", "png", "text=核验照片"),
        choose("#file", "pdf", "text=核验文件"),
    ]
    for way in ways:
        page.goto("/verify")
        require_sound(page)
        way()
        expect(page.locator("[data-verdict]")).to_have_attribute("data-verdict", "valid")
        require_sound(page)


def test_a_name_is_compared_on_the_page_that_a_photo_leads_to(
    screens: Screens, service: Service, tmp_path: Path
) -> None:
    slip = issue_slip(service, "TS98000003")
    page = screens.open()
    page.goto("/verify")
    page.set_input_files("#photo", fetch(service, slip, "png", tmp_path))
    page.click("text=核验照片")
    page.fill("#name", slip.name)
    page.click("text=比对")
    expect(page.locator("[data-comparison]")).to_have_attribute("data-comparison", "match")


def test_a_pdf_that_is_not_the_original_is_to_be_compared(
    page: Page, service: Service, slips: dict[str, IssuedSlip], tmp_path: Path
) -> None:
    path = fetch(service, slips["valid"], "pdf", tmp_path)
    path.write_bytes(path.read_bytes() + b"\n% added\n")
    page.goto("/verify")
    page.set_input_files("#file", path)
    page.click("text=核验文件")
    expect(page.locator("h1")).to_have_text("请逐项核对")
    expect(page.locator("[data-file]")).to_have_attribute("data-file", "different")
    require_sound(page)


def test_a_wrong_entry_takes_the_focus_to_what_to_do(page: Page) -> None:
    page.goto("/verify")
    page.fill("#code", "abc")
    page.press("#code", "Enter")
    expect(page.locator("[data-error=MalformedCode]")).to_be_focused()
    require_sound(page)


def test_the_camera_of_a_phone_is_offered(service: Service) -> None:
    page = requests.get(f"{service.url}/verify", timeout=30).text
    assert 'accept="image/*" capture="environment"' in page


@pytest.mark.parametrize(
    "way",
    [open_after_misses, open_two_codes, open_without_session, open_unlogged],
    ids=lambda way: way.__name__,
)
def test_every_page_on_which_something_stands_in_the_way_is_sound(
    way: Callable[..., Page], screens: Screens, service: Service, fresh_student: str
) -> None:
    page = way(screens, service, fresh_student)
    for viewport, scheme in DRESSES:
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=scheme)
        require_sound(page)


def test_another_name_changes_title_seal_and_shape(screens: Screens, slips: dict[str, IssuedSlip]) -> None:
    page = screens.open()
    page.goto(slips["valid"].url)
    page.fill("#name", "张三")
    page.click("text=比对")
    expect(page).to_have_title(re.compile("^姓名不一致 - "))
    expect(page.locator("h1")).to_have_text("姓名不一致")
    expect(page.locator("[data-verdict]")).to_have_attribute("data-verdict", "valid")
    assert page.locator(".seal svg > :first-child").evaluate("e => e.tagName") == "polygon"
    expect(page.locator(".seal .next")).to_contain_text("先检查是否输错")


def test_a_guard_goes_on_scanning_by_one_tap_wherever_the_page_is(
    screens: Screens, slips: dict[str, IssuedSlip]
) -> None:
    page = screens.sign_in(GUARD, "/completed")
    page.goto("/verify")
    page.fill("#code", slips["valid"].short_code)
    page.press("#code", "Enter")
    button = page.locator("[data-scan]")
    for place in (0, "document.body.scrollHeight"):
        page.evaluate(f"scrollTo(0, {place})")
        expect(button).to_be_in_viewport(ratio=1)
    button.click()
    expect(page).to_have_url(re.compile("/verify$"))


def test_a_guard_whose_session_has_ended_is_back_at_the_slip_by_one_tap(
    screens: Screens, service: Service, slips: dict[str, IssuedSlip]
) -> None:
    page = screens.sign_in(GUARD, "/completed")
    end_sessions(service, GUARD)
    page.goto(slips["valid"].url)
    expect(page.locator("main")).not_to_contain_text(slips["valid"].student_number)
    page.click("text=登录后回到这张离校单")
    expect(page).to_have_url(slips["valid"].url)
    expect(page.locator("main")).to_contain_text(slips["valid"].student_number)
    expect(page.locator("[data-account]")).to_contain_text("0016")


def test_a_reload_in_the_browser_tells_the_same_number(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    slip = issue_slip(service, fresh_student)
    page = screens.open()
    page.goto(slip.url)
    with open_office(service) as installation:
        while verify_code(installation, slip.digits).check_count == 0:
            page.wait_for_timeout(100)
    page.reload()
    expect(page.locator("main")).to_contain_text("此前 0 次")
