"""The pages that only some sign-ins show: width, targets and accessibility, as every other page's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.looking import WIDTHS, find_faults, find_overflow, find_small_targets
from tests.browser.screens import Screens
from tests.conftest import Service
from tests.integration.auth.cas.visits import get_entry


def open_choice(screens: Screens, _service: Service) -> Page:
    page = screens.open()
    page.goto("/sign-in")
    return page


def open_confirmation(screens: Screens, service: Service) -> Page:
    page = screens.open()
    page.goto(get_entry(service, "TB23000010"))
    return page


@pytest.mark.parametrize(("way", "title"), [(open_choice, "选择登录方式"), (open_confirmation, "请确认身份")])
def test_the_page_holds_what_every_page_holds(
    way: Callable[[Screens, Service], Page], title: str, screens: Screens, signing: Service
) -> None:
    page = way(screens, signing)
    assert page.locator("h1").inner_text() == title
    assert page.title().startswith(title)
    assert find_small_targets(page) == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 740})
        assert find_overflow(page) == 0, width
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert find_faults(page) == [], scheme
