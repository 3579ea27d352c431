"""Handled today: each student once, as it stands now, and taken back only where that still can be."""

from __future__ import annotations

import re

import pytest
import requests

from tests.conftest import Service
from tests.fixtures.counter_service import ARCHIVE, DESK, GUARD, HEAD, OTHER_CLERK
from tests.fixtures.staff import end_grant, grant
from tests.integration.staff.counter_pages import Clerk, list_forms, list_rows
from tests.integration.staff.staff_pages import sign_in_staff

DORMITORY = "/staff/desk/graduate-departure/dormitory"


@pytest.fixture
def service(counter_service: Service) -> Service:
    """The service whose archive is a desk."""
    counter_service.campus.reset()
    return counter_service


@pytest.fixture
def clerk(service: Service) -> Clerk:
    """Somebody who has handled nobody today."""
    given = grant(service.environment, GUARD, "desk", name="马国栋", **ARCHIVE)
    yield Clerk(sign_in_staff(service, GUARD))
    end_grant(service.environment, given, ended_by=HEAD)


@pytest.fixture
def student(service: Service, fresh_student: str) -> str:
    """The number of a student who signed in, and has not been handled."""
    service.visit().sign_in(fresh_student)
    return fresh_student


def get_row(page: requests.Response, student: str) -> str:
    """What the list says of a student, its markup left out."""
    (row,) = [
        row for row in re.findall(r"<li data-row=.*?</li>", page.text, re.DOTALL) if f">{student}<" in row
    ]
    return re.sub(r"\s*<[^>]*>\s*", " ", row)


def get_count(page: requests.Response) -> int:
    """How many students were handled today."""
    return int(re.search(r'今天办理 <span class="number">(\d+)</span>', page.text)[1])


def test_a_student_is_counted_and_listed_once_however_often_decided(clerk: Clerk, student: str) -> None:
    before = get_count(clerk.open_counter())
    clerk.decide(clerk.open_item(student), "done")
    clerk.undo(clerk.open_item(student))
    clerk.decide(clerk.open_item(student), "not_done", reason="thesis_missing")
    page = clerk.open_counter()
    assert get_count(page) == before + 1
    assert len(list_rows(page)) == len(set(list_rows(page)))
    assert "未办结" in get_row(page, student)


def test_what_a_colleague_decided_since_is_shown_and_not_taken_back(
    service: Service, clerk: Clerk, student: str
) -> None:
    clerk.decide(clerk.open_item(student), "done")
    page = clerk.open_counter()
    assert f"（{student}） 已办结" in page.text
    assert "撤销" in get_row(page, student)

    head = Clerk(sign_in_staff(service, HEAD))
    head.undo(head.open_item(student), reason="登记错了人")
    page = clerk.open_counter()
    assert "已撤销办理" in get_row(page, student)
    assert f"高志强（{HEAD}）" in get_row(page, student)
    assert "已办结</b>" not in page.text, "the green line does not stand any more"
    assert "此后由" in page.text
    assert "撤销 ：" not in get_row(page, student)

    other = Clerk(sign_in_staff(service, OTHER_CLERK))
    other.decide(other.open_item(student), "not_done", reason="thesis_missing")
    row = get_row(clerk.open_counter(), student)
    assert "未办结" in row
    assert f"许丽华（{OTHER_CLERK}）" in row


def test_after_a_submission_nothing_is_offered_to_be_taken_back(
    service: Service, clerk: Clerk, student: str
) -> None:
    given = grant(service.environment, GUARD, "desk", mini_app="graduate_departure", step="dormitory")
    try:
        clerk.decide(clerk.open_item(student), "done")
        warden = Clerk(clerk.visitor, DORMITORY)
        warden.decide(warden.open_item(student), "done")
        assert "撤销 ：" in get_row(clerk.open_counter(), student)
        visitor = service.visit()
        visitor.sign_in(student)
        assert visitor.submit().status_code == 303
        page = clerk.open_counter()
    finally:
        end_grant(service.environment, given, ended_by=HEAD)
    assert "已提交离校" in get_row(page, student)
    assert "撤销 ：" not in get_row(page, student)


def test_an_undo_in_scan_mode_stays_there(clerk: Clerk, student: str) -> None:
    assert clerk.find(student, mode="scan").status_code == 303
    page = clerk.open_counter("?mode=scan")
    forms = [form for form in list_forms(page, "undo") if form.get("mode") == "scan"]
    assert forms
    key = list_rows(page)[0]
    form = next(
        dict(re.findall(r'name="([^"]+)" value="([^"]*)"', text))
        for text in re.findall(r"<form.*?</form>", page.text, re.DOTALL)
        if f"{key}/undo" in text
    )
    answer = clerk.visitor.http.post(
        f"{clerk.visitor.url}{DESK}/{key}/undo", data=form, timeout=30, allow_redirects=False
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{DESK}?mode=scan")
