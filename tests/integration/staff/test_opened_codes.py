"""What a student's desk code opens for staff: the item at the one counter of theirs, a choice of several, and to everybody
whose right does not reach the student no more than a stranger reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests

from app.services.clock import get_now
from tests.conftest import Service
from tests.fixtures.desk_codes import DESK_CODE, make_desk_code
from tests.fixtures.staff import end_grant, grant
from tests.integration.staff.counter_pages import Clerk, get_version, list_forms
from tests.integration.staff.staff_pages import sign_in_staff
from tests.visitor import APP, Visitor

SLUG = "graduate_departure"
CLERK = "00420018"
STUDENT = "TS23000002"


@pytest.fixture
def desks(counter_service: Service) -> Service:
    """A service whose archive and dormitory are desks; the student has signed in."""
    counter_service.campus.reset()
    counter_service.visit().sign_in(STUDENT)
    return counter_service


@pytest.fixture
def clerk(desks: Service) -> Visitor:
    """Somebody who works at no counter yet."""
    return sign_in_staff(desks, CLERK)


@pytest.fixture
def granted(desks: Service) -> Iterator[list[int]]:
    """Grants that end with the test."""
    grants: list[int] = []
    yield grants
    for one in grants:
        end_grant(desks.environment, one)


def open_code(desks: Service, visitor: Visitor, number: str = STUDENT, minutes: int = 0) -> requests.Response:
    code = make_desk_code(desks, number, get_now() - timedelta(minutes=minutes))
    return visitor.get(code, allow_redirects=False)


def test_staff_of_one_counter_land_on_the_item(desks: Service, clerk: Visitor, granted: list[int]) -> None:
    granted.append(grant(desks.environment, CLERK, "desk", mini_app=SLUG, step="archive"))
    answer = open_code(desks, clerk)
    assert answer.status_code == 303
    assert re.fullmatch(rf"/staff/desk{APP}/archive/[0-9a-z]{{12}}", answer.headers["Location"])
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_what_is_decided_of_who_was_scanned_so_is_told_as_scanned(
    desks: Service, clerk: Visitor, granted: list[int]
) -> None:
    granted.append(grant(desks.environment, CLERK, "desk", mini_app=SLUG, step="archive"))
    page = clerk.get(open_code(desks, clerk).headers["Location"])
    assert page.status_code == 200
    assert {form["via"] for form in list_forms(page, "decision")} == {"scan"}


def test_staff_of_several_counters_choose(desks: Service, clerk: Visitor, granted: list[int]) -> None:
    granted.append(grant(desks.environment, CLERK, "head", mini_app=SLUG))
    page = open_code(desks, clerk)
    assert page.status_code == 200
    links = re.findall(r'data-step="([a-z_]+)" href="([^"]+)"', page.text)
    assert [step for step, _ in links] == ["archive", "dormitory"]
    assert len({address.rpartition("/")[2] for _, address in links}) == 1
    assert STUDENT not in page.text


@pytest.mark.parametrize(
    ("role", "scope"),
    [
        ("desk", {"mini_app": SLUG, "step": "library_loans"}),
        ("desk", {"mini_app": "undergraduate_departure", "step": "archive"}),
        ("desk", {"mini_app": SLUG, "step": "archive", "period": "2025-06"}),
        ("desk", {"mini_app": SLUG, "step": "archive", "college": "没有这个学院"}),
        ("auditor", {}),
        ("school", {}),
        ("college", {}),
        ("admin", {}),
    ],
    ids=str,
)
def test_a_right_that_does_not_reach_to_the_student_opens_nothing(
    desks: Service, clerk: Visitor, granted: list[int], role: str, scope: dict[str, str]
) -> None:
    granted.append(grant(desks.environment, CLERK, role, **scope))
    page = open_code(desks, clerk)
    assert page.status_code == 200
    assert 'data-code="open"' in page.text
    assert "/staff/desk" not in page.text
    assert STUDENT not in page.text
    assert "李文静" not in page.text


def test_the_right_that_reaches_to_the_students_college_opens_the_item(
    desks: Service, clerk: Visitor, granted: list[int]
) -> None:
    college = re.search(r"学院</dt>\s*<dd[^>]*>([^<]+)", desks.visit().sign_in(STUDENT).text)
    assert college
    granted.append(
        grant(desks.environment, CLERK, "desk", mini_app=SLUG, step="archive", college=college[1].strip())
    )
    assert open_code(desks, clerk).status_code == 303


def test_a_right_that_has_ended_opens_nothing_at_the_next_scan(desks: Service, clerk: Visitor) -> None:
    given = grant(desks.environment, CLERK, "desk", mini_app=SLUG, step="archive")
    assert open_code(desks, clerk).status_code == 303
    end_grant(desks.environment, given)
    assert open_code(desks, clerk).status_code == 200


def test_a_dead_code_opens_nothing_for_staff_either(
    desks: Service, clerk: Visitor, granted: list[int]
) -> None:
    granted.append(grant(desks.environment, CLERK, "desk", mini_app=SLUG, step="archive"))
    page = open_code(desks, clerk, minutes=5)
    assert page.status_code == 410
    assert 'data-code="dead"' in page.text


def test_a_code_of_somebody_on_no_roster_opens_nobody_elses_item(
    desks: Service, clerk: Visitor, granted: list[int]
) -> None:
    granted.append(grant(desks.environment, CLERK, "desk", mini_app=SLUG, step="archive"))
    page = open_code(desks, clerk, STUDENT[2:])  # whose number the student's ends with
    assert page.status_code == 200
    assert "/staff/desk" not in page.text


@pytest.mark.parametrize("mode", ["", "scan"])
def test_the_counter_takes_a_code_for_exactly_its_number_too(
    desks: Service, clerk: Visitor, granted: list[int], mode: str
) -> None:
    granted.append(grant(desks.environment, CLERK, "desk", mini_app=SLUG, step="archive"))
    counter = Clerk(clerk)
    before = get_version(counter.open_item(STUDENT))
    found = counter.find(make_desk_code(desks, STUDENT[2:], get_now()), mode=mode)
    assert found.status_code == 404
    assert get_version(counter.open_item(STUDENT)) == before
    # The control: typed, the same digits are the end of the student's number.
    assert counter.find(STUDENT[2:]).status_code == 303


@pytest.mark.parametrize(
    "typed",
    [
        "{code}",
        "{url}/c/{code}",
        "  {url}/c/{code}\r\n",
        "HTTP://127.0.0.1/C/{code}",
        "http：、、127。0。0。1、c、{code}",
        "{wide}",
        "{code} {code}",
        "{first} {rest}",
    ],
)
def test_the_counter_takes_whatever_a_scanner_makes_of_a_code(
    desks: Service, clerk: Visitor, granted: list[int], typed: str
) -> None:
    granted.append(grant(desks.environment, CLERK, "desk", mini_app=SLUG, step="archive"))
    code = make_desk_code(desks, STUDENT, get_now()).rpartition("/")[2]
    wide = code.translate({ord("0") + digit: ord("０") + digit for digit in range(10)})
    text = typed.format(code=code, url=desks.url, wide=wide, first=code[:70], rest=code[70:])
    assert Clerk(clerk).find(text).status_code == 303


def test_the_clearance_page_leads_to_the_code_at_what_is_left_at_a_counter(desks: Service) -> None:
    page = desks.visit().sign_in(STUDENT, f"{APP}/clearance?wait=1").text
    items = page.split("data-step=")[1:]
    linked = {item[1:].partition('"')[0] for item in items if f'data-desk-code href="{DESK_CODE}"' in item}
    assert linked == {"archive", "dormitory"}


def test_where_there_is_no_counter_nothing_leads_to_the_code(service: Service) -> None:
    assert DESK_CODE not in service.visit().sign_in(STUDENT, f"{APP}/clearance?wait=1").text
