"""What cannot be printed is found before anything is issued, and said to the student and the operator."""

from __future__ import annotations

from tests.conftest import Service
from tests.visitor import Visitor

MANY_ROWS = [
    {"project": f"第{place}项", "amount": "1.00", "deferred": "0.00", "reduced": "1.00", "loan": "0.00"}
    for place in range(50)
]


def test_a_slip_that_does_not_fit_its_page_is_refused_before_it_is_issued(
    service: Service, visitor: Visitor, fresh_student: str
) -> None:
    service.campus.set_facts(fresh_student, "finance", rows=MANY_ROWS)
    visitor.sign_in(fresh_student)
    answer = visitor.submit()
    assert answer.status_code == 422
    assert 'data-error="SlipNotPrintable"' in answer.text
    assert "/slips/LX" not in visitor.get("/completed").text


def test_with_fewer_rows_the_same_student_gets_the_slip(
    service: Service, visitor: Visitor, fresh_student: str
) -> None:
    service.campus.set_facts(fresh_student, "finance", rows=MANY_ROWS[:8])
    visitor.sign_in(fresh_student)
    assert visitor.submit().status_code == 303


def test_a_name_in_no_font_is_told_to_the_student_with_the_character(
    service: Service, visitor: Visitor, fresh_student: str
) -> None:
    service.campus.set_facts(fresh_student, "dormitory", checkout_by="王\U0002a700")
    visitor.sign_in(fresh_student)
    answer = visitor.submit()
    assert answer.status_code == 422
    assert 'data-error="CharacterMissing"' in answer.text
    assert "\U0002a700" in answer.text
