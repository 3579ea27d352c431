"""Each look for faults finds the fault that it looks for, on a page made of faults."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import looking
from tests.browser.screens import Screens
from tests.conftest import Service

FAULTS = """<!doctype html><title>x</title>
<style>a { outline: 0 } main { padding: 0 } p { animation: turn 1s; scroll-behavior: smooth }
@keyframes turn { to { rotate: 90deg } } body { margin: 0 } .dim { color: #07c160; background: #fff }</style>
<main><img width="40" src="data:,"><div style="width: 400px">wide</div><a href="/">x</a> <a onclick="go()">y</a><form></form>
<button class="button" style="border: 0">z</button>
<p class="dim" style="width: 20px; white-space: nowrap">a long line of text that nothing can hold</p>
<article data-status="outstanding" id="step"><span class="badge">red</span></article></main>"""
FINDERS = [
    looking.find_overflow,
    looking.find_cut_text,
    looking.find_small_targets,
    looking.find_weak_focus,
    looking.find_motion,
    looking.find_boundless,
    looking.find_needs_of_script,
    looking.find_mute_statuses,
    looking.find_untold,
    looking.find_in_unsafe_area,
]


@pytest.fixture
def faulty(browser: Browser) -> Page:
    """A phone with that page."""
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.set_content(FAULTS)
    return page


@pytest.mark.parametrize("find", FINDERS, ids=lambda find: find.__name__)
def test_a_fault_is_found(faulty: Page, find: Callable[[Page], object]) -> None:
    assert find(faulty)


@pytest.mark.parametrize(("below", "is_found"), [(0, True), (30, False)])
def test_a_stuck_bar_that_lies_under_the_phones_own_is_found(
    faulty: Page, below: int, is_found: bool
) -> None:
    style = f"position: sticky; bottom: 0; padding: 0 60px {below}px"
    faulty.set_content(f'<div style="height: 3000px"></div><div class="bar" style="{style}"><p>x</p></div>')
    assert bool(looking.find_in_unsafe_area(faulty)) is is_found


def test_an_action_under_the_bar_is_found_and_how_much_the_bar_takes(faulty: Page) -> None:
    faulty.set_content(
        '<p style="height: 700px"></p><a data-action href="/">x</a><p style="height: 900px"></p>'
        '<div class="bar" style="position: sticky; bottom: 0; height: 370px">y</div>'
    )
    assert looking.find_covered_actions(faulty)
    assert looking.get_stuck_share(faulty) == 0.5


def test_the_lines_of_a_text_are_told(faulty: Page) -> None:
    faulty.set_content('<h1 style="width: 3.5em">签名无法识别</h1>')
    assert looking.list_lines(faulty.locator("h1")) == ["签名无", "法识别"]


def test_axe_finds_missing_words_and_wechats_green(faulty: Page) -> None:
    found = looking.find_faults(faulty)
    assert any(fault.startswith("image-alt") for fault in found)
    assert any(fault.startswith("color-contrast") for fault in found)


def test_a_jump_is_measured(faulty: Page) -> None:
    faulty.wait_for_timeout(600)
    faulty.evaluate(
        "document.body.prepend(Object.assign(document.createElement('div'), {style: 'height: 300px'}))"
    )
    assert looking.get_shift(faulty) > 0.02


def test_the_watch_sees_a_script_that_the_policy_forbids(browser: Browser, service: Service) -> None:
    screens = Screens(browser, service.url)
    page = screens.open()
    page.goto("/")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: '1'}))")
    screens.close()
    assert screens.violations
