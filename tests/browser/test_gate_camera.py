"""Scanning by camera and by photo, at the gate and at /verify, with Chromium's own fake camera."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserType, Page, Route, expect

from tests.browser.conftest import CHROMIUM, OPTIONS
from tests.browser.gate import ANSWER, LACKING, get_answer, get_device_notes, open_gate
from tests.browser.screens import Screens
from tests.conftest import Service
from tests.fixtures.camera import film
from tests.fixtures.issued_slips import IssuedSlip
from tests.fixtures.photos import draw_qr, save

FAKE = "--use-fake-device-for-media-stream"
Open = Callable[..., Page]


@pytest.fixture
def filmed(browser_type: BrowserType, service: Service, tmp_path: Path) -> Iterator[Open]:
    """Opens windows of a Chromium whose camera sees these texts as QR codes, or whose user refuses it."""
    opened: list[Screens] = []

    def open_window(texts: list[str], *, is_refused: bool = False, light: float = 1.0) -> Page:
        path = film(texts, tmp_path / "camera.mjpeg", light=light)
        permission = "--use-fake-ui-for-media-stream" + ("=deny" if is_refused else "")
        options = [*OPTIONS, FAKE, permission, f"--use-file-for-fake-video-capture={path}"]
        screens = Screens(browser_type.launch(executable_path=CHROMIUM, args=options), service.url)
        opened.append(screens)
        return screens.open(reduced_motion="reduce")

    yield open_window
    for screens in opened:
        screens.close()
        screens.browser.close()
        assert not screens.violations


def test_a_browser_without_a_detector_scans_by_the_packaged_decoder(filmed: Open, slip: IssuedSlip) -> None:
    page = open_gate(filmed([slip.url]))
    page.click("#camera")
    page.wait_for_selector("#result [data-verdict=valid]")
    expect(page.locator("#abilities .reader.own")).to_be_visible()
    page.click("#camera")
    expect(page.locator("#video")).to_be_hidden()


def test_without_a_network_the_camera_scans_too(filmed: Open, slip: IssuedSlip) -> None:
    page = open_gate(filmed([slip.url]))
    page.wait_for_selector("#gate[data-reader=own]")
    page.context.set_offline(offline=True)
    page.reload()
    page.wait_for_selector("#gate[data-ready]")
    page.click("#camera")
    page.wait_for_selector("#result [data-verdict=valid]")


def test_in_the_dark_a_code_is_still_read(filmed: Open, slip: IssuedSlip) -> None:
    page = open_gate(filmed([slip.url], light=0.12))
    page.click("#camera")
    page.wait_for_selector("#result [data-verdict=valid]")


def test_of_several_codes_in_view_ours_is_taken_and_two_of_ours_are_told(
    filmed: Open, slip: IssuedSlip
) -> None:
    page = open_gate(filmed([slip.url, "https://example.com/poster"]))
    page.click("#camera")
    page.wait_for_selector("#result [data-verdict=valid]")
    page = open_gate(filmed([slip.url, slip.tampered_url]))
    page.click("#camera")
    page.wait_for_selector("#result [data-note=several]")


def test_a_refused_camera_is_told_with_what_to_do_instead(filmed: Open, slip: IssuedSlip) -> None:
    page = open_gate(filmed([slip.url], is_refused=True))
    page.click("#camera")
    expect(page.locator("#device [data-note=camera-refused]")).to_contain_text("拍照识别")


def test_a_browser_that_can_open_no_camera_says_so(screens: Screens) -> None:
    page = open_gate(screens.open(), lacking="a camera")
    page.click("#camera")
    expect(page.locator("#device [data-note=camera-unsupported]")).to_be_visible()


def test_a_detector_that_fails_makes_way_for_the_decoder(filmed: Open, slip: IssuedSlip) -> None:
    page = open_gate(filmed([slip.url]), lacking="a working detector")
    page.click("#camera")
    page.wait_for_selector("#result [data-verdict=valid]")
    expect(page.locator("#gate")).to_have_attribute("data-reader", "own")


def narrow_policy(route: Route) -> None:
    """Answer as a browser hears it that does not know the word for WebAssembly."""
    answer = route.fetch()
    policy = answer.headers["content-security-policy"].replace("'wasm-unsafe-eval'", "")
    route.fulfill(response=answer, headers=answer.headers | {"content-security-policy": policy})


def test_an_older_browser_compiles_the_decoder_under_the_wider_word(
    screens: Screens, slip: IssuedSlip, tmp_path: Path
) -> None:
    page = screens.open(service_workers="block")
    page.route("**/gate/decoder.js*", narrow_policy)
    open_gate(page, is_kept=False)
    page.set_input_files("#photo", save_photo(slip.url, tmp_path))
    page.wait_for_selector("#result [data-verdict=valid]")
    screens.violations.clear()  # the first try broke the narrow policy, as it must


def test_where_nothing_can_be_compiled_the_page_says_so_and_names_the_other_ways(
    screens: Screens, slip: IssuedSlip, tmp_path: Path
) -> None:
    page = screens.open(service_workers="block")
    page.route("**/static/vendor/zxing_reader.wasm*", lambda route: route.abort())
    open_gate(page, is_kept=False)
    page.set_input_files("#photo", save_photo(slip.url, tmp_path))
    page.wait_for_selector("#result [data-note=camera-unread]")
    assert "camera-unread" in get_device_notes(page)
    expect(page.locator("#result a[href='/verify']")).to_be_visible()


def save_photo(text: str, folder: Path) -> Path:
    """A picture of a QR code as a file."""
    path = folder / "photo.png"
    path.write_bytes(save(draw_qr(text).convert("RGB"), "PNG"))
    return path


def test_a_photo_is_read_on_the_device_without_a_network(
    gate: Page, slip: IssuedSlip, tmp_path: Path
) -> None:
    gate.wait_for_selector("#gate[data-reader=own]")
    gate.context.set_offline(offline=True)
    gate.set_input_files("#photo", save_photo(slip.url, tmp_path))
    gate.wait_for_selector(ANSWER)
    assert get_answer(gate) == "valid"


def test_a_file_that_is_no_picture_is_told(gate: Page, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"no picture")
    gate.set_input_files("#photo", path)
    gate.wait_for_selector("#result [data-note=photo-unread]")


def test_at_verify_the_camera_leads_to_the_verdict(filmed: Open, slip: IssuedSlip) -> None:
    page = filmed([slip.url])
    page.goto("/verify")
    page.click("#camera")
    page.wait_for_selector("h1:has-text('有效')")


def test_at_verify_a_refused_camera_is_told_and_the_other_ways_stay(filmed: Open, slip: IssuedSlip) -> None:
    page = filmed([slip.url], is_refused=True)
    page.goto("/verify")
    page.click("#camera")
    expect(page.locator("#camera-door .refused")).to_be_visible()
    page.fill("#code", slip.short_code)
    page.press("#code", "Enter")
    page.wait_for_selector("h1:has-text('有效')")


def test_at_verify_without_a_camera_for_pages_the_button_leads_to_the_phones_own(screens: Screens) -> None:
    page = screens.open()
    page.add_init_script(LACKING["a camera"])
    page.goto("/verify")
    page.click("#camera")
    page.wait_for_url("**/verify#photo")
    assert page.get_attribute("#photo", "capture") == "environment"
