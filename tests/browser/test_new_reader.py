"""How far a new reader has to go on a phone: taps and scrolls to what matters, counted on the real pages."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from tests.browser.paper import draw_pages, read_qr, read_text
from tests.browser.screens import APP, CLEARANCE, PC, PHONE, SUBMISSION, Screens, submit
from tests.conftest import Service

LEAST_SHARE = 0.6
MARGIN_POINTS = 15 / 25.4 * 72


def is_seen(part: Locator) -> bool:
    """Whether all of it lies in the window, and not under the bar."""
    return bool(
        part.evaluate("""e => {
          const box = e.getBoundingClientRect(), bar = document.querySelector(".bar");
          const sticks = bar && getComputedStyle(bar).position === "sticky" && !bar.contains(e);
          return box.top >= 0 && box.bottom <= (sticks ? bar.getBoundingClientRect().top : innerHeight) + 1;
        }""")
    )


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
@pytest.mark.parametrize(
    ("number", "step"),
    [("TS23000003", "library_loans"), ("TS23000006", "dormitory"), ("TS23000008", "finance")],
)
def test_what_is_missing_is_seen_at_once_and_the_departments_phone_after_one_tap(
    screens: Screens, number: str, step: str, locale: str
) -> None:
    page = screens.sign_in(number, viewport=PHONE, locale=locale, reduced_motion="reduce")
    failed = page.locator(".segments .outstanding")
    expect(failed).to_have_count(1)
    assert is_seen(failed)
    assert failed.get_attribute("href") == f"#{step}"
    page.locator("[data-main-action]").click()
    phone = page.locator(f"#{step} a[href^='tel:']").first
    expect(phone).to_be_in_viewport()
    assert is_seen(phone)


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_the_qr_is_seen_large_after_the_one_tap_that_submits(
    screens: Screens, fresh_student: str, locale: str
) -> None:
    page = screens.sign_in(fresh_student, SUBMISSION, viewport=PHONE, locale=locale)
    page.locator("[data-main-action]").click()
    page.wait_for_url("**/slips/*")
    qr = page.locator("[data-qr=large]")
    box = qr.bounding_box()
    assert box
    assert box["width"] >= LEAST_SHARE * PHONE["width"]
    assert is_seen(qr)
    success = page.locator("main [role=status]")
    expect(success).to_contain_text("提交成功" if locale == "zh-CN" else "Submitted")
    expect(success).to_be_focused()
    page.reload()
    expect(page.locator("main [role=status]")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_large_qr_scans_without_a_network_and_is_the_papers(
    screens: Screens, fresh_student: str, scheme: str
) -> None:
    page = screens.sign_in(fresh_student, viewport=PHONE, color_scheme=scheme)
    page.route("**/*.png*", lambda route: route.abort())
    submit(page)
    shot = page.locator("[data-qr=large]").screenshot()
    assert read_qr(Image.open(BytesIO(shot))) == page.input_value("#address")


def test_a_holder_saves_the_picture_as_a_file_and_sees_how_often_the_slip_was_checked(
    screens: Screens, fresh_student: str
) -> None:
    page = screens.sign_in(fresh_student, viewport=PHONE)
    submit(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="保存图片").click()
    assert download.value.suggested_filename.endswith(".png")
    assert read_qr(Image.open(download.value.path())) == page.input_value("#address")
    expect(page.locator("main")).to_contain_text("还没有人核验过")
    stranger = screens.open()
    for _ in range(2):
        stranger.goto(page.input_value("#address"))
    stranger.wait_for_timeout(800)
    page.reload()
    expect(page.locator("main")).to_contain_text("已被核验 1 次")  # the second was a reload


def test_a_segment_leads_to_its_item_and_opens_it(screens: Screens) -> None:
    page = screens.sign_in("TS23000003", viewport=PHONE)
    facts = page.locator("#archive .facts")
    expect(facts).to_be_hidden()
    page.locator(".segments a[href='#archive']").click()
    expect(facts).to_be_visible()
    expect(page.locator("#archive h3")).to_be_in_viewport()


def test_asking_again_keeps_focus_and_place_and_says_what_came_of_it(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    service.campus.set_facts(fresh_student, "dormitory", checkout_date=None, checkout_by=None)
    page = screens.sign_in(fresh_student, viewport=PHONE)
    loads: list[str] = []
    page.on("load", lambda _: loads.append(page.url))
    button = page.locator("#dormitory [data-asks] button")
    button.scroll_into_view_if_needed()
    before = button.bounding_box()
    service.campus.set_facts(fresh_student, "dormitory", checkout_date="2026-06-10", checkout_by="王建国")
    button.click()
    item = page.locator("#dormitory")
    expect(item).to_have_attribute("data-status", "cleared")
    expect(page.locator("#said")).to_contain_text("“退宿”已重新查询：通过")
    expect(button).to_be_focused()
    expect(page.locator("#progress")).to_contain_text("五项全部通过")
    expect(page.locator("[data-main-action]")).to_have_text("提交离校服务")
    after = button.bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) <= 1
    assert loads == []


def test_asking_all_again_asks_each_department_once_and_says_the_result(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    page = screens.sign_in(fresh_student, viewport=PHONE)
    asked = len(service.campus.calls("archive", fresh_student))
    service.campus.set_fault("archive", "slow_2s")
    service.campus.set_facts(fresh_student, "archive", state="")
    page.get_by_role("button", name="全部重新查询").click()
    expect(page.locator("#archive")).to_have_attribute("data-status", "checking")
    expect(page.locator("#archive")).to_have_attribute("data-status", "outstanding", timeout=15_000)
    expect(page.locator("#said")).to_contain_text("四项通过，一项未通过")
    expect(page.get_by_role("button", name="全部重新查询")).to_be_focused()
    expect(page.locator("[data-main-action]")).to_have_text("去处理：论文归档")
    assert len(service.campus.calls("archive", fresh_student)) == asked + 1


def test_without_a_script_asking_all_again_comes_with_every_answer(
    screens: Screens, service: Service, fresh_student: str
) -> None:
    page = screens.sign_in(fresh_student, java_script_enabled=False)
    service.campus.set_facts(fresh_student, "archive", state="")
    page.get_by_role("button", name="全部重新查询").click()
    expect(page.locator("#archive")).to_have_attribute("data-status", "outstanding")


def test_a_number_is_copied_with_a_word_that_it_was_done(screens: Screens) -> None:
    page = screens.open(permissions=["clipboard-read"])
    page.goto(f"{APP}/")
    button = page.locator("footer [data-copy-text]")
    button.click()
    expect(button).to_have_text("已复制")
    expect(page.locator("#said")).to_have_text("已复制")
    assert page.evaluate("navigator.clipboard.readText()") == "313963892"


def test_a_dispute_has_a_text_to_copy_without_anything_of_the_person(screens: Screens) -> None:
    page = screens.sign_in("TS23000006", viewport=PHONE, permissions=["clipboard-read"])
    item = page.locator("#dormitory")
    item.get_by_text("信息有误？").click()
    item.get_by_role("button", name="复制文字").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    for part in ("退宿", "未通过", "尚未办理退宿", "查询时间：20", "请求编号："):
        assert part in copied
    name = page.locator("[data-account] b").inner_text()
    assert name not in copied
    assert "TS23000006" not in copied
    assert "B412" not in copied


def test_heading_navigation_hears_each_status(screens: Screens) -> None:
    page = screens.sign_in("TS23000003")
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    headings = [node["name"]["value"] for node in nodes if node.get("role", {}).get("value") == "heading"]
    assert sum("未通过" in heading for heading in headings) == 2  # the sum of all, and the item
    for title in ("论文提交", "论文归档", "退宿", "收费"):
        assert any(title in heading and heading.endswith("通过") for heading in headings), headings


@pytest.mark.parametrize("path", [f"{CLEARANCE}?wait=1", "/completed"])
def test_a_page_prints_with_margins_and_without_its_buttons(
    screens: Screens, fresh_student: str, path: str
) -> None:
    page = screens.sign_in(fresh_student, viewport=PC)
    submit(page)
    page.goto(path)
    printed = page.pdf(prefer_css_page_size=True)
    text = read_text(printed)
    assert "离校" in text
    for button in ("重新查询", "退出", "查看离校单", "复制", "常见问题"):
        assert button not in text
    for sheet in draw_pages(printed, 72):
        grey = sheet.convert("L").point(lambda shade: 255 if shade < 245 else 0)
        box = grey.getbbox()
        assert box
        assert min(box[0], box[1]) >= MARGIN_POINTS - 2
        assert box[2] <= sheet.width - MARGIN_POINTS + 2


def test_a_guard_who_comes_by_the_students_way_is_led_to_the_guards_pages(screens: Screens) -> None:
    page = screens.sign_in("00420016", CLEARANCE)
    expect(page.locator("[data-error=NotAStudent]")).to_be_visible()
    expect(page.get_by_role("link", name="门岗核验")).to_be_visible()
    page.locator("main").get_by_role("link", name="离校单核验").click()
    assert page.url.endswith("/verify")


def test_staff_sign_in_from_the_pages_of_verification_and_come_back(screens: Screens) -> None:
    page = screens.open()
    page.goto("/verify")
    page.get_by_role("link", name="工作人员登录").click()
    page.fill("[name=username]", "00420016")
    page.fill("[type=password]", "demo")
    page.click("form:has([type=password]) button.primary")
    page.wait_for_url("**/verify")
    expect(page.locator("[data-account]")).to_contain_text("0016")
    expect(page.get_by_role("link", name="工作人员登录")).to_have_count(0)
