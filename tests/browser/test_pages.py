"""What holds on every page, in every state: each page is opened once. README.md lists what is held where."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import looking
from tests.browser.places import ELSEWHERE, IN_ENGLISH, PLACES
from tests.browser.screens import Screens
from tests.browser.staff_places import STAFF, STAFF_IN_ENGLISH
from tests.browser.test_pages_markup import list_errors
from tests.conftest import Service

ALL = PLACES | IN_ENGLISH | ELSEWHERE | STAFF | STAFF_IN_ENGLISH
PAGE_BYTES, STYLE_BYTES, SCRIPT_BYTES, VERDICT_BYTES, REQUESTS = 14_336, 6_144, 3_072, 6_144, 4
CAMERA_BYTES = 512
"""What offers the camera at /verify; the rest of it is loaded when it is touched."""
PICTURE_BYTES = 60 * 1024
STAFF_VERDICT_BYTES = 6_400
"""A guard's page holds the whole slip, and names the account with the way to leave it."""
GATE_BYTES = 32_768
"""The gate's page is a program that a phone loads once: five small scripts and the verdicts' texts."""
SHIFT = 0.02
LANDSCAPE = {"width": 740, "height": 360}


def get_service(request: pytest.FixtureRequest, name: str) -> Service:
    """The service that has this page, its campus as at the start."""
    fixture = "other_service" if name in ELSEWHERE else "running_service"
    fixture = "counter_service" if name in STAFF | STAFF_IN_ENGLISH else fixture
    service: Service = request.getfixturevalue(fixture)
    service.campus.reset()
    return service


@pytest.fixture(scope="module", params=ALL)
def place(request: pytest.FixtureRequest, browser: Browser, sources: dict[str, str]) -> Iterator[Page]:
    """One page of the product, on a phone."""
    service = get_service(request, request.param)
    screens = Screens(browser, service.url)
    student = f"TS9{list(ALL).index(request.param):07d}"
    page = ALL[request.param](screens, service, student)
    sources[request.param] = screens.get_source(page)
    yield page
    screens.close()
    assert not screens.violations


@pytest.fixture
def screen(place: Page) -> Page:
    """The page as it was opened."""
    place.set_viewport_size({"width": 360, "height": 740})
    place.emulate_media(color_scheme="light", forced_colors="none", reduced_motion="reduce")
    return place


def test_the_page_does_not_jump_while_it_is_opened(place: Page) -> None:
    assert looking.get_shift(place) <= SHIFT


def test_no_page_scrolls_sideways_or_cuts_text(screen: Page) -> None:
    for width in looking.WIDTHS:
        screen.set_viewport_size({"width": width, "height": looking.HEIGHT})
        assert looking.find_overflow(screen) == 0, width
        assert looking.find_cut_text(screen) == [], width


def test_no_page_scrolls_sideways_or_cuts_text_at_twice_its_size(screen: Page) -> None:
    screen.evaluate("document.documentElement.style.fontSize = '200%'")
    found = {}
    for width in (320, 768):
        screen.set_viewport_size({"width": width, "height": looking.HEIGHT})
        found[width] = (looking.find_overflow(screen), looking.find_cut_text(screen))
    screen.evaluate("document.documentElement.style.fontSize = ''")
    assert found == {320: (0, []), 768: (0, [])}


def test_axe_finds_nothing_in_light_and_dark(screen: Page) -> None:
    assert looking.find_faults(screen) == []
    screen.emulate_media(color_scheme="dark")
    assert looking.find_faults(screen, looking.COLOURS) == []


def test_every_target_is_at_least_44_pixels_wide_and_high(screen: Page) -> None:
    assert looking.find_small_targets(screen) == []


def test_the_focus_is_seen_everywhere_in_reading_order_and_never_covered(screen: Page) -> None:
    assert looking.find_weak_focus(screen) == []


def test_the_bar_covers_no_action_of_a_page_that_was_just_opened(screen: Page) -> None:
    for width, height in ((320, 568), (360, 640), (360, 740), (393, 852)):
        screen.set_viewport_size({"width": width, "height": height})
        screen.evaluate("scrollTo(0, 0)")
        assert looking.find_covered_actions(screen) == [], (width, height)


