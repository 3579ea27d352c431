"""The gate's page in a real browser: installed once, it checks slips without a network."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, Page, expect

from app.domain.slip import mask_name
from tests.browser.gate import check, get_notes, go_offline, go_online, open_gate, wait_until_ready
from tests.browser.screens import PC, PHONE, Screens
from tests.conftest import Service
from tests.fixtures.issued_slips import (
    IssuedSlip,
    issue_slip,
    revoke,
    sign_unissued,
    supersede,
)
from tests.integration.operation.commands import run_flask
from tests.unit.domain.test_typed_text import DIGITS, FOREIGN, OURS, SEVERAL, WAYS_IN

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "slip_code.json"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LIST_HOURS = 4
UNKNOWN_KID = 200
NOTICED_WITHIN_SECONDS = 1.5
NARROW = {"width": 320, "height": 640}

RUN_VECTORS = """async ({rings, vectors}) => {
  const { checkCode } = await import("/static/gate-code.js");
  const wrong = [];
  for (const { name, text, host, today, keys, verdict, verdict_if_issued, code } of vectors) {
    const found = await checkCode(text, host, rings[keys], today);
    const wanted = { verdict, verdict_if_issued, code };
    if (JSON.stringify(found) !== JSON.stringify(wanted)) wrong.push(name);
  }
  return wrong;
}"""


def test_every_vector_of_the_slips_code_passes_in_the_browser(gate: Page) -> None:
    data = json.loads(VECTORS.read_text(encoding="utf-8"))
    assert len(data["vectors"]) > 50
    assert gate.evaluate(RUN_VECTORS, data) == []


def test_the_vectors_tell_a_verifier_with_the_wrong_keys(gate: Page) -> None:
    data = json.loads(VECTORS.read_text(encoding="utf-8"))
    for ring in data["rings"].values():
        keys = [key["x"] for key in ring["keys"]]
        for key, other in zip(ring["keys"], keys[1:] + keys[:1], strict=True):
            key["x"] = other
    assert gate.evaluate(RUN_VECTORS, data)


def test_without_having_been_opened_once_the_gate_does_not_open_offline(screens: Screens) -> None:
    page = screens.open()
    page.context.set_offline(offline=True)
    with pytest.raises(Error, match="ERR_INTERNET_DISCONNECTED"):
        page.goto("/gate")


def test_without_a_network_a_slip_is_valid_and_shows_its_masked_fields(gate: Page, slip: IssuedSlip) -> None:
    go_offline(gate)
    assert check(gate, slip.url) == "valid"
    result = gate.locator("#result")
    expect(result.locator("[data-field=masked_name]")).to_have_text(mask_name(slip.name)[:9])
    expect(result.locator("[data-field=last_four]")).to_have_text(slip.student_number[-4:])
    expect(gate.locator("#list-age")).to_contain_text("分钟前")


def test_the_gate_names_the_fields_as_the_slip_does_and_without_a_network_for_all(
    gate: Page, slip: IssuedSlip
) -> None:
    names = gate.locator("#result dl.big dt")
    check(gate, slip.url)
    expect(names).to_have_text(["姓名", "学号后四位"])
    go_offline(gate)
    check(gate, slip.url)
    expect(names).to_have_text(["姓名", "学号（工号）后四位"])


def test_the_digits_alone_are_read_as_well(gate: Page, slip: IssuedSlip) -> None:
    go_offline(gate)
    assert check(gate, slip.digits) == "valid"
    assert check(gate, f"  {slip.digits} ") == "valid"


def test_without_a_network_a_changed_digit_is_a_bad_signature(gate: Page, slip: IssuedSlip) -> None:
    go_offline(gate)
    assert check(gate, slip.tampered_url) == "bad_signature"
    assert check(gate, slip.url) == "valid"


@pytest.mark.parametrize("text", ["1", "https://lixiao.example.com/v/1", "你好", "1" * 5000])
def test_what_is_no_code_of_ours_is_malformed(gate: Page, text: str) -> None:
    assert check(gate, text) == "malformed"


def test_the_gate_reads_what_the_service_reads(gate: Page) -> None:
    read = """async ([texts, base]) => {
      const { readDigits } = await import("/static/gate-text.js");
      return texts.map((text) => readDigits(text, base));
    }"""
    assert gate.evaluate(read, [WAYS_IN, OURS]) == [{"digits": DIGITS}] * len(WAYS_IN)
    assert gate.evaluate(read, [FOREIGN, OURS]) == [{"problem": "foreign"}] * len(FOREIGN)
    assert gate.evaluate(read, [SEVERAL, OURS]) == [{"problem": "several"}] * len(SEVERAL)


def test_what_input_methods_and_chat_programs_do_to_an_address_is_forgiven(
    gate: Page, slip: IssuedSlip
) -> None:
    go_offline(gate)
    for text in (
        f"{slip.url}?from=singlemessage",
        f"{slip.url}#x",
        f"{slip.url}/",
        f"{slip.url}%20",
        f"{slip.url}.",
        f"{slip.url}。",
        f"核验 {slip.url}\r\n谢谢",
        f"{slip.url}\n{slip.url}",
        slip.url.upper(),
        slip.url.replace("http:", "HTTPS:"),
        slip.url.replace("/", "、").replace(":", "："),
        slip.url.replace("/", "%2F").replace(":", "%3A"),
    ):
        assert check(gate, text) == "valid"
    assert check(gate, f"核验码：{slip.short_code[:8]}。{slip.short_code[8:]}") == "status_unknown"
    assert "short-listed" in get_notes(gate), "its slip was scanned here"
    assert check(gate, f"核验码 Code {'0' * 8} {'0' * 8}") == "short-code"


def test_the_code_at_another_address_is_not_taken(gate: Page, slip: IssuedSlip) -> None:
    assert check(gate, f"http://evil.example/v/{slip.digits}") == "foreign"


def test_two_codes_at_once_are_none(gate: Page, slip: IssuedSlip) -> None:
    assert check(gate, f"{slip.url}\n{slip.tampered_url}") == "several"
    assert check(gate, slip.url + slip.tampered_url) == "several"


def test_a_short_code_is_asked_about_and_carried_on_where_there_is_no_network(
    gate: Page, slip: IssuedSlip
) -> None:
    assert check(gate, slip.short_code.lower()) == "valid"
    expect(gate.locator("#result [data-field=college]")).not_to_be_empty()
    assert check(gate, "0" * 16) == "short-code-unknown"
    go_offline(gate)
    assert check(gate, slip.short_code.lower()) == "short-code"
    go_online(gate)
    gate.click("#result button")
    gate.wait_for_selector("h1:has-text('有效')")


def test_a_short_code_whose_slip_was_scanned_here_is_looked_up_in_the_list(
    gate: Page, service: Service, own_slip: IssuedSlip
) -> None:
    check(gate, own_slip.url)
    gate.context.set_offline(offline=True)
    assert check(gate, own_slip.short_code) == "status_unknown"
    assert "newer-than-list" in get_notes(gate)
    gate.context.set_offline(offline=False)
    revoke(service, own_slip)
    go_offline(open_gate(gate))
    assert check(gate, own_slip.short_code) == "revoked"


def test_a_revoked_slip_is_revoked_without_a_network(
    screens: Screens, service: Service, own_slip: IssuedSlip
) -> None:
    page = open_gate(screens.open())
    page.context.set_offline(offline=True)
    revoke(service, own_slip)
    assert check(page, own_slip.url) == "valid", "the kept list is from before"
    page.context.set_offline(offline=False)
    go_offline(open_gate(page))
    assert check(page, own_slip.url) == "revoked"


def test_a_replaced_code_is_told_from_a_revoked_one_without_a_network(
    screens: Screens, service: Service, own_slip: IssuedSlip
) -> None:
    supersede(service, own_slip)
    page = open_gate(screens.open())
    go_offline(page)
    assert check(page, own_slip.url) == "superseded"
    expect(page.locator("#result h2")).to_have_text("已被替换")
    revoke(service, own_slip)
    page.context.set_offline(offline=False)
    go_offline(open_gate(page))
    assert check(page, own_slip.url) == "revoked", "there is no newer slip to ask for"


def test_a_code_that_our_key_signed_and_nobody_issued_was_never_issued(
    gate: Page, service: Service, slip: IssuedSlip
) -> None:
    forged = sign_unissued(service, slip)
    assert check(gate, forged) == "never_issued", "the service was asked just now"
    go_offline(gate)
    assert check(gate, forged) == "status_unknown", "it may be issued since"
    assert "newer-than-list" in get_notes(gate)


def test_a_genuine_slip_of_a_minute_after_the_list_is_not_accused_without_a_network(
    gate: Page, service: Service, fresh_student: str
) -> None:
    gate.context.set_offline(offline=True)
    slip = issue_slip(service, fresh_student)
    assert check(gate, slip.url) == "status_unknown"
    assert "newer-than-list" in get_notes(gate)
    go_online(gate)
    assert check(gate, slip.url) == "valid"


def test_a_signature_that_the_service_cannot_judge_is_no_word_against_the_slip(
    screens: Screens, slip: IssuedSlip
) -> None:
    page = open_gate(screens.open())
    assert check(page, slip.tampered_url) == "bad_signature"
    unsure = {"status": 503, "json": {"verdict": "status_unknown"}}
    page.route("**/v/*", lambda route: route.fulfill(**unsure))  # type: ignore[arg-type]
    assert check(page, slip.tampered_url) == "status_unknown"


def test_a_slip_issued_after_the_list_is_valid_once_the_network_is_there(
    gate: Page, service: Service, fresh_student: str
) -> None:
    assert check(gate, issue_slip(service, fresh_student).url) == "valid"


def test_a_key_that_this_device_has_not_fetched_is_no_word_against_the_slip(
    gate: Page, service: Service, fresh_student: str
) -> None:
    gate.context.set_offline(offline=True)
    assert run_flask(service.environment, "slip-keys", "new", "--signs-from", "now").code == 0
    gate.wait_for_timeout(1000 * NOTICED_WITHIN_SECONDS)
    slip = issue_slip(service, fresh_student)

    assert check(gate, slip.url) == "status_unknown"
    assert "no-key" in get_notes(gate)
    go_online(gate)
    assert check(gate, slip.url) == "valid"


def test_only_the_service_calls_a_key_unknown(gate: Page, service: Service, slip: IssuedSlip) -> None:
    forged = sign_unissued(service, slip, kid=UNKNOWN_KID)
    assert check(gate, forged) == "unknown_key"
    go_offline(gate)
    assert check(gate, forged) == "status_unknown"
    assert "no-key" in get_notes(gate)


@pytest.fixture(params=[(NARROW, "light"), (PHONE, "dark"), (PC, "light")], ids=["narrow", "dark", "pc"])
def dressed(request: pytest.FixtureRequest, screens: Screens) -> Page:
    """The gate's page on phones and a PC, light and dark."""
    viewport, scheme = request.param
    return open_gate(screens.open(viewport=viewport, color_scheme=scheme, reduced_motion="reduce"))


