"""Which numbers a counter offers to put on the roster, and what it says of the others."""

from __future__ import annotations

import pytest

from tests.conftest import Service
from tests.fixtures.counter_service import CLERK, DESK, HEAD, OTHER_CLERK
from tests.integration.staff.counter_pages import Clerk, list_forms
from tests.integration.staff.staff_pages import sign_in_staff

OTHER_PERIOD = "TS25000012"


@pytest.fixture
def service(counter_service: Service) -> Service:
    """The service whose archive is a desk, with a student on its roster."""
    counter_service.campus.reset()
    counter_service.visit().sign_in("TS23000002")
    return counter_service


@pytest.fixture
def clerk(service: Service) -> Clerk:
    """Who searches."""
    return Clerk(sign_in_staff(service, CLERK))


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("2", "至少四位"),
        ("TS", "也不是完整的学号"),
        ("0000", "没有尾号 0000 的学生"),
        ("9000000", "没有尾号 9000000 的学生"),
        ("08239999", "没有尾号 08239999 的学生"),
        ("TS2300000", "也不是完整的学号"),
        ("TS2300000O", "也不是完整的学号"),
        ("TS230000021", "也不是完整的学号"),
        (HEAD, "不在本环节办理离校"),
        (OTHER_CLERK, "不在本环节办理离校"),
    ],
)
def test_what_is_no_students_whole_number_is_never_put_on_the_roster(
    clerk: Clerk, typed: str, says: str
) -> None:
    answer = clerk.find(typed)
    assert (answer.status_code, 'data-error="NothingFound"' in answer.text) == (404, True)
    assert says in answer.text
    assert list_forms(answer, "note") == []
    sent = clerk.visitor.post(f"{DESK}/note", answer, number=typed, confirmed="1")
    assert sent.status_code == 404
    assert clerk.find(typed).status_code == 404


def test_who_signed_in_and_leaves_in_another_period_is_told_so(service: Service, clerk: Clerk) -> None:
    service.visit().sign_in(OTHER_PERIOD)
    answer = clerk.find(OTHER_PERIOD)
    assert "该生属于另一批次" in answer.text
    assert list_forms(answer, "note") == []


def test_a_whole_number_like_the_others_is_offered(clerk: Clerk, fresh_student: str) -> None:
    """The control: the same way offers what it should."""
    assert [form["number"] for form in list_forms(clerk.find(fresh_student), "note")] == [fresh_student]
