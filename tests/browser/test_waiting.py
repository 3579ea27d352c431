"""Departments that are slow: the page shows what is known, each item comes as its department answers, and nothing
moves while one reads.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.screens import CLEARANCE, PC, PHONE, Screens
from tests.conftest import Service

MOST_SHIFT = 0.1
AWAITED = 20_000

WATCH = """
  window.shift = 0;
  new PerformanceObserver(list => list.getEntries().forEach(e => { window.shift += e.value; }))
    .observe({type: "layout-shift", buffered: true});
"""
ALL = {"library_loans", "library_thesis", "archive", "dormitory", "finance"}


def open_slowly(
    screens: Screens, number: str, slow: dict[str, str], service: Service, **options: object
) -> Page:
    """The query page of a student some of whose departments have these faults, from its first picture on."""
    page = screens.sign_in(number, "/completed", **options)
    page.add_init_script(WATCH)
    for system, fault in slow.items():
        service.campus.set_fault(system, fault)
    page.goto(CLEARANCE, wait_until="commit")
    return page


def wait_until_settled(page: Page) -> float:
    """Wait for the last item, and for what it does to the page; returns how far things moved, as CLS."""
    expect(page.locator("[data-step]")).to_have_count(len(ALL))
    expect(page.locator("[data-status=checking]")).to_have_count(0, timeout=AWAITED)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 100)))")
    shift: float = page.evaluate("window.shift")
    return shift


@pytest.mark.parametrize("viewport", [PHONE, PC], ids=["phone", "PC"])
@pytest.mark.parametrize(
    ("number", "slow"),
    [
        ("TS23000002", {"archive": "slow_2s"}),
        ("TS23000003", {"library_loans": "slow_2s"}),
        ("TS23000001", {"library_loans": "slow_2s", "library_thesis": "slow_2s"}),
        ("TS23000004", {"library_thesis": "slow_2s", "archive": "timeout"}),
        ("TS23000006", {"dormitory": "slow_2s"}),
        ("TS23000007", dict.fromkeys(ALL, "slow_2s")),
        ("TS23000008", {"finance": "slow_2s", "library_loans": "timeout"}),
    ],
    ids=["passes", "owes much", "may cancel the card", "timeout", "not checked out", "all slow", "arrears"],
)
def test_nothing_moves_when_an_answer_comes_late(
    screens: Screens, service: Service, number: str, slow: dict[str, str], viewport: dict[str, int]
) -> None:
    page = open_slowly(screens, number, slow, service, viewport=viewport)
    for system in slow:
        expect(page.locator(f"[data-step={system}]")).to_have_attribute("data-status", "checking")
    assert wait_until_settled(page) <= MOST_SHIFT


def test_nothing_moves_while_items_arrive_one_by_one(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    for place, system in enumerate(sorted(ALL)):
        service.campus.set_fault(system, delay_ms=400 * (place + 1))
    page = open_slowly(screens, fresh_student, {}, service)
    expect(page.locator("[data-status=checking]")).to_have_count(len(ALL))
    assert wait_until_settled(page) <= MOST_SHIFT


def test_what_grows_without_keeping_its_place_would_be_noticed(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    page = open_slowly(screens, fresh_student, {}, service)
    wait_until_settled(page)
    page.evaluate("document.querySelector('h1').style.marginBottom = '400px'")
    assert wait_until_settled(page) > MOST_SHIFT


def test_what_to_do_comes_first_even_in_an_item_that_came_late(screens: Screens, service: Service) -> None:
    page = open_slowly(screens, "TS23000005", {"archive": "slow_2s"}, service)
    wait_until_settled(page)
    archive = page.locator("[data-step=archive]")
    expect(archive.locator(".reasons")).to_be_visible()
    expect(archive.locator(".office")).to_be_visible()
    expect(archive).to_contain_text("档案馆收集整理科")


def test_each_item_comes_once_with_its_own_answer_and_nobody_is_asked_twice(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    service.campus.set_fault("archive", "none", delay_ms=900)
    page = screens.sign_in(fresh_student, "/completed")
    service.campus.set_fault("finance", "timeout")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "wait=" in request.url else None)
    page.goto(CLEARANCE)
    expect(page.locator("#progress")).to_contain_text("三项通过，正在查询两项")
    expect(page.locator("[data-step=archive]")).to_have_attribute("data-status", "cleared", timeout=AWAITED)
    expect(page.locator("[data-step=finance]")).to_have_attribute(
        "data-status", "unavailable", timeout=AWAITED
    )
    expect(page.locator("#progress")).to_contain_text("四项通过")
    assert len(asked) <= 2
    assert {system: len(service.campus.calls(system, fresh_student)) for system in ALL} == dict.fromkeys(
        ALL, 1
    )


def test_without_fetch_the_page_is_loaded_once_more_with_all_answers(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    page = screens.sign_in(fresh_student, "/completed")
    page.add_init_script("delete window.fetch")
    service.campus.set_fault("archive", "slow_2s")
    page.goto(CLEARANCE)
    page.wait_for_url(f"**{CLEARANCE}?wait=1")
    expect(page.locator("[data-step=archive]")).to_have_attribute("data-status", "cleared")
