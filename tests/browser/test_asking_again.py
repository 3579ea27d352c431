"""Asking departments again from an open page, whatever they answer and whatever the network does meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.screens import CLEARANCE, PHONE, Screens
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.running import running_service

ALL = "全部重新查询"
SYSTEMS = ("library_loans", "library_thesis", "archive", "dormitory", "finance")
AWAITED = 20_000


def press(page: Page, step: str = "") -> None:
    """Ask all departments, or one."""
    if step:
        page.locator(f"#{step} [data-asks] button").click()
    else:
        page.get_by_role("button", name=ALL).click()


def list_order(page: Page) -> list[str]:
    """The items' keys from the top."""
    return page.locator("[data-step]").evaluate_all("items => items.map(item => item.id)")


@pytest.mark.parametrize("step", ["", "library_loans"])
def test_an_item_that_still_does_not_pass_shows_its_new_reasons_and_action(
    screens: Screens, service: Service, fresh_student: str, step: str
) -> None:
    service.campus.set_facts(fresh_student, "library_loans", books=2, debt="12.50", card="active")
    page = screens.sign_in(fresh_student, viewport=PHONE)
    service.campus.set_facts(fresh_student, "library_loans", books=0, debt="0.00", card="active")
    press(page, step)
    item = page.locator("#library_loans")
    expect(item.locator("[data-action]")).to_be_visible()
    expect(item.locator(".reasons")).not_to_contain_text("图书未归还")


def test_one_press_asks_one_department_once(screens: Screens, service: Service, fresh_student: str) -> None:
    service.campus.set_facts(fresh_student, "archive", state="")
    page = screens.sign_in(fresh_student, viewport=PHONE)
    before = {system: len(service.campus.calls(system, fresh_student)) for system in SYSTEMS}
    press(page, "archive")
    expect(page.locator("#said")).to_contain_text("“论文归档”已重新查询：未通过")
    after = {system: len(service.campus.calls(system, fresh_student)) for system in SYSTEMS}
    assert after == {**before, "archive": before["archive"] + 1}


def test_what_is_said_is_what_is_shown_even_where_the_department_fails_at_that_moment(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    service.campus.set_facts(fresh_student, "archive", state="")
    page = screens.sign_in(fresh_student, viewport=PHONE)
    service.campus.set_facts(fresh_student, "archive", state="已审核")
    service.campus.set_fault("archive", "none", delay_ms=900)
    press(page, "archive")
    page.wait_for_timeout(400)
    service.campus.set_fault("archive", "http_500")
    item = page.locator("#archive")
    expect(item.locator("> [role=status]")).to_be_visible(timeout=AWAITED)
    word = item.locator(".badge").inner_text().split()[-1]
    expect(item.locator("> [role=status]")).to_have_text(f"“论文归档”已重新查询：{word}")


def test_after_asking_all_what_is_left_comes_first_again(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    page = screens.sign_in(fresh_student, viewport=PHONE)
    service.campus.set_facts(fresh_student, "dormitory", checkout_date=None, checkout_by=None)
    service.campus.set_fault("finance", "slow_2s")
    press(page)
    expect(page.locator("#said")).to_have_text("四项通过，一项未通过", timeout=AWAITED)
    assert list_order(page) == ["dormitory", *(step for step in SYSTEMS if step != "dormitory")]
    expect(page.get_by_role("button", name=ALL)).to_be_focused()


def test_who_reads_on_meanwhile_stays_where_they_are(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    service.campus.set_facts(fresh_student, "library_loans", books=1)
    page = screens.sign_in(fresh_student, viewport=PHONE)
    service.campus.set_fault("library_loans", "none", delay_ms=1000)
    press(page, "library_loans")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    read = page.locator(".person h2")
    before = read.bounding_box()
    expect(page.locator("#said")).to_contain_text("已重新查询", timeout=AWAITED)
    after = read.bounding_box()
    assert before
    assert after
    assert (
        abs(before["y"] - after["y"]) <= 80
    )  # the notice in the item above; never a jump back to the button


def test_work_is_shown_while_a_department_is_asked(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    service.campus.set_facts(fresh_student, "archive", state="")
    page = screens.sign_in(fresh_student, viewport=PHONE)
    service.campus.set_fault("archive", "none", delay_ms=900)
    press(page, "archive")
    expect(page.locator("#archive .again p")).to_have_text("正在查询…")
    expect(page.locator("#said")).to_have_text("正在查询…")


@pytest.mark.parametrize("step", ["", "archive"])
def test_without_a_network_the_page_stays_and_says_so(
    screens: Screens, service: Service, fresh_student: str, step: str
) -> None:
    service.campus.set_facts(fresh_student, "archive", state="")
    page = screens.sign_in(fresh_student, viewport=PHONE)
    page.context.set_offline(True)
    press(page, step)
    expect(page.locator("[data-lost]")).to_contain_text("没有连上网络")
    expect(page.locator("#archive .reasons")).to_contain_text("档案馆尚未收到论文")
    page.context.set_offline(False)
    press(page, step)
    expect(page.locator("#said")).to_contain_text("未通过")


def test_a_network_that_hangs_is_told_and_the_button_works_again(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    page = screens.sign_in(fresh_student, "/completed", viewport=PHONE)
    page.clock.install()
    page.goto(CLEARANCE)
    page.route("**/refresh", lambda _never_answered: None)
    press(page)
    expect(page.locator("#progress .again p")).to_have_text("正在查询…")
    page.clock.fast_forward(16_000)
    expect(page.locator("[data-lost]")).to_contain_text("没有连上网络")
    expect(page.locator("#progress .again p")).to_contain_text("查询于")
    page.unroute("**/refresh")
    press(page)
    expect(page.locator("#said")).to_contain_text("五项全部通过")


def test_a_text_that_is_being_copied_stays_open(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    service.campus.set_facts(fresh_student, "archive", state="")
    page = screens.sign_in(fresh_student, viewport=PHONE)
    page.get_by_text("信息有误？").click()
    press(page, "archive")
    expect(page.locator("#said")).to_contain_text("已重新查询")
    expect(page.locator("#wrong-archive")).to_be_visible()


def test_whose_session_has_ended_signs_in_and_is_back(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    page = screens.sign_in(fresh_student, viewport=PHONE)
    page.context.clear_cookies(name="lixiao")
    press(page)
    page.wait_for_url(lambda address: not address.startswith(service.url) or address.endswith(CLEARANCE))
    expect(page.locator("[data-step]").or_(page.locator("[name=username]")).first).to_be_visible()


@pytest.fixture
def limited(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with little patience."""
    changes = {"LIXIAO_RATE_LIMIT__REFRESH": "3 per hour"}
    with running_service(campus, tmp_path_factory.mktemp("limited"), changes) as running:
        yield running


def test_who_asks_too_often_is_told_on_the_open_page(browser: Browser, limited: Service) -> None:
    screens = Screens(browser, limited.url)
    page = screens.sign_in("TS23000003", viewport=PHONE)
    for _ in range(4):
        press(page)
        expect(page.locator("form[aria-busy]")).to_have_count(0)
        expect(page.locator("[data-status=checking]")).to_have_count(0, timeout=AWAITED)
    expect(page.locator("[data-limited]")).to_be_visible()
    expect(page.locator("#said")).to_contain_text("查询过于频繁")
    screens.close()
