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
from tests.campus.client import PROJECT, CampusClient
from tests.conftest import Service
from tests.fixtures.desk_codes import DESK_CODE, make_desk_code
from tests.fixtures.staff import end_grant, grant
from tests.integration.staff.staff_pages import sign_in_staff
from tests.running import running_service
from tests.visitor import APP, Visitor

DEMO = PROJECT / "config" / "demo_staff.toml"
SLUG = "graduate_departure"
CLERK = "00420013"
STUDENT = "TS23000002"


@pytest.fixture(scope="module")
def desks(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose archive and dormitory are desks; the student has signed in."""
    with running_service(campus, tmp_path_factory.mktemp("desks"), configs=[DEMO]) as service:
        service.visit().sign_in(STUDENT)
        yield service


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


def test_the_clearance_page_leads_to_the_code_at_what_is_left_at_a_counter(desks: Service) -> None:
    page = desks.visit().sign_in(STUDENT, f"{APP}/clearance?wait=1").text
    items = page.split("data-step=")[1:]
    linked = {item[1:].partition('"')[0] for item in items if f'data-desk-code href="{DESK_CODE}"' in item}
    assert linked == {"archive", "dormitory"}


def test_where_there_is_no_counter_nothing_leads_to_the_code(service: Service) -> None:
    assert DESK_CODE not in service.visit().sign_in(STUDENT, f"{APP}/clearance?wait=1").text