def test_the_gate_has_no_fault_that_axe_knows_and_fits_its_window(dressed: Page, slip: IssuedSlip) -> None:
    for text in ("", slip.url, slip.tampered_url, slip.short_code):
        if text:
            check(dressed, text)
        found = Axe().run(dressed, options={"runOnly": WCAG}).response["violations"]
        assert [f"{fault['id']}: {fault['nodes'][0]['html']}" for fault in found] == []
        assert dressed.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    dressed.context.set_offline(offline=True)
    dressed.clock.set_fixed_time(datetime.now(UTC) + timedelta(hours=LIST_HOURS + 1))
    assert check(dressed, slip.url) == "status_unknown"
    assert dressed.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_verdict_is_seen_without_scrolling_on_a_phone(gate: Page, slip: IssuedSlip) -> None:
    check(gate, slip.url)
    box = gate.locator("#result [data-verdict]").bounding_box()
    assert box
    assert box["y"] + box["height"] <= PHONE["height"]


def test_the_gate_keeps_the_language_that_was_chosen(gate: Page, slip: IssuedSlip) -> None:
    gate.click(".tongue")
    wait_until_ready(gate)
    expect(gate.locator("html")).to_have_attribute("lang", "en")
    go_offline(gate)
    expect(gate.locator("html")).to_have_attribute("lang", "en")
    check(gate, slip.url)
    expect(gate.locator("#result h2")).to_have_text("Valid")
    expect(gate.locator("#list-age")).to_contain_text("minutes ago")


def test_without_a_network_the_gate_stays_in_its_language(gate: Page) -> None:
    go_offline(gate)
    gate.click(".tongue")
    wait_until_ready(gate)
    expect(gate.locator("html")).to_have_attribute("lang", "zh-CN")
