"""The clearance page with every status at once, and items that are asked about once those before them pass."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import looking
from tests.browser.screens import PHONE, Screens
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.every_status import APP, AT_ONCE, STUDENT, hold, make_changes, set_scene
from tests.integration.operation.commands import run_flask
from tests.running import running_service

CLEARANCE = f"{APP}/clearance"
AWAITED = 20_000


@pytest.fixture(scope="module")
def every_service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(campus, tmp_path_factory.mktemp("every"), make_changes()) as running:
        set_scene(campus, running)
        yield running


@pytest.fixture
def windows(browser: Browser, every_service: Service) -> Iterator[Screens]:
    opened = Screens(browser, every_service.url)
    yield opened
    opened.close()
    assert not opened.violations


@pytest.fixture(params=["zh-CN", "en"])
def page(request: pytest.FixtureRequest, windows: Screens) -> Page:
    """A window whose script gets no later answer, so that the page stays as it came."""
    window = windows.open(locale=request.param, viewport=PHONE)
    windows.answer_sign_in(window, STUDENT, CLEARANCE)
    hold(window)
    window.goto(CLEARANCE)
    return window


def list_shown(page: Page) -> dict[str, str]:
    items = page.locator("[data-step]").all()
    return {item.get_attribute("data-step") or "": item.get_attribute("data-status") or "" for item in items}


def test_every_status_is_told_by_sign_word_and_colour_on_a_small_phone(page: Page) -> None:
    assert list_shown(page) == AT_ONCE
    assert looking.find_mute_statuses(page) == []
    assert looking.find_untold(page) == []
    assert looking.find_overflow(page) == 0
    assert looking.find_cut_text(page) == []
    assert looking.find_small_targets(page) == []
    assert looking.find_faults(page) == []
    page.emulate_media(color_scheme="dark")
    assert looking.find_faults(page, looking.COLOURS) == []
    page.emulate_media(forced_colors="active")
    assert looking.find_boundless(page) == []


def prepare(service: Service, number: str) -> None:
    """All that no department clears in this service's pretend campus is waived."""
    words = ("--reason", "不住校，已核对", "--by", "00420014", "--unknown-number")
    for step in ("room", "fees"):
        done = run_flask(service.environment, "waive", "every_status", step, number, *words)
        assert done.code == 0, done.err


def test_the_last_item_is_asked_about_on_the_open_page_once_those_before_it_pass(
    windows: Screens, every_service: Service
) -> None:
    prepare(every_service, "TS97100001")
    window = windows.sign_in("TS97100001", "/completed")
    every_service.campus.set_fault("library_loans", "slow_2s")
    window.goto(CLEARANCE)
    expect(window.locator("[data-step=loans]")).to_have_attribute("data-status", "checking")
    expect(window.locator("[data-step=sign_off]")).to_have_attribute("data-status", "waiting")
    expect(window.locator("[data-step=sign_off]")).to_have_attribute(
        "data-status", "cleared", timeout=AWAITED
    )
    every_service.campus.set_fault("library_loans")
    assert "wait=1" not in window.url


def test_after_the_one_before_it_was_asked_again_the_last_item_follows_without_a_reload(
    windows: Screens, every_service: Service
) -> None:
    number = "TS97100002"
    prepare(every_service, number)
    every_service.campus.set_facts(number, "library_thesis", state="审核中")
    window = windows.sign_in(number, CLEARANCE)
    expect(window.locator("[data-step=sign_off]")).to_have_attribute(
        "data-status", "waiting", timeout=AWAITED
    )
    every_service.campus.set_facts(number, "library_thesis", state="审核通过")
    window.click("[data-step=thesis] [data-asks] button")
    expect(window.locator("[data-step=sign_off]")).to_have_attribute(
        "data-status", "cleared", timeout=AWAITED
    )


def test_without_a_script_the_page_that_waits_for_all_has_the_last_item_too(
    windows: Screens, every_service: Service
) -> None:
    number = "TS97100003"
    prepare(every_service, number)
    window = windows.sign_in(number, f"{CLEARANCE}?wait=1", java_script_enabled=False)
    assert list_shown(window)["sign_off"] == "cleared"
