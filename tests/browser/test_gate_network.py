"""The gate on networks that hang, lose answers or come back, and what it tells the service afterwards."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.gate import (
    check,
    get_answer,
    get_device_notes,
    get_notes,
    go_offline,
    go_online,
    hang,
    open_gate,
    scan,
)
from tests.browser.gate_matrix import OLD, answer_with
from tests.browser.screens import Screens
from tests.conftest import Service
from tests.fixtures.issued_slips import (
    GUARD,
    IssuedSlip,
    count_offline_checks,
    issue_slip,
    revoke,
    sign_list,
    supersede,
)

CHECKS = "**/gate/checks"
LISTS = "**/.well-known/slip-status"
CODES = "**/v/*"
HIDDEN = "() => !document.querySelector('#result [data-waiting]')"


def test_an_open_gate_knows_a_revocation_at_the_next_scan(
    gate: Page, service: Service, own_slip: IssuedSlip
) -> None:
    assert check(gate, own_slip.url) == "valid"
    revoke(service, own_slip)
    assert check(gate, own_slip.url) == "revoked"


def test_by_its_list_alone_the_same_gate_would_not_know_it(
    gate: Page, service: Service, own_slip: IssuedSlip
) -> None:
    gate.route(CODES, lambda route: route.abort())
    assert check(gate, issue_slip(service, "TS99000021").url) == "status_unknown", "newer than the list"
    go_online(open_gate(gate))
    revoke(service, own_slip)
    assert check(gate, own_slip.url) == "valid"
    assert "by-list" in get_notes(gate)


def test_a_network_that_hangs_holds_no_scan_up_and_the_page_says_so(gate: Page, slip: IssuedSlip) -> None:
    hang(gate)
    assert check(gate, slip.url) == "valid"
    assert "by-list" in get_notes(gate)
    assert check(gate, slip.tampered_url) == "bad_signature"


def test_a_service_that_answers_with_an_error_leaves_the_verdict_to_the_list(
    gate: Page, slip: IssuedSlip
) -> None:
    gate.route(CODES, lambda route: route.fulfill(status=500, json={"error": "InternalServerError"}))
    assert check(gate, slip.url) == "valid"
    assert "by-list" in get_notes(gate)
    assert check(gate, slip.tampered_url) == "bad_signature"


def test_an_answer_that_comes_late_replaces_what_the_list_said(
    service: Service, own_slip: IssuedSlip, gate: Page
) -> None:
    waiting: list[Route] = []
    gate.route(CODES, lambda route: waiting.append(route))
    revoke(service, own_slip)
    assert check(gate, own_slip.url) == "valid"
    waiting[0].continue_()
    gate.wait_for_selector("#result [data-verdict=revoked]")
    expect(gate.locator("#waiting")).to_have_text("0")


def test_a_late_answer_never_shows_over_the_next_scan(
    gate: Page, service: Service, own_slip: IssuedSlip, slip: IssuedSlip
) -> None:
    waiting: list[Route] = []
    gate.route(f"**/v/{own_slip.digits}", lambda route: waiting.append(route))
    revoke(service, own_slip)
    scan(gate, own_slip.url)
    assert check(gate, slip.url) == "valid"
    with gate.expect_response(f"**/v/{own_slip.digits}"):
        waiting[0].continue_()
    gate.wait_for_function(HIDDEN)
    assert get_answer(gate) == "valid"


def test_scans_in_a_row_replace_each_other_in_the_field(gate: Page, slip: IssuedSlip) -> None:
    hang(gate)
    for text in (slip.url, slip.tampered_url, "abc"):
        scan(gate, text)
    assert gate.input_value("#code") == "abc"
    gate.wait_for_selector("#result [data-verdict=malformed]")


def test_a_scan_reaches_the_field_wherever_the_page_was_touched(gate: Page, slip: IssuedSlip) -> None:
    gate.click("h1", force=True)
    gate.evaluate("document.activeElement.blur()")
    gate.keyboard.type("12")
    assert gate.input_value("#code") == "12"


def test_the_same_code_within_seconds_is_the_same_scan(
    screens: Screens, service: Service, slip: IssuedSlip
) -> None:
    page = open_gate(screens.open())
    page.context.set_offline(offline=True)
    check(page, slip.url)
    assert "just-checked" not in get_notes(page)
    check(page, slip.url)
    assert "just-checked" in get_notes(page)
    expect(page.locator("#waiting")).to_have_text("1")


def test_a_copy_that_is_shown_again_later_is_told_with_how_often_and_when(
    gate: Page, slip: IssuedSlip, own_slip: IssuedSlip
) -> None:
    check(gate, slip.url)
    assert "seen-before" not in get_notes(gate)
    check(gate, own_slip.url)
    check(gate, slip.url)
    told = gate.locator("#result [data-note=seen-before]")
    expect(told).to_contain_text("查过 1 次")
    expect(told).to_contain_text(f"{datetime.now(UTC) + timedelta(hours=8):%Y年}")


@pytest.fixture
def bodies() -> list[dict[str, Any]]:
    """What was sent of scans."""
    return []


@pytest.fixture
def guard(screens: Screens, bodies: list[dict[str, Any]]) -> Page:
    """The gate of a guard who is signed in."""
    page = screens.sign_in(GUARD, "/completed")

    def note(request: Request) -> None:
        if request.url.endswith("/gate/checks"):
            bodies.append(json.loads(request.post_data or "{}"))

    page.on("request", note)
    return open_gate(page)


def test_scans_without_a_network_are_sent_once_and_hold_no_name(
    service: Service, own_slip: IssuedSlip, guard: Page, bodies: list[dict[str, Any]]
) -> None:
    before = count_offline_checks(service)
    go_offline(guard)
    check(guard, own_slip.url)
    check(guard, own_slip.tampered_url)
    expect(guard.locator("#waiting")).to_have_text("2")
    go_online(guard)
    expect(guard.locator("#waiting")).to_have_text("0")
    assert count_offline_checks(service) == before + 1  # behind a forged one stands no slip
    (sent,) = bodies
    assert [set(item) for item in sent["checks"]] == [{"id", "slip_id", "verdict", "checked_at"}] * 2
    assert {item["verdict"]: item["slip_id"] is None for item in sent["checks"]} == {
        "valid": False,
        "bad_signature": True,
    }
    assert set(sent["seen"]) == {"counter", "issued_at"}


def test_what_the_device_keeps_holds_no_name_and_no_code(gate: Page, slip: IssuedSlip) -> None:
    go_offline(gate)
    check(gate, slip.url)
    expect(gate.locator("#waiting")).to_have_text("1")
    kept = gate.evaluate(
        """async () => {
        const database = await new Promise((done) => { const asked = indexedDB.open("lixiao-gate"); asked.onsuccess = () => done(asked.result); });
        const found = [];
        for (const name of ["scans", "seen"]) {
          const asked = database.transaction(name).objectStore(name).getAll();
          await new Promise((done) => { asked.onsuccess = done; });
          found.push(...asked.result);
        }
        return found;
      }"""
    )
    assert len(kept) == 2
    told = json.dumps(kept, ensure_ascii=False)
    assert slip.digits not in told
    assert slip.name[0] not in told
    assert slip.student_number[-4:] not in told.replace("-", "")


def test_a_scan_that_the_service_has_seen_is_not_sent_again(
    guard: Page, slip: IssuedSlip, bodies: list[dict[str, Any]]
) -> None:
    assert check(guard, slip.url) == "valid"
    expect(guard.locator("#waiting")).to_have_text("0")
    assert bodies == []


def test_an_upload_that_hangs_does_not_touch_the_next_scan(
    guard: Page, slip: IssuedSlip, own_slip: IssuedSlip
) -> None:
    go_offline(guard)
    check(guard, slip.url)
    guard.route(CHECKS, lambda _: None)
    with guard.expect_request(CHECKS):
        guard.context.set_offline(offline=False)
    assert check(guard, own_slip.url) == "valid"
    assert get_notes(guard) == []
    expect(guard.locator("#waiting")).to_have_text("1")


def test_a_scan_whose_answer_was_lost_is_sent_again_and_counted_once(
    service: Service, own_slip: IssuedSlip, guard: Page
) -> None:
    before = count_offline_checks(service)
    lost: list[int] = []

    def lose_first_answer(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch().status)
            route.abort()

    go_offline(guard)
    check(guard, own_slip.url)
    guard.context.route(CHECKS, lose_first_answer)
    with guard.expect_event("requestfailed", lambda request: request.url.endswith("/gate/checks")):
        guard.context.set_offline(offline=False)
    assert lost == [200]
    assert count_offline_checks(service) == before + 1
    open_gate(guard)
    expect(guard.locator("#waiting")).to_have_text("0")
    assert count_offline_checks(service) == before + 1


def test_a_strangers_scans_wait_on_the_device(gate: Page, service: Service, slip: IssuedSlip) -> None:
    before = count_offline_checks(service)
    go_offline(gate)
    check(gate, slip.url)
    gate.context.set_offline(offline=False)
    gate.reload()
    expect(gate.locator("#sign-in")).to_be_visible()
    expect(gate.locator("#waiting")).to_have_text("1")
    assert count_offline_checks(service) == before


def test_a_list_older_than_its_limit_makes_nothing_valid_and_still_knows_what_lapsed(
    screens: Screens, service: Service, slip: IssuedSlip, own_slip: IssuedSlip
) -> None:
    supersede(service, own_slip)
    page = screens.open()
    document = sign_list(service, OLD)
    page.route(LISTS, lambda route: answer_with(route, document))
    open_gate(page)
    page.context.set_offline(offline=True)
    expect(page.locator("#gate")).to_have_attribute("data-list", "stale")
    assert check(page, slip.url) == "status_unknown"
    assert "stale" in get_notes(page)
    assert check(page, own_slip.url) == "superseded"


@pytest.mark.parametrize(
    ("changes", "is_back"),
    [({"counter": 0}, True), ({"log": "0" * 64}, True), ({}, False)],
    ids=["fewer entries", "other entries", "the same"],
)
def test_a_list_that_goes_back_behind_one_that_was_seen_is_refused_whatever_its_time(
    gate: Page, service: Service, slip: IssuedSlip, changes: dict[str, Any], is_back: bool
) -> None:
    document = sign_list(service, timedelta(seconds=-30), **changes)
    gate.route(LISTS, lambda route: answer_with(route, document))
    before = gate.text_content("#list-number")
    open_gate(gate)
    assert ("list-back" in get_device_notes(gate)) is is_back
    assert gate.text_content("#list-number") == before
    go_offline(gate)
    assert check(gate, slip.url) == "valid", "by the list that is kept"


def test_a_service_that_lost_entries_is_told_by_the_gate_that_saw_them(
    guard: Page, service: Service, bodies: list[dict[str, Any]]
) -> None:
    document = sign_list(service, timedelta(), counter=10**9)
    guard.route(LISTS, lambda route: answer_with(route, document))
    open_gate(guard)
    guard.unroute(LISTS)
    with guard.expect_response(CHECKS):
        guard.reload()
    assert bodies[-1]["checks"] == []
    assert bodies[-1]["seen"]["counter"] == 10**9
    assert "entries of the issued log that are missing here" in service.log.read_text(encoding="utf-8")
    expect(guard.locator("#device [data-note=list-back]")).to_contain_text("1000000000")


@pytest.mark.parametrize(("counter", "verdict"), [(1, "status_unknown"), (0, "valid")])
def test_a_list_that_our_key_did_not_sign_is_not_taken(
    screens: Screens, service: Service, slip: IssuedSlip, counter: int, verdict: str
) -> None:
    page = screens.open()
    document = sign_list(service, timedelta())
    spoilt = document | {"counter": document["counter"] + counter}
    page.route(LISTS, lambda route: answer_with(route, spoilt))
    open_gate(page)
    page.context.set_offline(offline=True)
    assert check(page, slip.url) == verdict
