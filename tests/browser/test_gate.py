"""The gate's page in a real browser: installed once, it checks slips without a network."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, Page, Route, expect

from app.domain.slip import mask_name
from tests.browser.screens import PC, PHONE, Screens
from tests.conftest import Service
from tests.fixtures.issued_slips import (
    GUARD,
    IssuedSlip,
    count_offline_checks,
    issue_slip,
    revoke,
    sign_unissued,
    supersede,
)
from tests.integration.operation.commands import run_flask
from tests.unit.domain.test_typed_text import DIGITS, FOREIGN, OURS, WAYS_IN

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "slip_code.json"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LIST_HOURS = 24
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


@pytest.fixture(scope="module")
def slip(running_service: Service) -> IssuedSlip:
    """A slip that stays valid."""
    return issue_slip(running_service, "TS99000001")


@pytest.fixture
def own_slip(running_service: Service, fresh_student: str) -> IssuedSlip:
    """A slip whose state a test changes."""
    return issue_slip(running_service, fresh_student)


@pytest.fixture
def gate(screens: Screens) -> Page:
    """The gate's page, installed."""
    return open_gate(screens.open(reduced_motion="reduce"))


def open_gate(page: Page) -> Page:
    """Open the page and wait until its worker has everything."""
    page.goto("/gate")
    wait_until_ready(page)
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    return page


def wait_until_ready(page: Page) -> None:
    """Wait until the page takes codes and has asked for the list of today, with whatever answer."""
    page.wait_for_selector("#gate[data-ready][data-list]")


def go_offline(page: Page) -> None:
    """Cut the network and open the page anew."""
    page.context.set_offline(offline=True)
    page.reload()
    wait_until_ready(page)
    expect(page.locator("#gate")).to_have_attribute("data-network", "offline")


def go_online(page: Page) -> None:
    """Bring the network back and wait until the page has noticed."""
    page.context.set_offline(offline=False)
    expect(page.locator("#gate")).to_have_attribute("data-network", "online")


def check(page: Page, text: str) -> str:
    """Read a code as a hand scanner does: it types and ends with Enter. The verdict, or the note's name."""
    page.evaluate("document.getElementById('result').replaceChildren()")
    page.focus("#code")
    page.evaluate("document.getElementById('code').select()")
    page.keyboard.insert_text(text)
    page.keyboard.press("Enter")
    page.wait_for_selector("#result > *")
    return str(
        page.evaluate(
            """() => { const found = document.querySelector("#result [data-verdict], #result [data-note]");
            return found.dataset.verdict || found.dataset.note; }"""
        )
    )


def get_note(page: Page) -> str | None:
    """Which note explains the verdict."""
    note = page.locator("#result [data-note]")
    return note.get_attribute("data-note") if note.count() else None


