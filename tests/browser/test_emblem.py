"""The university's emblem in the head of a page."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.screens import Screens
from tests.campus.client import CampusClient
from tests.running import running_service

WITHOUT_SIZE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><path fill="#fff" d="M0 0h40v40z"/></svg>'
)


def test_an_emblem_that_names_no_size_of_its_own_is_as_high_as_the_mark(
    browser: Browser, campus: CampusClient, tmp_path: Path
) -> None:
    emblem = tmp_path / "emblem.svg"
    emblem.write_text(WITHOUT_SIZE, "utf-8")
    with running_service(campus, tmp_path / "own", {"LIXIAO_SERVICE__EMBLEM": str(emblem)}) as service:
        screens = Screens(browser, service.url)
        page = screens.open()
        page.goto("/verify")
        box = page.locator("img.mark").bounding_box()
        screens.close()
    assert box
    assert (box["width"], box["height"]) == (32, 32)
