"""Every status of a step on the running service: who is asked, what is told, what keeps a student from submitting."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.every_status import APP, AT_ONCE, STUDENT, make_changes, set_scene
from tests.integration.operation.commands import run_flask
from tests.running import running_service
from tests.visitor import list_statuses

DOCTOR = "TB23000010"


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(campus, tmp_path_factory.mktemp("every"), make_changes()) as running:
        set_scene(campus, running)
        yield running


def get_item(page_text: str, key: str) -> str:
    """The words of one item."""
    found = re.search(rf'<(article|li)[^>]*data-step="{key}".*?</\1>', page_text, re.DOTALL)
    assert found
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", found[0]))


def test_every_status_stands_on_one_page_and_the_sentence_counts_what_is_required(service: Service) -> None:
    page = service.visit().sign_in(STUDENT, f"{APP}/clearance")
    assert list_statuses(page) == AT_ONCE
    text = re.sub(r"<[^>]+>|\s+", "", page.text)
    told = "两项通过（含一项豁免），一项未通过，一项暂时无法查询，一项待审核，一项待前项办结，正在查询一项；另有一项无需办理"
    assert told in text


def test_each_says_why_and_what_comes_next(service: Service) -> None:
    visitor = service.visit()
    page = visitor.sign_in(STUDENT, f"{APP}/clearance?wait=1").text
    assert "硕士研究生不要求学术活动记录" in get_item(page, "seminar")
    assert "等待图书馆审核" in get_item(page, "thesis")
    assert "您现在不用办理，由图书馆审核。" in get_item(page, "thesis")
    assert "请在图书馆学位论文提交系统中提交" not in get_item(page, "thesis")
    undecided = get_item(page, "room")
    assert "没有提供您的“学习形式”" in undecided
    assert "联系所在学院" in undecided
    waiting = get_item(page, "sign_off")
    assert "以下事项通过后才会查询这一项：图书借阅 论文提交 退宿" in waiting
    for key in ("seminar", "room", "sign_off"):
        assert "重新查询：" not in get_item(page, key)


def test_a_refused_submission_names_each_kind_of_what_is_missing_apart(service: Service) -> None:
    visitor = service.visit()
    visitor.sign_in(STUDENT, f"{APP}/clearance")
    answer = visitor.post(f"{APP}/submission", visitor.get(f"{APP}/submission"))
    assert answer.status_code == 422
    summary = answer.text.partition('data-error="StepsOutstanding"')[2].partition("</div>")[0]
    for words in (
        "一项未通过",
        "一项待审核",
        "这不代表未通过，由部门审核",
        "一项不能判断是否需要您办理",
    ):
        assert words in re.sub(r"<[^>]+>", "", summary)


def test_a_department_is_not_asked_about_whom_its_step_is_not_for_nor_before_those_ahead_pass(
    service: Service,
) -> None:
    visitor = service.visit()
    before = len(service.campus.calls("archive", STUDENT)), len(service.campus.calls("dormitory", STUDENT))
    page = visitor.sign_in(STUDENT, f"{APP}/clearance?wait=1")
    for key in ("seminar", "room", "sign_off"):
        assert visitor.post(f"{APP}/clearance/{key}/refresh", page).status_code == 303
    after = len(service.campus.calls("archive", STUDENT)), len(service.campus.calls("dormitory", STUDENT))
    # The archive answers for two steps of this page, by one call each time that it is loaded.
    assert (after[0] - before[0], after[1] - before[1]) == (1, 0)


def test_whom_a_step_is_for_is_asked_about_it(service: Service) -> None:
    page = service.visit().sign_in(DOCTOR, f"{APP}/clearance?wait=1")
    assert list_statuses(page)["seminar"] == "cleared"


def test_the_privacy_notice_names_what_conditions_ask_for(service: Service) -> None:
    assert "学习形式" in service.visit().get(f"{APP}/privacy").text


def test_operators_are_told_the_same(service: Service) -> None:
    service.visit().sign_in(STUDENT, f"{APP}/clearance?wait=1")
    shown = run_flask(service.environment, "students", "show", STUDENT).out
    for words in ("not_required by the sign-in", "the sign-in does not tell kind", "pending"):
        assert words in shown
    assert "waiting      for loans, thesis, room" in shown
    stuck = run_flask(service.environment, "students", "stuck", "--mini-app", "every_status").out
    assert "sign_off waiting for loans, thesis, room" in stuck
    words = ("waive", "every_status", "seminar", STUDENT, "--reason", "不需要的豁免", "--by", "00420014")
    refused = run_flask(service.environment, *words)
    assert refused.code != 0
    assert "is not required of this student" in refused.err


def test_the_slip_says_of_what_was_not_required_that_it_was_not(service: Service) -> None:
    number = "TS97000001"
    words = ("--reason", "不住校，已核对", "--by", "00420014", "--unknown-number")
    for step in ("room", "fees"):
        run_flask(service.environment, "waive", "every_status", step, number, *words)
    visitor = service.visit()
    page = visitor.sign_in(number, f"{APP}/clearance?wait=1")
    assert set(list_statuses(page).values()) == {"cleared", "waived", "not_required"}
    answer = visitor.post(f"{APP}/submission", visitor.get(f"{APP}/submission"))
    slip = visitor.get(answer.headers["Location"])
    assert "无需办理" in slip.text
    assert "硕士研究生不要求学术活动记录" in slip.text
