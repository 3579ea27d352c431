"""A second mini-app is a second folder, its configuration and its departments: 本科生离校 beside 研究生离校."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pypdfium2
import pytest

from tests.campus.client import PROJECT, CampusClient
from tests.conftest import Service
from tests.integration.test_manual import get_item
from tests.running import running_service
from tests.visitor import APP as GRADUATE_APP
from tests.visitor import Visitor, get_verdict, list_statuses

APP = "/undergraduate-departure"
STEPS = ("library_loans", "finance", "dormitory", "campus_card", "student_card")
ALL_CLEARED = dict.fromkeys(STEPS, "cleared")
CONFIG = PROJECT / "config" / "demo_undergraduate.toml"
CANCEL = f"{APP}/clearance/library_loans/cancel-card"


@pytest.fixture(scope="module")
def both(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with both mini-apps."""
    with running_service(campus, tmp_path_factory.mktemp("both"), configs=[CONFIG]) as service:
        yield service


@pytest.fixture
def visitor(both: Service) -> Visitor:
    """A fresh browser at the service with both mini-apps, the campus as at the start."""
    both.campus.reset()
    return both.visit()


def sign_in(visitor: Visitor, number: str, app: str = APP) -> str:
    """Sign in and return the clearance page with every answer in it."""
    visitor.sign_in(number, f"{app}/clearance")
    return visitor.get(f"{app}/clearance?wait=1").text


def test_the_hall_lists_both_services(visitor: Visitor) -> None:
    hall = visitor.get("/")
    assert hall.url == f"{visitor.url}/"
    for title, path in (("研究生离校服务", GRADUATE_APP), ("本科生离校服务", APP)):
        assert title in hall.text
        assert f'href="{path}/"' in hall.text


def test_without_its_configuration_there_is_no_second_service(service: Service) -> None:
    visitor = service.visit()
    assert visitor.get("/").url.endswith(f"{GRADUATE_APP}/")
    assert visitor.get(f"{APP}/").status_code == 404


def test_the_guide_names_five_departments_and_leads_to_the_query_page(visitor: Visitor) -> None:
    guide = visitor.get(f"{APP}/").text
    for words in ("本科生离校服务", "2026届", "校园卡中心", "教务部", "所在学院教务办公室", "我要办理"):
        assert words in guide
    assert f'href="{APP}/clearance"' in guide
    assert "e矿大" not in guide
    assert "e矿大" in visitor.get(f"{GRADUATE_APP}/").text


def test_everything_passes_for_the_first_undergraduate_whose_number_keeps_its_zero(visitor: Visitor) -> None:
    visitor.sign_in("08230001", f"{APP}/clearance")
    page = visitor.get(f"{APP}/clearance?wait=1")
    assert list_statuses(page) == ALL_CLEARED
    assert "08230001" in page.text
    assert "本科" in page.text
    assert "五项全部通过" in page.text


def test_money_on_the_card_and_a_kept_student_id_are_told_with_what_to_do(visitor: Visitor) -> None:
    visitor.sign_in("08230002", f"{APP}/clearance")
    page = visitor.get(f"{APP}/clearance?wait=1")
    changes = {"campus_card": "outstanding", "student_card": "outstanding"}
    assert list_statuses(page) == ALL_CLEARED | changes
    card = get_item(page.text, "campus_card")
    for words in ("校园卡还有余额 ¥23.40", "退余额", "校园卡状态为“正常”", "校园卡中心一楼服务大厅"):
        assert words in card
    student_id = get_item(page.text, "student_card")
    assert "学生证未上交" in student_id
    assert "所在学院教务办公室" in student_id


@pytest.mark.parametrize(
    ("balance", "status", "expected"),
    [
        ("0.00", "冻结", "cleared"),
        ("0.00", "销户", "cleared"),
        ("0.00", "挂失", "outstanding"),
        ("0.00", "正常", "outstanding"),
        ("0.01", "冻结", "outstanding"),
        ("0.01", "销户", "outstanding"),
    ],
)
def test_the_campus_card_passes_when_it_is_empty_and_frozen_or_closed(
    visitor: Visitor, both: Service, balance: str, status: str, expected: str
) -> None:
    both.campus.set_facts("08230002", "campus_card", balance=balance, status=status)
    visitor.sign_in("08230002", f"{APP}/clearance")
    assert list_statuses(visitor.get(f"{APP}/clearance?wait=1"))["campus_card"] == expected


