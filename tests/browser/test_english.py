"""Every page in English: no Chinese but names and what departments say, and it fits its window."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from app.settings import ROOT
from tests.browser import looking, test_pages
from tests.browser.places import PLACES
from tests.browser.screens import APP, Screens
from tests.campus.accounts import DEMO_ACCOUNTS, find_account
from tests.campus.client import CampusClient
from tests.conftest import Service

WIDTHS = (320, 360, 1280)
CHINESE = re.compile(r"[\u2e80-\u9fff\uff00-\uffef\U00020000-\U0003ffff]+")
SWITCH = "中文"
TYPED = ("论文涉密，线下归档", "材料不实")
"""Reasons that clerks gave in their own words."""
SYSTEMS = ("library_loans", "library_thesis", "archive", "dormitory", "finance")


class EnglishScreens(Screens):
    """The windows of somebody whose browser prefers English."""

    def open(self, **options: Any) -> Page:
        return super().open(**{"locale": "en-GB", **options})


def list_names(campus: CampusClient) -> set[str]:
    """The Chinese that stays: what the campus holds of people, and what translations themselves name so."""
    people = [account for account in (*DEMO_ACCOUNTS, find_account("TS90000000")) if account]
    facts = [
        campus.get_facts(account.number, system) for account in people if account.level for system in SYSTEMS
    ]
    translations: dict[str, str] = {}
    for path in ("config/default.toml", "config/demo.toml"):
        translations |= tomllib.loads((ROOT / path).read_text("utf-8"))["english"]
    translations |= tomllib.loads((ROOT / "miniapp_templates/graduate_departure/en.toml").read_text("utf-8"))
    known = f"{people} {facts} {list(translations.values())}"
    return {SWITCH, *TYPED, *CHINESE.findall(known), *(account.name[0] for account in people)}


def find_chinese(page: Page, names: set[str]) -> list[str]:
    """The Chinese on a page, hidden parts, labels and title included, that is no name."""
    texts: str = page.evaluate(
        """document.title + " " + document.documentElement.textContent + " "
          + [...document.querySelectorAll("template")].map(e => e.content.textContent).join(" ") + " " + [...document.querySelectorAll("*")]
          .flatMap(e => ["aria-label", "alt", "title", "placeholder", "data-done", "data-checked-at", "data-empty"]
            .map(name => e.getAttribute(name) || "")).join(" ")"""
    )
    return sorted(set(CHINESE.findall(texts)) - names)


@pytest.fixture(scope="module", params=[*PLACES, "gate"])
def place(request: pytest.FixtureRequest, browser: Browser, running_service: Service) -> Iterator[Page]:
    """One page of the product, on a phone, in English."""
    running_service.campus.reset()
    screens = EnglishScreens(browser, running_service.url)
    if request.param == "gate":
        page = screens.open()
        page.goto("/gate")
        page.wait_for_selector("#gate[data-ready]")
        yield page
    else:
        student = f"TS9{list(PLACES).index(request.param) + 5_000_000}"
        yield PLACES[request.param](screens, running_service, student)
    screens.close()
    assert not screens.violations


@pytest.fixture(scope="module")
def names(running_service: Service) -> set[str]:
    return list_names(running_service.campus)


def test_no_page_in_english_says_anything_in_chinese_but_names(place: Page, names: set[str]) -> None:
    assert place.locator("html").get_attribute("lang") == "en"
    assert find_chinese(place, names) == []


def test_no_page_in_english_scrolls_sideways(place: Page) -> None:
    for width in WIDTHS:
        place.set_viewport_size({"width": width, "height": 740})
        assert looking.find_overflow(place) == 0, width


def test_axe_finds_nothing_in_english(place: Page) -> None:
    place.set_viewport_size({"width": 360, "height": 740})
    place.emulate_media(color_scheme="light")
    assert looking.find_faults(place) == []
    place.emulate_media(color_scheme="dark")
    assert looking.find_faults(place, looking.COLOURS) == []


def test_a_page_in_english_keeps_its_budget(place: Page) -> None:
    if not place.locator("#gate").count():  # the gate's modules are kept by its worker
        test_pages.test_a_page_keeps_its_budget_of_bytes_and_requests(place)


@pytest.mark.parametrize("width", [320, 360])
@pytest.mark.parametrize("path", ["/verify", f"{APP}/faq"])
def test_the_header_of_a_page_that_needs_no_sign_in_is_one_row_on_a_phone(
    screens: Screens, path: str, width: int
) -> None:
    page = screens.open(locale="en-GB", viewport={"width": width, "height": 740})
    page.goto(path)
    brand, switch = (page.locator(part).bounding_box() for part in (".brand", ".tongue"))
    assert brand
    assert switch
    assert switch["y"] < brand["y"] + brand["height"]


def test_what_is_in_chinese_is_noticed(screens: Screens, names: set[str]) -> None:
    page = screens.open()
    page.goto("/verify")
    assert len(find_chinese(page, names)) > 10


def test_the_switch_is_used_by_hand_and_remembered_without_a_script(screens: Screens) -> None:
    page = screens.open(java_script_enabled=False)
    page.goto("/verify?from=paper")
    page.click(".tongue")
    assert page.url.endswith("/verify?from=paper")
    page.goto("/")
    assert page.locator("html").get_attribute("lang") == "en"
    page.click("text=中文")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