def test_what_stays_while_scrolling_takes_a_quarter_at_most_and_lets_go_at_400_per_cent(screen: Page) -> None:
    for width, height in ((360, 740), (320, 640), (320, 256), (320, 180), (740, 360)):
        screen.set_viewport_size({"width": width, "height": height})
        share = looking.get_stuck_share(screen)
        assert share <= 0.25, (width, height)
        assert not share or height > 256


def test_nothing_is_told_by_colour_alone(screen: Page) -> None:
    assert looking.find_mute_statuses(screen) == []
    screen.emulate_media(forced_colors="active")
    assert looking.find_boundless(screen) == []


def test_nothing_moves_for_those_who_want_no_motion(screen: Page) -> None:
    assert looking.find_motion(screen) == []


def test_nothing_needs_a_script(screen: Page) -> None:
    if not screen.locator("#gate").count():
        assert looking.find_needs_of_script(screen) == []


def test_every_item_that_does_not_pass_says_why_what_to_do_and_where(screen: Page) -> None:
    assert looking.find_untold(screen) == []


def test_one_h1_that_is_also_in_the_title(screen: Page) -> None:
    headings = screen.locator("h1").all_inner_texts()
    assert len(headings) == 1
    assert headings[0].splitlines()[0].strip() in screen.title()


def test_the_page_says_its_language(request: pytest.FixtureRequest, screen: Page) -> None:
    language = screen.locator("html").get_attribute("lang")
    assert language == ("en" if "in English" in request.node.callspec.id else "zh-CN")


def test_the_support_line_stands_in_the_footer(screen: Page) -> None:
    assert "313963892" in screen.locator("body > footer .wrap > p").first.inner_text()


def test_zoom_is_never_disabled_and_safe_areas_are_kept(screen: Page) -> None:
    viewport = screen.locator("meta[name=viewport]").get_attribute("content") or ""
    assert "viewport-fit=cover" in viewport
    assert "scalable" not in viewport
    assert "maximum" not in viewport
    screen.set_viewport_size(LANDSCAPE)
    assert looking.find_in_unsafe_area(screen) == []


def test_a_page_keeps_its_budget_of_bytes_and_requests(screen: Page) -> None:
    sizes = looking.count_bytes(screen)
    origin = screen.evaluate("location.origin")
    assert all(address.startswith(origin) for address in sizes)
    pictures = {address: size for address, size in sizes.items() if ".png" in address}
    assert all(size <= PICTURE_BYTES for size in pictures.values())
    assert sum(size for address, size in sizes.items() if ".css" in address) <= STYLE_BYTES
    marks = ("#gate", ".seal[data-verdict]", "[data-full]")
    is_gate, is_verdict, is_staffs = (screen.locator(mark).count() for mark in marks)
    verdict_bytes = STAFF_VERDICT_BYTES if is_staffs else VERDICT_BYTES
    total = sum(sizes.values()) - sum(pictures.values())
    if is_gate:
        assert total <= GATE_BYTES
    else:
        assert total <= (verdict_bytes if is_verdict else PAGE_BYTES)
        assert len(sizes) <= REQUESTS
        camera_bytes = CAMERA_BYTES if screen.locator("#camera-door").count() else 0
        scripts = sum(size for address, size in sizes.items() if ".js" in address)
        assert scripts <= SCRIPT_BYTES + camera_bytes


@pytest.mark.usefixtures("checker")
def test_the_html_of_every_page_is_valid(
    request: pytest.FixtureRequest, browser: Browser, sources: dict[str, str], tmp_path: Path
) -> None:
    for place, name in enumerate(sorted(ALL.keys() - sources.keys())):
        service = get_service(request, name)
        screens = Screens(browser, service.url)
        sources[name] = screens.get_source(ALL[name](screens, service, f"TS9{place + 5000:07d}"))
        screens.close()
    files = []
    for name, source in sources.items():
        files.append(tmp_path / f"{name.replace(' ', '-')}.html")
        files[-1].write_text(source, encoding="utf-8")
    assert list_errors(files) == []
