"""The user manual, sentence by sentence, on the running product with real departments."""

from __future__ import annotations

import re

import pytest

from tests.conftest import Service
from tests.visitor import APP, Visitor, list_statuses

ALL_CLEARED = dict.fromkeys(("library_loans", "library_thesis", "archive", "dormitory", "finance"), "cleared")


def get_item(page_text: str, key: str) -> str:
    """The HTML of one item of the clearance page."""
    found = re.search(rf'<article[^>]*data-step="{key}".*?</article>', page_text, re.DOTALL)
    assert found
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]))


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        ("TS23000001", {"library_loans": "outstanding"}),
        ("TS23000002", {}),
        ("TS23000003", {"library_loans": "outstanding"}),
        ("TS23000004", {"library_thesis": "pending"}),
        ("TS23000005", {"archive": "outstanding"}),
        ("TS23000006", {"dormitory": "outstanding"}),
        ("TS23000007", {}),
        ("TS23000008", {"finance": "outstanding"}),
        ("TS23000009", {}),
        ("TB23000010", {}),
        ("TS23000011", {"library_loans": "outstanding"}),
    ],
)
def test_every_demo_account_sees_the_case_it_stands_for(
    visitor: Visitor, number: str, changes: dict[str, str]
) -> None:
    assert list_statuses(visitor.sign_in(number)) == ALL_CLEARED | changes


def test_the_guide_page_leads_to_the_query_page_by_我要办理(visitor: Visitor) -> None:
    guide = visitor.get("/")
    assert guide.url.endswith(f"{APP}/")
    assert "我要办理" in guide.text
    assert f'href="{APP}/clearance"' in guide.text


def test_the_query_page_shows_basic_information_and_items_of_four_departments(visitor: Visitor) -> None:
    text = visitor.sign_in("TS23000002").text
    for word in ("基本信息", "李文静", "TS23000002", "计算机科学与技术学院", "硕士"):
        assert word in text
    for department in ("图书馆", "档案馆", "总务部公寓与物业中心", "财务资产部"):
        assert department in text


def test_loans_show_欠书_欠费_违章_and_the_card_and_every_debt_is_told(visitor: Visitor) -> None:
    item = get_item(visitor.sign_in("TS23000003").text, "library_loans")
    for words in ("未通过", "欠书", "2 本", "欠费", "¥12.50", "违章", "1 次", "借书证状态", "有效"):
        assert words in item
    assert item.count("请到图书馆") >= 2


def test_cancelling_the_card_is_not_offered_while_books_are_out(visitor: Visitor) -> None:
    page = visitor.sign_in("TS23000003")
    assert "cancel-card" not in page.text
    answer = visitor.post(f"{APP}/clearance/library_loans/cancel-card", page)
    assert answer.status_code == 409
    assert 'data-error="ActionNotOffered"' in answer.text


def test_the_thesis_item_shows_the_library_status(visitor: Visitor) -> None:
    assert "审核中" in get_item(visitor.sign_in("TS23000004").text, "library_thesis")


def test_an_empty_archive_status_says_to_hand_the_thesis_in(visitor: Visitor) -> None:
    assert "请线下到档案馆提交论文" in get_item(visitor.sign_in("TS23000005").text, "archive")


def test_who_has_not_checked_out_is_sent_to_the_dormitory_warden(visitor: Visitor) -> None:
    page = visitor.sign_in("TS23000006").text
    item = get_item(page, "dormitory")
    assert page.count("<b>尚未办理退宿</b>") == 1, "two empty facts, said once"
    for empty in ("退宿日期 空", "退宿办理人 空"):
        assert empty in item
    assert "公寓管理员" in item


def test_who_never_lived_in_passes_and_is_told_why(visitor: Visitor) -> None:
    page = visitor.sign_in("TS23000007").text
    assert "无需办理退宿" in get_item(page, "dormitory")
    assert "没有欠费记录" in get_item(page, "finance")


def test_arrears_are_shown_row_by_row_with_their_sum(visitor: Visitor) -> None:
    item = get_item(visitor.sign_in("TS23000008").text, "finance")
    for words in ("¥500.00", "¥300.00", "共欠款 ¥800.00", "交费"):
        assert words in item


def test_the_support_line_is_on_every_page(visitor: Visitor) -> None:
    visitor.sign_in("TS23000002")
    for path in ("/", f"{APP}/clearance", f"{APP}/submission", "/completed", "/nowhere", "/v/1"):
        assert "313963892" in visitor.get(path).text, path


def test_cancelling_the_card_changes_the_library_and_the_item_passes(
    service: Service, visitor: Visitor
) -> None:
    page = visitor.sign_in("TS23000001")
    path = f"{APP}/clearance/library_loans/cancel-card"
    assert path in page.text
    confirmation = visitor.get(path)
    assert "不能恢复" in confirmation.text
    answer = visitor.post(path, confirmation)
    assert answer.status_code == 303
    assert service.campus.get_facts("TS23000001", "library_loans")["card"] == "cancelled"
    after = visitor.get(answer.headers["Location"])
    assert list_statuses(after) == ALL_CLEARED
    assert "借书证已注销" in after.text


