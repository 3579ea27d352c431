"""The slip in the webviews of Android and iOS: what they download, save and print, which send no cookies with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.paper import open_picture, read_qr
from tests.browser.screens import PC, Screens, submit

ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; V2002A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/87.0.4280.141 Mobile Safari/537.36 MicroMessenger/8.0.30"
)
IOS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 15_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Mobile/15E148 MicroMessenger/8.0.30"
)
IS_DRAWN = "image => image.complete && image.naturalWidth > 1000"


@pytest.fixture(params=[ANDROID, IOS], ids=["Android", "iOS"])
def slip(request: pytest.FixtureRequest, screens: Screens, fresh_student: str) -> Page:
    """The page of a slip in a phone's webview."""
    page = screens.sign_in(fresh_student, user_agent=request.param, is_mobile=True, has_touch=True)
    submit(page)
    return page


def get_link(page: Page, name: str) -> str:
    return page.get_by_role("link", name=name).get_attribute("href") or ""


def test_the_picture_is_real_and_can_be_fetched_again_without_cookies(slip: Page, screens: Screens) -> None:
    picture = slip.locator("figure img")
    picture.scroll_into_view_if_needed()
    slip.wait_for_load_state("load")
    assert picture.evaluate(IS_DRAWN)
    expect(slip.locator("figcaption")).to_contain_text("长按图片可保存")
    saved = screens.open().request.get(picture.get_attribute("src") or "")
    assert saved.status == 200
    assert read_qr(open_picture(saved.body())) == slip.input_value("#address")


def test_the_download_handler_gets_an_attachment_without_cookies(slip: Page, screens: Screens) -> None:
    handler = screens.open()
    with handler.expect_download() as download:
        handler.evaluate(
            "link => { location.href = link }", slip.url.rpartition("/slips")[0] + get_link(slip, "下载PDF")
        )
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")
    assert download.value.suggested_filename.endswith(".pdf")


def test_with_cookies_lost_the_links_of_the_open_page_still_work(slip: Page) -> None:
    slip.context.clear_cookies()
    for name, disposition in (("下载PDF", "attachment"), ("查看PDF", "inline")):
        answer = slip.request.get(get_link(slip, name))
        assert answer.status == 200
        assert answer.headers["content-disposition"].startswith(disposition)
    with slip.expect_download() as download:
        slip.get_by_role("link", name="下载PDF").click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")


def test_the_link_can_be_copied_for_the_phones_browser(slip: Page, screens: Screens) -> None:
    slip.get_by_text("下载不了？").click()
    address = slip.input_value("#download")
    assert address.endswith(get_link(slip, "下载PDF"))
    assert screens.open().request.get(address).body().startswith(b"%PDF-")
    slip.get_by_role("button", name="复制下载链接").click()
    expect(slip.get_by_role("button", name="已复制")).to_be_visible()


def test_no_webview_offers_to_print(slip: Page) -> None:
    expect(slip.get_by_role("button", name="打印")).to_be_hidden()


def test_a_pc_offers_to_print(screens: Screens, fresh_student: str) -> None:
    page = screens.sign_in(fresh_student, viewport=PC)
    submit(page)
    expect(page.get_by_role("button", name="打印")).to_be_visible()
