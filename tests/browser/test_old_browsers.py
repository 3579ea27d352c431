"""The manual promises IE9: every page can be read and every form works where neither flex, grid, custom properties nor
`fetch` are known.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.looking import find_overflow
from tests.browser.old_styles import find_layout, read_styles, strip_styles
from tests.browser.places import PLACES
from tests.browser.screens import CLEARANCE, PC, PHONE, Screens, submit
from tests.campus.client import PROJECT
from tests.conftest import Service

STYLES = sorted((PROJECT / "app" / "static").glob("*.css"))
FORGET = "delete window.fetch; delete window.DOMParser; delete window.matchMedia; delete window.IntersectionObserver;"
SEEN = [
    "guide",
    "questions",
    "privacy",
    "verification form",
    "clearance with reasons",
    "clearance with arrears",
    "clearance with a silent department",
    "action",
    "refused submission",
    "slip",
    "completed",
    "slip valid",
]
FIND_OVERLAPS = """() => {
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest(".unseen, .skip, svg")) continue;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    for (const box of range.getClientRects()) boxes.push([walker.currentNode.data.trim().slice(0, 20), box]);
  }
  const found = [];
  boxes.forEach(([text, a], place) => boxes.slice(place + 1).forEach(([other, b]) => {
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 2 && high > 6) found.push(`${text} / ${other}`);
  }));
  return found;
}"""


class OldScreens(Screens):
    """Windows of a browser that knows what IE9 knows of CSS."""

    def open(self, **options: object) -> Page:
        """A window of a fresh browser profile."""
        page = super().open(**options)  # type: ignore[arg-type]
        page.add_init_script(FORGET)
        page.route("**/static/*.css*", self._strip)
        return page

    def _strip(self, route: Route) -> None:
        answer = route.fetch()
        assert answer.ok
        route.fulfill(body=strip_styles(answer.text()), content_type="text/css")


@pytest.fixture
def screens(browser: Browser, service: Service) -> Screens:
    """Closed with their browser's module."""
    return OldScreens(browser, service.url)


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_no_layout_by_flex_or_grid_outside_supports(path: Path) -> None:
    assert list(find_layout(read_styles(path.read_text("utf-8")))) == []


def test_layout_outside_supports_would_be_noticed() -> None:
    text = "@media (min-width: 1px) { .a { display: flex } } .b { grid-gap: 1px } @supports (display: grid) { .c { flex: 1 } }"
    assert len(list(find_layout(read_styles(text)))) == 2


def test_what_an_old_browser_does_not_know_is_stripped() -> None:
    text = (
        ":root { --a: red } .b { color: #111; color: var(--a) } .c:focus-visible { color: red } "
        "@supports (display: grid) { .d { display: grid } } @media print { .e { display: none } }"
    )
    assert strip_styles(text).split() == [
        ":root",
        "{",
        "}",
        ".b",
        "{",
        "color:",
        "#111",
        "}",
        "@media",
        "print",
        "{",
        ".e",
        "{",
        "display:",
        "none",
        "}",
        "}",
    ]


@pytest.mark.parametrize("place", SEEN)
def test_a_page_can_be_read(screens: Screens, service: Service, fresh_student: str, place: str) -> None:
    page = PLACES[place](screens, service, fresh_student)
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--paper')") == ""
    for viewport in (PHONE, PC):
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        assert find_overflow(page) == 0, viewport
        assert page.evaluate(FIND_OVERLAPS) == [], viewport
    found = Axe().run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
    assert [fault["nodes"][0]["html"] for fault in found] == []


def test_texts_that_overlap_would_be_noticed(screens: Screens) -> None:
    page = screens.open()
    page.set_content('<p>one text</p><p style="margin-top: -34px">another text</p>')
    assert page.evaluate(FIND_OVERLAPS) != []


def test_every_form_works(screens: Screens, service: Service, fresh_student: str) -> None:
    service.campus.set_facts(fresh_student, "library_loans", card="active")
    service.campus.set_fault("archive", "slow_2s")
    page = screens.sign_in(fresh_student, CLEARANCE)
    page.wait_for_url(f"**{CLEARANCE}?wait=1")
    expect(page.locator("[data-status=checking]")).to_have_count(0)
    service.campus.set_fault("archive")
    page.get_by_role("link", name="注销借书证").click()
    page.get_by_role("button", name="确认注销借书证").click()
    page.locator("[data-step=finance] summary").click()
    page.locator("[data-step=finance]").get_by_role("button", name="重新查询").click()
    number = submit(page)
    page.goto("/completed")
    expect(page.locator("main")).to_contain_text(number)
    page.get_by_role("button", name="退出").click()
    page.goto("/verify")
    page.get_by_role("textbox").first.fill("0000 0000 0000 0000")
    page.locator("main form button").first.click()
    expect(page.locator("h1")).to_be_visible()
