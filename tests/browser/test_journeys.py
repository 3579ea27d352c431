"""Whole ways through the service, as the demo students go them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.paper import draw_pages, open_picture, read_qr, read_text
from tests.browser.screens import CLEARANCE, PC, Screens, submit
from tests.conftest import Service

SLIP_FILE_BYTES = 60 * 1024


def get_verdict(page: Page) -> str | None:
    """The verdict that the page shows."""
    return page.locator("[data-verdict]").get_attribute("data-verdict")


def test_a_student_cancels_the_card_submits_and_the_slip_verifies(screens: Screens) -> None:
    page = screens.sign_in("TS23000001")
    loans = page.locator("[data-step=library_loans]")
    expect(loans).to_have_attribute("data-status", "outstanding")
    expect(page.locator(".bar")).to_contain_text("四项通过，一项未通过")
    loans.get_by_role("link", name="注销借书证").click()
    page.get_by_role("button", name="确认注销借书证").click()
    told = page.locator(".notice[role=status]")
    expect(told).to_contain_text("借书证已注销")
    expect(told).to_be_focused()
    expect(loans).to_have_attribute("data-status", "cleared")

    page.get_by_role("link", name="提交离校服务").click()
    expect(page.locator("main")).to_contain_text("只能提交一次")
    page.get_by_role("button", name="确认提交").click()
    page.wait_for_url("**/slips/*")
    number = page.url.rpartition("/")[2]

    pdf = _download(page, "下载PDF")
    picture = page.request.get(page.locator("figure img").get_attribute("src") or "").body()
    assert len(pdf) <= SLIP_FILE_BYTES
    assert len(picture) <= SLIP_FILE_BYTES
    address = read_qr(draw_pages(pdf)[0])
    assert address == read_qr(open_picture(picture)) == page.input_value("#address")
    assert number in read_text(pdf)

    stranger = screens.open()
    stranger.goto(address)
    assert get_verdict(stranger) == "valid"
    expect(stranger.locator("main")).to_contain_text("陈**")
    expect(stranger.locator("main")).not_to_contain_text("陈思远")
    stranger.goto(address[:-1] + str(9 - int(address[-1])))
    assert get_verdict(stranger) != "valid"


def test_a_student_with_debts_is_refused_with_every_reason_and_a_way_to_each_item(screens: Screens) -> None:
    page = screens.sign_in("TS23000003")
    page.get_by_role("link", name="提交离校服务").click()
    expect(page.locator(".notice.warn")).to_contain_text("现在提交会被退回")
    with page.expect_response("**/submission") as answer:
        page.get_by_role("button", name="确认提交").click()
    assert answer.value.status == 422
    summary = page.locator("[data-error=StepsOutstanding]")
    expect(summary).to_be_focused()
    assert page.title().startswith("错误：")
    for reason in ("2 本", "¥12.50", "1 次", "尚未注销"):
        expect(summary).to_contain_text(reason)
    summary.get_by_role("link").first.click()
    expect(page.locator("#library_loans")).to_be_in_viewport()
    page.locator("#library_loans").get_by_role("link", name="去处理").click()
    expect(page.locator("[data-step=library_loans]")).to_be_in_viewport()
    assert page.url.endswith(f"{CLEARANCE}#library_loans")


def test_rare_characters_of_a_name_stand_on_the_page_and_in_the_pdf(screens: Screens) -> None:
    page = screens.sign_in("TS23000009")
    expect(page.locator("main")).to_contain_text("欧阳䶮𠮷𬭎")
    submit(page)
    assert "欧阳䶮𠮷𬭎" in read_text(_download(page, "下载PDF"))
    page.goto(page.input_value("#address"))
    expect(page.locator("main")).to_contain_text("欧阳***")


def test_every_step_works_without_javascript(screens: Screens, service: Service, fresh_student: str) -> None:
    service.campus.set_facts(fresh_student, "library_loans", card="active")
    page = screens.sign_in(fresh_student, java_script_enabled=False)
    page.get_by_role("link", name="提交离校服务").click()
    page.get_by_role("button", name="确认提交").click()
    expect(page.locator("[data-error=StepsOutstanding]")).to_be_visible()
    page.goto(CLEARANCE)
    page.get_by_role("link", name="注销借书证").click()
    page.get_by_role("button", name="确认注销借书证").click()
    expect(page.locator("[data-step=library_loans]")).to_have_attribute("data-status", "cleared")
    finance = page.locator("[data-step=finance]")
    finance.locator("summary").click()
    finance.get_by_role("button", name="重新查询").click()
    assert page.url.endswith("#finance")
    expect(finance).to_contain_text("已重新查询：通过")
    submit(page)
    expect(page.get_by_role("link", name="下载PDF")).to_be_visible()
    expect(page.get_by_role("button", name="打印")).to_be_hidden()
    page.goto("/completed")
    expect(page.get_by_role("link", name="查看离校单")).to_have_count(1)
    page.get_by_role("button", name="退出").click()
    page.wait_for_url(lambda address: not address.endswith("/completed"))
    assert page.request.get("/completed", max_redirects=0).status == 302


@pytest.mark.parametrize("javascript", [True, False])
def test_a_double_click_gives_one_slip(screens: Screens, fresh_student: str, javascript: bool) -> None:
    page = screens.sign_in(fresh_student, "/graduate-departure/submission", java_script_enabled=javascript)
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    page.get_by_role("button", name="确认提交").dblclick(no_wait_after=True)
    page.wait_for_url("**/slips/*")
    assert len(posts) == 1 if javascript else posts
    page.goto("/completed")
    expect(page.get_by_role("link", name="查看离校单")).to_have_count(1)


def test_a_page_restored_by_back_shows_the_present_state(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    page = screens.sign_in(fresh_student)
    page.goto("/graduate-departure/")
    service.campus.set_facts(fresh_student, "archive", state="")
    page.go_back()
    expect(page.locator("[data-step=archive]")).to_have_attribute("data-status", "outstanding")


@pytest.mark.parametrize("javascript", [True, False])
def test_a_slow_department_is_awaited_and_its_item_comes_by_itself(
    screens: Screens, service: Service, fresh_student: str, javascript: bool
) -> None:
    service.campus.set_fault("archive", "slow_2s")
    page = screens.sign_in(fresh_student, java_script_enabled=javascript)
    expect(page.locator("[data-step=archive]")).to_have_attribute("data-status", "cleared", timeout=15_000)
    expect(page.locator("#progress")).to_contain_text("五项全部通过")
    expect(page.locator("[data-status=checking]")).to_have_count(0)
    assert page.url.endswith(CLEARANCE if javascript else f"{CLEARANCE}?wait=1")


def test_the_address_to_verify_can_be_copied(screens: Screens, fresh_student: str) -> None:
    page = screens.sign_in(fresh_student, viewport=PC, permissions=["clipboard-read"])
    submit(page)
    page.get_by_text("核验地址", exact=True).click()
    page.get_by_role("button", name="复制核验地址").click()
    expect(page.get_by_role("button", name="已复制")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.input_value("#address")


def _download(page: Page, name: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("link", name=name).click()
    return Path(download.value.path()).read_bytes()
