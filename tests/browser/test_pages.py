"""What holds on every page: width, targets, accessibility, sizes. Each page is opened once."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.places import PLACES
from tests.browser.screens import Screens
from tests.conftest import Service

pytestmark = pytest.mark.xdist_group("browser")

WIDTHS = (320, 360, 393, 768, 1280)
TARGET = 44
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGE_BYTES, STYLE_BYTES, SCRIPT_BYTES, VERDICT_BYTES, REQUESTS = 14_336, 6_144, 3_072, 6_144, 4

FIND_SMALL_TARGETS = """minimum => [...document.querySelectorAll("a, button, summary, textarea, select, input")]
  .filter(e => e.checkVisibility() && !e.matches(".skip"))
  .map(e => [e.textContent.trim(), e.getBoundingClientRect()])
  .filter(([, box]) => box.width < minimum || box.height < minimum)
  .map(([text, box]) => `${text} ${box.width} x ${box.height}`)"""


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest, browser: Browser, running_service: Service) -> Iterator[Page]:
    """One page of the product, on a phone."""
    running_service.campus.reset()
    screens = Screens(browser, running_service.url)
    student = f"TS9{list(PLACES).index(request.param):07d}"
    yield PLACES[request.param](screens, running_service.campus, student)
    screens.close()
    assert not screens.violations


@pytest.fixture
def screen(place: Page) -> Page:
    """The page as it was opened."""
    place.set_viewport_size({"width": 360, "height": 740})
    place.emulate_media(color_scheme="light")
    return place


def find_overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width


def find_faults(page: Page) -> list[str]:
    """What axe finds wrong, with the first place of each."""
    found = Axe().run(page, options={"runOnly": WCAG}).response["violations"]
    return [f"{fault['id']}: {fault['nodes'][0]['html']}" for fault in found]


def test_no_page_scrolls_sideways(screen: Page) -> None:
    for width in WIDTHS:
        screen.set_viewport_size({"width": width, "height": 740})
        assert find_overflow(screen) == 0, width


def test_no_page_scrolls_sideways_with_text_at_twice_its_size(screen: Page) -> None:
    screen.set_viewport_size({"width": 320, "height": 740})
    screen.evaluate("document.documentElement.style.fontSize = '200%'")
    overflow = find_overflow(screen)
    screen.evaluate("document.documentElement.style.fontSize = ''")
    assert overflow == 0


def test_axe_finds_nothing_in_light_and_dark(screen: Page) -> None:
    for scheme in ("light", "dark"):
        screen.emulate_media(color_scheme=scheme)
        assert find_faults(screen) == [], scheme


def test_every_target_is_at_least_44_pixels_wide_and_high(screen: Page) -> None:
    assert screen.evaluate(FIND_SMALL_TARGETS, TARGET) == []


def test_one_h1_that_is_also_in_the_title(screen: Page) -> None:
    headings = screen.locator("h1").all_inner_texts()
    assert len(headings) == 1
    assert headings[0].splitlines()[0].strip() in screen.title()
    assert screen.locator("html").get_attribute("lang") == "zh-CN"


def test_the_support_line_stands_in_the_footer(screen: Page) -> None:
    assert "313963892" in screen.locator("body > footer").inner_text()


def test_zoom_is_never_disabled_and_safe_areas_are_used(screen: Page) -> None:
    viewport = screen.locator("meta[name=viewport]").get_attribute("content") or ""
    assert "viewport-fit=cover" in viewport
    assert "scalable" not in viewport
    assert "maximum" not in viewport


def test_a_page_keeps_its_budget_of_bytes_and_requests(screen: Page) -> None:
    document = screen.content()
    loaded: list[str] = screen.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
    origin = screen.evaluate("location.origin")
    assert all(address.startswith(origin) for address in loaded)
    assert 1 + len(loaded) <= REQUESTS
    text = [address for address in loaded if ".png" not in address]
    sizes = {address: _measure(screen.request.get(address).body()) for address in text}
    total = _measure(document.encode()) + sum(sizes.values())
    assert total <= (VERDICT_BYTES if screen.locator("[data-verdict]").count() else PAGE_BYTES)
    assert all(size <= STYLE_BYTES for address, size in sizes.items() if ".css" in address)
    assert all(size <= SCRIPT_BYTES for address, size in sizes.items() if ".js" in address)


def test_the_checks_see_what_they_look_for(screens: Screens) -> None:
    page = screens.open()
    page.set_content('<title>x</title><main><img width="400" src="data:,"><a href="/">x</a></main>')
    assert find_overflow(page) > 0
    assert page.evaluate(FIND_SMALL_TARGETS, TARGET) != []
    assert any(fault.startswith("image-alt") for fault in find_faults(page))


def test_the_watch_sees_a_script_that_the_policy_forbids(browser: Browser, service: Service) -> None:
    screens = Screens(browser, service.url)
    page = screens.open()
    page.goto("/")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: '1'}))")
    screens.close()
    assert screens.violations


def _measure(body: bytes) -> int:
    return len(gzip.compress(body, 6))