def test_a_lost_student_id_passes_once_its_loss_is_on_record(visitor: Visitor, both: Service) -> None:
    both.campus.set_facts("08230002", "student_card", state="遗失已备案")
    visitor.sign_in("08230002", f"{APP}/clearance")
    assert list_statuses(visitor.get(f"{APP}/clearance?wait=1"))["student_card"] == "cleared"


@pytest.mark.parametrize("system", ["campus_card", "student_card"])
@pytest.mark.parametrize("fault", ["null_data", "wrong_student", "nan", "unknown_value", "error_envelope"])
def test_an_answer_that_proves_nothing_is_unavailable_and_touches_no_other_item(
    visitor: Visitor, both: Service, system: str, fault: str
) -> None:
    both.campus.set_fault(system, fault)
    visitor.sign_in("08230001", f"{APP}/clearance")
    page = visitor.get(f"{APP}/clearance?wait=1")
    assert list_statuses(page) == ALL_CLEARED | {system: "unavailable"}


def test_submitting_with_items_outstanding_is_refused_with_the_reasons(visitor: Visitor) -> None:
    sign_in(visitor, "08230002")
    answer = visitor.post(f"{APP}/submission", visitor.get(f"{APP}/submission"))
    assert answer.status_code == 422
    assert 'data-error="StepsOutstanding"' in answer.text
    for words in ("¥23.40", "学生证未上交"):
        assert words in answer.text
    assert "/slips/LX" not in visitor.get("/completed").text


def test_an_undergraduate_cancels_the_card_submits_and_holds_a_slip_that_is_valid(
    visitor: Visitor, both: Service
) -> None:
    both.campus.set_facts("08230001", "library_loans", card="active")
    assert CANCEL in sign_in(visitor, "08230001")
    answer = visitor.post(CANCEL, visitor.get(CANCEL))
    assert "借书证已注销" in visitor.get(answer.headers["Location"]).text
    assert both.campus.get_facts("08230001", "library_loans")["card"] == "cancelled"

    submitted = visitor.post(f"{APP}/submission", visitor.get(f"{APP}/submission"))
    assert submitted.status_code == 303
    again = visitor.get(f"{APP}/submission")
    assert again.url == f"{visitor.url}{submitted.headers['Location']}"
    assert "本科生离校服务" in visitor.get("/completed").text

    text = read_pdf(visitor.get(f"{submitted.headers['Location']}.pdf").content)
    for words in (
        "中国矿业大学本科生离校单",
        "林一鸣",
        "08230001",
        "校园卡",
        "已销户",
        "学生证",
        "已上交",
        "2026届",
    ):
        assert words in text, words
    for words in ("论文", "档案馆", "研究生"):
        assert words not in text, words

    address = re.search(r"http[^<\s]+/v/[0-9]+", again.text)
    assert address
    verification = both.visit().get(address[0])
    assert get_verdict(verification) == "valid"
    assert "林**" in verification.text


def read_pdf(content: bytes) -> str:
    """The text of a PDF file, without its spaces."""
    document = pypdfium2.PdfDocument(content)
    try:
        return "".join("".join(page.get_textpage().get_text_bounded().split()) for page in document)
    finally:
        document.close()


@pytest.mark.parametrize(("number", "app"), [("TS23000002", APP), ("08230001", GRADUATE_APP)])
def test_nobody_may_leave_by_the_service_of_another_level(visitor: Visitor, number: str, app: str) -> None:
    answer = visitor.sign_in(number, f"{app}/clearance")
    assert answer.status_code == 403
    assert 'data-error="NotGraduating"' in answer.text
    assert visitor.get(f"{app}/submission").status_code == 403
    own = GRADUATE_APP if app == APP else APP
    assert visitor.get(f"{own}/clearance").status_code == 200


def test_without_named_levels_a_graduate_would_be_let_in(
    campus: CampusClient, tmp_path_factory: pytest.TempPathFactory
) -> None:
    everybody = {"LIXIAO_MINI_APPS__UNDERGRADUATE_DEPARTURE__LEVELS": "all"}
    with running_service(campus, tmp_path_factory.mktemp("all"), everybody, configs=[CONFIG]) as service:
        answer = service.visit().sign_in("TS23000002", f"{APP}/clearance")
        assert answer.status_code == 200
