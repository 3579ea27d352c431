"""The desk code on a phone: read from the screen by two readers, counting down, renewed in place, without a network."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser import looking
from tests.browser.screens import PHONE, Screens
from tests.conftest import Service
from tests.fixtures.desk_codes import DESK_CODE, QR

STUDENT = "TS23000002"
NARROW = {"width": 320, "height": 640}
OVER = "document.querySelector('[data-desk-code]').setAttribute('data-seconds', '0')"


def read(page: Page, folder: Path) -> dict[str, str]:
    """What each reader makes of the code on the screen."""
    file = folder / "screen.png"
    page.locator("[data-desk-code]").screenshot(path=file)
    with Image.open(file) as picture:
        found = {"zxing": "".join(code.text for code in zxingcpp.read_barcodes(picture, formats=QR))}
    if shutil.which("zbarimg"):
        command = ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", str(file)]
        found["zbar"] = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return found


@pytest.mark.parametrize("viewport", [PHONE, NARROW], ids=["360", "320"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_reader_reads_the_code_from_the_screen(
    screens: Screens, service: Service, tmp_path: Path, scheme: str, viewport: dict[str, int]
) -> None:
    page = screens.sign_in(STUDENT, DESK_CODE, viewport=viewport, color_scheme=scheme)
    for text in read(page, tmp_path).values():
        assert re.fullmatch(rf"{re.escape(service.url)}/c/[0-9]{{117}}", text)
    expect(page.locator("[data-number]")).to_contain_text(STUDENT)
    looking.require_sound(page)


def test_a_tap_brings_a_new_code_and_five_minutes_more(screens: Screens, tmp_path: Path) -> None:
    page = screens.sign_in(STUDENT, DESK_CODE)
    first = read(page, tmp_path)
    page.evaluate(OVER)
    expect(page.locator("[data-over]")).to_be_visible()
    assert set(read(page, tmp_path).values()) == {""}
    page.click("[data-renew]")
    expect(page.locator("[data-over]")).to_be_hidden()
    expect(page.locator("[data-left]")).to_have_text(re.compile("^(5:00|4:5[0-9])$"))
    second = read(page, tmp_path)
    assert all(second.values())
    assert second != first


def test_without_a_network_the_number_stays_and_the_page_says_so(screens: Screens) -> None:
    page = screens.sign_in(STUDENT, DESK_CODE)
    page.context.set_offline(True)
    page.click("[data-renew]")
    expect(page.locator("[data-no-network]")).to_be_visible()
    expect(page.locator("[data-number]")).to_contain_text(STUDENT)
    looking.require_sound(page)
    page.context.set_offline(False)
    page.click("[data-renew]")
    expect(page.locator("[data-no-network]")).to_be_hidden()
    screens.violations.clear()  # the console tells of the request that found no network


def test_without_script_a_tap_loads_a_new_code_and_the_page_says_until_when(
    screens: Screens, tmp_path: Path
) -> None:
    page = screens.sign_in(STUDENT, DESK_CODE, java_script_enabled=False)
    first = read(page, tmp_path)
    expect(page.locator("[data-until]")).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
    page.click("[data-renew]")
    page.wait_for_load_state()
    assert read(page, tmp_path) != first


def test_who_is_signed_out_meanwhile_is_led_to_the_sign_in(screens: Screens) -> None:
    page = screens.sign_in(STUDENT, DESK_CODE)
    page.context.clear_cookies()
    page.click("[data-renew]")
    page.wait_for_selector("[type=password]")


def test_a_strangers_page_is_sound(screens: Screens) -> None:
    page = screens.open()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto("/c/1")
        expect(page.locator("[data-code=dead]")).to_be_visible()
        looking.require_sound(page)
    screens.violations.clear()  # the console tells of the status 410
