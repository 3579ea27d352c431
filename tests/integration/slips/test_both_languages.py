"""Who reads English gets a slip in both languages; everybody else's is as ever."""

from __future__ import annotations

import re

from tests.conftest import Service
from tests.fixtures.issued_slips import GUARD, sign_in_staff
from tests.unit.documents.tools import extract_text
from tests.visitor import Visitor

ENGLISH_WORDS = ("DepartureSlipforGraduateStudents", "姓名Name", "图书馆Library", "通过Passed", "核验码Code")


def get_pdf_text(visitor: Visitor, number: str) -> str:
    """Submit, and read the slip's file; asking again gives the same bytes."""
    visitor.sign_in(number)
    address = visitor.submit().headers["Location"]
    files = [visitor.get(f"{address}.pdf").content for _ in range(2)]
    assert files[0] == files[1]
    return extract_text(files[0])


def test_a_student_who_reads_english_gets_both_languages(service: Service) -> None:
    visitor = service.visit()
    text = get_pdf_text(visitor, "TB23000010")
    assert [word for word in ENGLISH_WORDS if word not in text] == []
    assert "该生已办结" in text


def test_the_language_of_the_pages_does_not_change_the_slip(service: Service, fresh_student: str) -> None:
    visitor = service.visit()
    visitor.get("/?language=en")
    text = get_pdf_text(visitor, fresh_student)
    assert [word for word in ENGLISH_WORDS if word in text] == []


def test_strangers_and_guards_read_one_language_of_a_slip_in_both(service: Service) -> None:
    holder = service.visit()
    holder.sign_in("TB23000010")
    address = holder.submit().headers["Location"]
    found = re.search(r"/v/\d{200,}", holder.get(address).text)
    assert found is not None
    stranger, guard = service.visit(), sign_in_staff(service, GUARD)
    for language, own, foreign in (("zh-CN", "博士", "Doctor"), ("en", "Doctor", "博士")):
        for visitor in (stranger, guard):
            visitor.http.cookies.set("language", language)
            page = visitor.get(found[0]).text.partition('<dl class="big')[2].partition("</section>")[0]
            assert own in page, (language, page)
            assert foreign not in page, (language, page)
            assert ("姓名" in page) is (language == "zh-CN")