def test_a_refused_cancellation_says_to_ask_the_library(service: Service, visitor: Visitor) -> None:
    visitor.sign_in("TS23000011")
    path = f"{APP}/clearance/library_loans/cancel-card"
    answer = visitor.post(path, visitor.get(path))
    after = visitor.get(answer.headers["Location"])
    assert "图书馆未能注销借书证，请联系图书馆。" in after.text
    assert list_statuses(after)["library_loans"] == "outstanding"
    assert service.campus.get_facts("TS23000011", "library_loans")["card"] == "active"


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("TS23000003", ("图书未归还", "¥12.50", "违章")),
        ("TS23000004", ("审核中",)),
        ("TS23000005", ("档案馆",)),
        ("TS23000006", ("尚未办理退宿",)),
        ("TS23000008", ("¥800.00",)),
    ],
)
def test_submitting_with_an_item_outstanding_is_refused_with_every_reason_and_stores_nothing(
    visitor: Visitor, number: str, message: tuple[str, ...]
) -> None:
    visitor.sign_in(number)
    answer = visitor.submit()
    assert answer.status_code == 422
    assert 'data-error="StepsOutstanding"' in answer.text
    assert "<title>错误：" in answer.text
    for words in message:
        assert words in answer.text
    assert "/slips/LX" not in visitor.get("/completed").text


def test_the_check_page_says_that_one_can_submit_only_once(visitor: Visitor) -> None:
    visitor.sign_in("TS23000002")
    assert "只能提交一次" in visitor.get(f"{APP}/submission").text


def test_the_submitted_slip_stands_under_已完成事项_and_can_be_printed(
    visitor: Visitor, fresh_student: str
) -> None:
    visitor.sign_in(fresh_student)
    answer = visitor.submit()
    assert answer.status_code == 303
    number = answer.headers["Location"].rsplit("/", 1)[1]
    completed = visitor.get("/completed")
    assert number in completed.text
    assert visitor.get(f"/slips/{number}").status_code == 200
    pdf = visitor.get(f"/slips/{number}.pdf")
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-")


def test_a_teacher_is_told_that_the_service_is_for_graduates(visitor: Visitor) -> None:
    answer = visitor.sign_in("00420013")
    assert answer.status_code == 403
    assert 'data-error="NotAStudent"' in answer.text
    assert "<h1>本服务面向毕业生</h1>" in answer.text


@pytest.mark.parametrize("number", ["00420014", "00420016"])
def test_a_clerk_and_a_guard_are_told_that_the_account_is_for_staff_and_where_to_verify(
    visitor: Visitor, number: str
) -> None:
    answer = visitor.sign_in(number)
    assert answer.status_code == 403
    assert 'data-error="NotAStudent"' in answer.text
    assert "<h1>您登录的是工作人员账号</h1>" in answer.text
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    assert 'href="/verify"' in main
    assert 'href="/gate"' in main


def test_a_student_of_another_period_is_told_so(visitor: Visitor) -> None:
    answer = visitor.sign_in("TS25000012")
    assert answer.status_code == 403
    assert 'data-error="NotGraduating"' in answer.text


def test_a_debt_that_is_reduced_to_nothing_passes_and_says_that_nothing_is_owed(
    service: Service, visitor: Visitor, fresh_student: str
) -> None:
    row = {"project": "学费", "amount": "800.00", "deferred": "0.00", "reduced": "0.00", "loan": "800.00"}
    service.campus.set_facts(fresh_student, "finance", rows=[row])
    item = get_item(visitor.sign_in(fresh_student).text, "finance")
    assert "✓ 通过" in item
    assert "仍欠 ¥0.00" in item


def test_to_cancel_the_card_is_said_only_where_nothing_else_is_left(visitor: Visitor) -> None:
    alone, among_others = (
        get_item(page.text, "library_loans")
        for page in (visitor.sign_in("TS23000001"), Visitor(visitor.url).sign_in("TS23000003"))
    )
    assert "可以在此注销借书证。" in alone
    assert "归还图书" not in alone
    assert "归还图书、缴清欠费、处理违章后，可在此注销借书证。" in among_others


def test_who_lives_in_a_building_with_its_own_office_is_led_there(
    service: Service, visitor: Visitor, fresh_student: str
) -> None:
    service.campus.set_facts(
        fresh_student, "dormitory", building="竹园 ２号楼", checkout_date=None, checkout_by=None
    )
    assert "竹园公寓管理员 0516-00000142" in get_item(visitor.sign_in(fresh_student).text, "dormitory")
    service.campus.set_facts(
        fresh_student, "dormitory", building="梅园1号楼", checkout_date=None, checkout_by=None
    )
    item = get_item(visitor.get(f"{APP}/clearance?wait=1").text, "dormitory")
    assert "所住公寓管理员 0516-00000104" in item
