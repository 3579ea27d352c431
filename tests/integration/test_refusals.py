"""A submission that is refused leaves nothing behind, whatever a department does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
import requests

from tests.campus.client import CampusClient
from tests.campus.state import COMMON_FAULTS, Fault
from tests.conftest import Service
from tests.running import running_service
from tests.visitor import APP, Visitor, get_csrf_token

SYSTEM = "finance"
NO_PAUSE = {"LIXIAO_CONNECTORS__FINANCE__BREAKER_PAUSE_SECONDS": "0.05"}
"""What one test broke is asked again at once in the next."""
TABLES = ("submissions", "slips", "issued_codes")
FAULTS = [fault for fault in COMMON_FAULTS if fault not in (Fault.NONE, Fault.SLOW_2S, Fault.TIMEOUT_AFTER)]
FAILED = '<span class="unseen">（未通过）</span>'
SILENT = '<span class="unseen">（暂时无法查询）</span>'
"""What follows the name of an item in the picture of how far the student is."""
OUTSTANDING = ["TS23000003", "TS23000004", "TS23000005", "TS23000006", "TS23000008", "TS23000011"]


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of this file alone."""
    campus.reset()
    with running_service(campus, tmp_path_factory.mktemp("refusals"), NO_PAUSE) as running:
        yield running
    campus.reset()


@pytest.fixture(scope="module")
def student(service: Service) -> tuple[Visitor, str]:
    """A student for whom everything passes while the departments answer well, and a CSRF token."""
    visitor = service.visit()
    return visitor, get_csrf_token(visitor.sign_in("TS95000001"))


def count_rows(service: Service) -> dict[str, int]:
    """How much is in the database's file."""
    with closing(sqlite3.connect(service.data_dir / "lixiao.sqlite3")) as file:
        counts = {table: file.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}
        issued = "SELECT count(*) FROM audit_events WHERE kind = 'slip_issued'"
        return counts | {"slip_issued": file.execute(issued).fetchone()[0]}


def press_submit(service: Service, visitor: Visitor, token: str) -> requests.Response:
    """Submit without looking at the page first."""
    return visitor.http.post(
        f"{service.url}{APP}/submission", data={"csrf_token": token}, timeout=30, allow_redirects=False
    )


def check_is_refused(service: Service, answer: requests.Response) -> None:
    """Assert the marks of a refusal, and that nothing is stored."""
    assert answer.status_code == 422
    assert 'data-error="StepsOutstanding"' in answer.text
    assert "<title>错误：" in answer.text
    assert set(count_rows(service).values()) == {0}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_department_with_any_fault_blocks_the_submission_and_nothing_is_stored(
    service: Service, student: tuple[Visitor, str], fault: Fault
) -> None:
    service.campus.set_fault(SYSTEM, fault)
    answer = press_submit(service, *student)
    check_is_refused(service, answer)
    assert "暂时无法查询" in answer.text
    assert f"{APP}/clearance" in answer.text


@pytest.mark.parametrize("number", OUTSTANDING)
def test_an_outstanding_item_blocks_the_submission_and_nothing_is_stored(
    service: Service, number: str
) -> None:
    service.campus.reset()
    visitor = service.visit()
    token = get_csrf_token(visitor.sign_in(number))
    check_is_refused(service, press_submit(service, visitor, token))


@pytest.mark.parametrize(
    ("number", "fault", "message", "never"),
    [
        ("TS95000001", Fault.HTTP_500, "一项暂时无法查询", "项未通过"),
        ("TS23000006", Fault.HTTP_500, "一项未通过，一项暂时无法查询", ""),
        ("TS23000006", Fault.NONE, "一项未通过", "暂时无法查询"),
    ],
)
def test_what_cannot_be_asked_is_counted_and_named_apart_from_what_failed(
    service: Service, number: str, fault: Fault, message: str, never: str
) -> None:
    service.campus.reset()
    service.campus.set_fault(SYSTEM, fault)
    visitor = service.visit()
    query = visitor.sign_in(number, f"{APP}/clearance?wait=1")
    check = visitor.get(f"{APP}/submission")
    refused = press_submit(service, visitor, get_csrf_token(check))
    check_is_refused(service, refused)
    assert f"提交未成功：{message}</h2>" in refused.text
    assert f"（{message}）" in refused.text.partition("</title>")[0]
    for page in (query, check, refused):
        assert message in page.text
        words = page.text.replace("这不代表未通过", "").replace("不代表未通过", "")
        assert never not in words or not never, page.url
        assert ("退宿" + FAILED in query.text) is (number == "TS23000006")
        assert ("收费" + SILENT in query.text) is (fault is not Fault.NONE)
        assert "还有事项未通过" not in page.text


@pytest.mark.parametrize("number", ["00420013", "TS25000012"])
def test_who_may_not_submit_is_refused_and_nothing_is_stored(service: Service, number: str) -> None:
    service.campus.reset()
    visitor = service.visit()
    visitor.sign_in(number)
    token = get_csrf_token(visitor.get("/completed"))
    assert press_submit(service, visitor, token).status_code == 403
    assert set(count_rows(service).values()) == {0}


def test_the_same_student_submits_as_soon_as_the_department_is_well(
    service: Service, student: tuple[Visitor, str]
) -> None:
    service.campus.reset()
    assert press_submit(service, *student).status_code == 303
    assert set(count_rows(service).values()) == {1}
