"""The gate in a hurry: scans over scans, taps in between, clocks set right, and what it was told once."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.browser.gate import (
    ANSWER,
    check,
    get_answer,
    get_device_notes,
    get_notes,
    go_offline,
    open_gate,
    wait_until_ready,
)
from tests.browser.screens import Screens
from tests.browser.test_gate_camera import save_photo
from tests.conftest import Service
from tests.fixtures.issued_slips import IssuedSlip, revoke

HOUR = 3600
LISTS = "**/.well-known/slip-status"
STOP_CLOCK = "() => { const now = performance.now(); performance.now = () => now; }"


def test_a_photo_that_is_still_read_never_shows_over_a_newer_scan(
    screens: Screens, slip: IssuedSlip, tmp_path: Path
) -> None:
    page = screens.open(service_workers="block")
    held: list[Route] = []
    page.route("**/gate/decoder.js*", lambda route: held.append(route))
    open_gate(page, is_kept=False)
    page.set_input_files("#photo", save_photo(slip.url, tmp_path))
    assert check(page, slip.tampered_url) == "bad_signature"
    held[0].continue_()
    page.wait_for_selector("#gate[data-reader=own]")
    page.wait_for_function("() => document.getElementById('photo').value === ''")
    assert get_answer(page) == "bad_signature"


def test_a_hand_scanner_is_heard_wherever_the_page_was_touched(gate: Page, slip: IssuedSlip) -> None:
    assert check(gate, slip.url) == "valid"
    for place in ("summary", "#camera"):
        gate.focus(place)
        gate.keyboard.type(f"{slip.tampered_url}\n")
        gate.wait_for_selector("#result [data-verdict=bad_signature]")
        gate.focus(place)
        gate.evaluate(STOP_CLOCK)  # a scanner's keys come at once, however busy this machine is
        gate.keyboard.type(slip.url)
        gate.keyboard.press("Tab")
        gate.evaluate("() => delete performance.now")
        gate.wait_for_selector("#result [data-verdict=valid]")
    expect(gate.locator("#video")).to_be_hidden()


def test_what_the_service_once_called_revoked_stays_so_by_an_older_list(
    service: Service, own_slip: IssuedSlip, gate: Page
) -> None:
    assert check(gate, own_slip.url) == "valid"
    revoke(service, own_slip)
    gate.route(LISTS, lambda route: route.abort())
    assert check(gate, own_slip.url) == "revoked"
    go_offline(gate)
    assert check(gate, own_slip.url) == "revoked"
    assert check(gate, own_slip.short_code) == "revoked"


def test_a_clock_that_was_set_right_makes_no_list_younger(screens: Screens, slip: IssuedSlip) -> None:
    page = open_gate(screens.open(), shift=9 * HOUR)
    page.wait_for_selector("#gate[data-reader=own]")
    assert get_device_notes(page) == ["clock-ahead"]
    page.evaluate(f"sessionStorage.shift = {10 * HOUR}")
    go_offline(page)
    assert check(page, slip.url) == "status_unknown"
    assert get_device_notes(page) == ["clock-remembered"]


def test_the_page_takes_codes_while_its_first_list_is_on_its_way(screens: Screens, slip: IssuedSlip) -> None:
    page = screens.open()
    page.route(LISTS, lambda _: None)
    page.goto("/gate")
    page.fill("#code", slip.url)
    page.press("#code", "Enter")
    page.wait_for_selector(ANSWER)
    assert get_answer(page) == "valid"


def test_texts_that_are_no_codes_are_no_same_scan_and_wait_for_no_upload(gate: Page) -> None:
    for text in ("6901234567892", "你好"):
        assert check(gate, text) == "malformed"
        assert get_notes(gate) == []
    expect(gate.locator("#waiting")).to_have_text("0")


def test_a_verdict_fades_before_the_next_person_comes(screens: Screens, slip: IssuedSlip) -> None:
    page = screens.open()
    page.clock.install()
    page.goto("/gate")
    wait_until_ready(page)
    check(page, slip.url)
    assert page.get_attribute("#result", "data-old") is None
    page.clock.fast_forward(31_000)
    assert page.get_attribute("#result", "data-old") == "yes"
    check(page, slip.url)
    assert page.get_attribute("#result", "data-old") is None


def test_name_and_last_four_are_in_sight_with_the_verdict_on_a_phone(gate: Page, slip: IssuedSlip) -> None:
    check(gate, slip.url)
    box = gate.locator("#result .big").bounding_box()
    assert box
    assert box["y"] + box["height"] <= 740
