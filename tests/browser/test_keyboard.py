"""The keyboard: where the focus goes, and that it is seen."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.screens import Screens

IS_COVERED = """() => {
  const focused = document.activeElement.getBoundingClientRect();
  const bar = document.querySelector(".bar");
  if (bar.contains(document.activeElement)) return false;
  const box = bar.getBoundingClientRect();
  return focused.bottom > box.top && focused.top < box.bottom;
}"""
OUTLINE = "getComputedStyle(document.activeElement).outlineStyle"


def count_covered(page: Page) -> int:
    """Tab through the page; how many stops lay under the action bar, even in part."""
    covered = 0
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        assert page.evaluate(OUTLINE) == "solid"
        covered += page.evaluate(IS_COVERED)
    return covered


def test_the_focus_is_visible_and_never_under_the_action_bar(screens: Screens) -> None:
    page = screens.sign_in("TS23000003", reduced_motion="reduce")
    assert count_covered(page) == 0


def test_without_its_scroll_padding_the_bar_would_cover_the_focus(screens: Screens) -> None:
    page = screens.sign_in("TS23000003", reduced_motion="reduce")
    page.evaluate("document.documentElement.style.scrollPadding = '0'")
    assert count_covered(page) > 0


def test_the_first_stop_leads_past_the_header(screens: Screens) -> None:
    page = screens.sign_in("TS23000002")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="跳到正文")).to_be_focused()
    expect(page.get_by_role("link", name="跳到正文")).to_be_in_viewport()