def move_clock(page: Page, hours: float) -> None:
    """Set the device's clock ahead."""
    page.clock.set_fixed_time(datetime.now(UTC) + timedelta(hours=hours))


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
      const { readDigits } = await import("/static/gate-code.js");
      return texts.map((text) => readDigits(text, base));
    }"""
    assert gate.evaluate(read, [WAYS_IN, OURS]) == [DIGITS] * len(WAYS_IN)
    assert gate.evaluate(read, [FOREIGN, OURS]) == [text.strip() for text in FOREIGN]


def test_what_input_methods_and_chat_programs_do_to_an_address_is_forgiven(
    gate: Page, slip: IssuedSlip
) -> None:
    go_offline(gate)
    for text in (
        f"{slip.url}?from=singlemessage",
        f"{slip.url}#x",
        f"{slip.url}。",
        slip.url.upper(),
        slip.url.replace("/", "、").replace(":", "："),
    ):
        assert check(gate, text) == "valid"
    assert check(gate, f"核验码：{slip.short_code[:8]}。{slip.short_code[8:]}") == "short-code"
    assert check(gate, f"核验码 Code {slip.short_code[:8]} {slip.short_code[8:]}") == "short-code"


def test_the_code_at_another_address_is_malformed(gate: Page, slip: IssuedSlip) -> None:
    assert check(gate, f"http://evil.example/v/{slip.digits}") == "malformed"


def test_a_short_code_is_sent_to_the_page_that_has_a_network(gate: Page, slip: IssuedSlip) -> None:
    assert check(gate, slip.short_code.lower()) == "short-code"
    expect(gate.locator("#result a")).to_have_attribute("href", "/verify")


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


def test_a_list_older_than_its_limit_makes_nothing_valid(gate: Page, slip: IssuedSlip) -> None:
    go_offline(gate)
    move_clock(gate, LIST_HOURS - 1)
    assert check(gate, slip.url) == "valid"
    move_clock(gate, LIST_HOURS + 1)
    assert check(gate, slip.url) == "status_unknown"
    assert get_note(gate) == "stale"
    expect(gate.locator("#gate")).to_have_attribute("data-list", "stale")


def test_a_list_older_than_its_limit_still_knows_what_was_revoked(
    screens: Screens, service: Service, own_slip: IssuedSlip
) -> None:
    revoke(service, own_slip)
    page = open_gate(screens.open())
    go_offline(page)
    move_clock(page, LIST_HOURS + 1)
    assert check(page, own_slip.url) == "revoked"


def test_a_device_whose_clock_is_behind_its_list_makes_nothing_valid(gate: Page, slip: IssuedSlip) -> None:
    go_offline(gate)
    gate.clock.set_fixed_time(datetime.now(UTC) - timedelta(minutes=30))
    assert check(gate, slip.url) in ("status_unknown", "not_yet_valid")


def test_a_code_that_our_key_signed_and_nobody_issued_was_never_issued(
    gate: Page, service: Service, slip: IssuedSlip
) -> None:
    forged = sign_unissued(service, slip)
    assert check(gate, forged) == "never_issued", "the service was asked just now"
    go_offline(gate)
    assert check(gate, forged) == "status_unknown", "it may be issued since"
    assert get_note(gate) == "newer-than-list"


@pytest.mark.parametrize(
    ("issued_on", "minutes", "is_current", "verdict"),
    [
        ("2026-06-19", 1, False, "never_issued"),
        ("2026-06-20", 1, False, "status_unknown"),
        ("2026-06-20", 1, True, "never_issued"),
        ("2026-06-20", 600, False, "status_unknown"),
        ("2026-06-21", 600, False, "status_unknown"),
    ],
)
def test_only_a_list_of_a_later_day_or_of_now_knows_that_a_slip_was_never_issued(
    gate: Page, issued_on: str, minutes: int, is_current: bool, verdict: str
) -> None:
    judge = """async ([issued_on, minutes, isCurrent]) => {
      const { judgeWithList } = await import("/static/gate-status.js");
      const checked = { code: { issued_on, status_index: 0 }, verdict: "valid", verdict_if_issued: "valid" };
      const list = { issuedAt: Date.UTC(2026, 5, 20, 10), getStatus: () => 0 };
      const toDay = (moment) => new Date(moment).toISOString().slice(0, 10);
      const now = list.issuedAt + minutes * 60000;
      return judgeWithList(checked, list, now, 24 * 3600000, toDay, isCurrent).verdict;
    }"""
    assert gate.evaluate(judge, [issued_on, minutes, is_current]) == verdict


def test_a_genuine_slip_of_a_minute_after_the_list_is_not_accused_without_a_network(
    gate: Page, service: Service, fresh_student: str
) -> None:
    gate.context.set_offline(offline=True)
    slip = issue_slip(service, fresh_student)
    assert check(gate, slip.url) == "status_unknown"
    assert get_note(gate) == "newer-than-list"
    go_online(gate)
    assert check(gate, slip.url) == "valid"


def test_control_a_list_that_is_taken_for_current_calls_the_same_slip_never_issued(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    page = screens.open(service_workers="block")
    page.route(
        "**/static/gate.js*", lambda route: change_script(route, "isCurrent = false)", "isCurrent = true)")
    )
    page.goto("/gate")
    wait_until_ready(page)
    page.context.set_offline(offline=True)
    assert check(page, issue_slip(service, fresh_student).url) == "never_issued"


def change_script(route: Route, old: str, new: str) -> None:
    """Answer with the page's program, changed in one place."""
    text = route.fetch().text()
    assert old in text
    route.fulfill(body=text.replace(old, new), content_type="text/javascript")


