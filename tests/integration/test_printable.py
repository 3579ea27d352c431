"""What cannot be printed is found before anything is asked or issued, and said to the student and the operator."""

from __future__ import annotations

from io import BytesIO

import pikepdf
import pytest

from tests.conftest import Service
from tests.fixtures.names import PRINTABLE, UNPRINTABLE
from tests.fixtures.signed_in import tell_of
from tests.unit.documents.tools import extract_text, squeeze
from tests.visitor import APP, Visitor

MANY_ROWS = [
    {"project": f"第{place}项", "amount": "1.00", "deferred": "0.00", "reduced": "1.00", "loan": "0.00"}
    for place in range(50)
]
WARNING = 'data-warning="CharacterMissing"'


def sign_in_as(service: Service, visitor: Visitor, number: str, name: str) -> None:
    visitor.sign_in(number)
    assert tell_of(service.environment, number, name=name) == 1


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


def test_a_fact_in_no_font_is_told_to_the_student_by_its_character_and_field(
    service: Service, visitor: Visitor, fresh_student: str
) -> None:
    service.campus.set_facts(fresh_student, "dormitory", checkout_by="王\U0002a700")
    visitor.sign_in(fresh_student)
    answer = visitor.submit()
    assert answer.status_code == 422
    assert 'data-error="CharacterMissing"' in answer.text
    assert "\U0002a700 (U+2A700)" in answer.text
    assert "退宿办理人" in answer.text
    assert "姓名" not in answer.text


@pytest.mark.parametrize("name", PRINTABLE.values(), ids=PRINTABLE)
def test_a_student_of_this_name_gets_a_slip_that_says_it(
    service: Service, visitor: Visitor, fresh_student: str, name: str
) -> None:
    sign_in_as(service, visitor, fresh_student, name)
    assert WARNING not in visitor.get(f"{APP}/clearance?wait=1").text
    answer = visitor.submit()
    assert answer.status_code == 303
    pdf = visitor.get(f"{answer.headers['Location']}.pdf").content
    assert squeeze(name) in extract_text(pdf)
    with pikepdf.open(BytesIO(pdf)) as file:
        assert file.check_pdf_syntax() == []


@pytest.mark.parametrize(
    ("name", "missing"), UNPRINTABLE.items(), ids=["emoji", "ext b", "bo", "mn", "private"]
)
def test_a_name_in_no_font_is_told_before_anything_is_asked_for_a_submission(
    service: Service, visitor: Visitor, fresh_student: str, name: str, missing: str
) -> None:
    sign_in_as(service, visitor, fresh_student, name)
    said = f"{missing} (U+{ord(missing):04X})"
    check_page = visitor.get(f"{APP}/submission").text
    assert "确认提交" not in check_page
    page = visitor.get(f"{APP}/clearance?wait=1")
    for text in (check_page, page.text):
        assert WARNING in text
        assert said in text
    asked = len(service.campus.calls(student=fresh_student))
    answer = visitor.post(f"{APP}/submission", page)
    assert answer.status_code == 422
    assert 'data-error="CharacterMissing"' in answer.text
    assert said in answer.text
    assert len(service.campus.calls(student=fresh_student)) == asked
    log = service.log.read_text()
    assert f"U+{ord(missing):04X}" in log
    assert name not in log


def test_a_submission_that_can_be_printed_asks_the_departments(
    service: Service, visitor: Visitor, fresh_student: str
) -> None:
    """The control of the calls counted above."""
    visitor.sign_in(fresh_student)
    page = visitor.get(f"{APP}/clearance?wait=1")
    asked = len(service.campus.calls(student=fresh_student))
    assert visitor.post(f"{APP}/submission", page).status_code == 303
    assert len(service.campus.calls(student=fresh_student)) > asked


def test_the_warning_goes_once_the_name_is_mended(
    service: Service, visitor: Visitor, fresh_student: str
) -> None:
    sign_in_as(service, visitor, fresh_student, "张😀明")
    assert WARNING in visitor.get(f"{APP}/clearance").text
    assert tell_of(service.environment, fresh_student, name="张明") == 1
    assert WARNING not in visitor.get(f"{APP}/clearance").text
    assert visitor.submit().status_code == 303
