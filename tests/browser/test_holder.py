"""What a holder, a wrong account and a late department look like on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser import looking
from tests.browser.screens import CLEARANCE, PHONE, Screens, submit
from tests.browser.test_waiting import open_slowly, wait_until_settled
from tests.conftest import Service
from tests.fixtures.issued_slips import GUARD
from tests.integration.operation.commands import run_flask

REASON = "论文材料不实，学校决定撤销"
BY = ("--by", "00420014")


def change(service: Service, *arguments: str) -> None:
    """Run `flask slips`."""
    done = run_flask(service.environment, "slips", *arguments, *BY)
    assert done.code == 0, done.err


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_holder_sees_what_became_of_the_slip(
    screens: Screens, service: Service, fresh_student: str, scheme: str
) -> None:
    page = screens.sign_in(fresh_student, viewport=PHONE, color_scheme=scheme, reduced_motion="reduce")
    number = submit(page)
    state = page.locator("[data-slip-state]")
    expect(state).to_have_attribute("data-slip-state", "valid")
    change(service, "reissue", number, "--reason", "补打")
    page.reload()
    expect(state).to_have_attribute("data-slip-state", "reissued")
    expect(page.locator(".sheet img")).to_be_visible()
    looking.require_sound(page)
    change(service, "revoke", number, "--reason", REASON)
    for path in (f"/slips/{number}", "/completed", f"{CLEARANCE}?wait=1"):
        page.goto(path)
        expect(state).to_have_attribute("data-slip-state", "revoked")
        expect(state).to_contain_text(REASON)
        expect(page.locator(".sheet img, [data-print], a[href*='.pdf']")).to_have_count(0)
        looking.require_sound(page)


def test_a_wrong_account_leaves_by_the_button_of_the_refusal(screens: Screens, service: Service) -> None:
    page = screens.sign_in("00420013", CLEARANCE)
    expect(page.locator("[data-account]")).to_contain_text("尾号 0013")
    expect(page.locator("[data-error=NotAStudent]")).to_be_visible()
    looking.require_sound(page)
    page.click(".error button.main")
    page.wait_for_load_state()
    expect(page.locator("[data-account]")).to_have_count(0)


def test_the_gate_says_who_is_signed_in_and_lets_them_leave(screens: Screens) -> None:
    page = screens.sign_in(GUARD, "/completed")
    page.goto("/gate")
    expect(page.locator("[data-account]")).to_contain_text("尾号 0016")
    looking.require_sound(page)
    page.click("[data-account] button")
    page.goto("/gate")
    page.wait_for_selector("#gate[data-ready][data-list]")
    expect(page.locator("[data-account]")).to_have_count(0)


def show_everything(page: Page, step: str) -> None:
    """Assert that nothing of this item is folded away."""
    item = page.locator(f"[data-step={step}]")
    for part in (".reasons li", ".facts", ".office dd"):
        assert item.locator(part).count()
        for each in item.locator(part).all():
            expect(each).to_be_visible()


@pytest.mark.parametrize(
    ("number", "step"),
    [("TS23000003", "library_loans"), ("TS23000006", "dormitory"), ("TS23000008", "finance")],
)
def test_a_late_item_that_does_not_pass_hides_nothing(
    screens: Screens, service: Service, number: str, step: str
) -> None:
    page = open_slowly(screens, number, {step: "slow_2s"}, service)
    wait_until_settled(page)
    show_everything(page, step)
    page.evaluate(f"document.querySelector('#{step} .where').hidden = true")
    with pytest.raises(AssertionError):  # control: a fold would be noticed
        expect(page.locator(f"[data-step={step}] .office dd").first).to_be_visible(timeout=500)


def test_what_is_read_stays_where_it_is_when_an_item_above_grows(screens: Screens, service: Service) -> None:
    page = open_slowly(screens, "TS23000003", {"library_loans": "slow_2s"}, service)
    page.wait_for_selector("#library_loans[data-status=checking]")
    page.evaluate("document.querySelector('#dormitory').scrollIntoView()")
    before = page.locator("#dormitory").bounding_box()
    wait_until_settled(page)
    after = page.locator("#dormitory").bounding_box()
    assert before
    assert after
    assert abs(after["y"] - before["y"]) <= 1