def test_a_signature_that_the_service_cannot_judge_is_no_word_against_the_slip(
    screens: Screens, slip: IssuedSlip
) -> None:
    page = screens.open(service_workers="block")
    page.goto("/gate")
    wait_until_ready(page)
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
    assert get_note(gate) == "no-key"
    go_online(gate)
    assert check(gate, slip.url) == "valid"


def test_only_the_service_calls_a_key_unknown(gate: Page, service: Service, slip: IssuedSlip) -> None:
    forged = sign_unissued(service, slip, kid=UNKNOWN_KID)
    assert check(gate, forged) == "unknown_key"
    go_offline(gate)
    assert check(gate, forged) == "status_unknown"
    assert get_note(gate) == "no-key"


def never_ask(route: Route) -> None:
    """Answer with the page's program, which believes its own keys."""
    asks = "if (!navigator.onLine) return false;"
    text = route.fetch().text()
    assert asks in text
    route.fulfill(body=text.replace(asks, "return true;"), content_type="text/javascript")


def test_without_asking_the_service_a_device_calls_a_key_unknown_by_itself(
    screens: Screens, service: Service, slip: IssuedSlip
) -> None:
    forged = sign_unissued(service, slip, kid=UNKNOWN_KID)
    page = screens.open(service_workers="block")
    page.route("**/static/gate.js*", never_ask)
    page.goto("/gate")
    wait_until_ready(page)
    page.context.set_offline(offline=True)
    assert check(page, forged) == "unknown_key"


def spoil_list(route: Route) -> None:
    """Answer with the true list, one place of it changed."""
    document = route.fetch().json()
    route.fulfill(json={**document, "counter": document["counter"] + 1})


def pass_list(route: Route) -> None:
    """Answer with the true list."""
    route.fulfill(json=route.fetch().json())


@pytest.mark.parametrize(("answer", "verdict"), [(spoil_list, "status_unknown"), (pass_list, "valid")])
def test_a_list_that_our_key_did_not_sign_is_not_taken(
    screens: Screens, slip: IssuedSlip, answer: object, verdict: str
) -> None:
    page = screens.open(service_workers="block")
    page.route("**/.well-known/slip-status", answer)  # type: ignore[arg-type]
    page.goto("/gate")
    wait_until_ready(page)
    assert check(page, slip.url) == verdict


def test_checks_made_offline_are_sent_once_when_a_guard_is_back_online(
    screens: Screens, service: Service, slip: IssuedSlip
) -> None:
    page = open_gate(screens.sign_in(GUARD, "/completed"))
    before = count_offline_checks(service)
    go_offline(page)
    check(page, slip.url)
    check(page, slip.tampered_url)
    expect(page.locator("#waiting")).to_have_text("2")
    assert count_offline_checks(service) == before
    go_online(page)
    expect(page.locator("#waiting")).to_have_text("0")
    assert count_offline_checks(service) == before + 2
    page.reload()
    wait_until_ready(page)
    page.context.set_offline(offline=True)
    page.context.set_offline(offline=False)
    expect(page.locator("#waiting")).to_have_text("0")
    assert count_offline_checks(service) == before + 2


def test_a_check_whose_answer_was_lost_is_sent_again_and_counted_once(
    screens: Screens, service: Service, slip: IssuedSlip
) -> None:
    page = open_gate(screens.sign_in(GUARD, "/completed"))
    before = count_offline_checks(service)
    lost: list[int] = []

    def lose_first_answer(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch().status)
            route.abort()

    page.context.route("**/gate/checks", lose_first_answer)
    check(page, slip.url)
    expect(page.locator("#waiting")).to_have_text("1")
    assert lost == [200]
    assert count_offline_checks(service) == before + 1
    page.reload()
    wait_until_ready(page)
    expect(page.locator("#waiting")).to_have_text("0")
    assert count_offline_checks(service) == before + 1


def test_a_strangers_checks_are_not_sent(gate: Page, service: Service, slip: IssuedSlip) -> None:
    before = count_offline_checks(service)
    assert check(gate, slip.url) == "valid"
    expect(gate.locator("#waiting")).to_have_text("1")
    gate.reload()
    wait_until_ready(gate)
    expect(gate.locator("#waiting")).to_have_text("1")
    assert count_offline_checks(service) == before


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
    move_clock(dressed, LIST_HOURS + 1)
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
