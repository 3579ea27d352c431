"""What departments, the sign-in and a visitor's own input say is shown as text and never becomes part of a page."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from urllib.parse import quote

import requests
from markupsafe import Markup

from tests.conftest import Service
from tests.fixtures.office import PORT, open_office
from tests.visitor import APP

MARKUP = """</p><script>alert(1)</script><img src=x onerror='a()' title="&">"""
SITE = f"http://127.0.0.1:{PORT}"


def is_text(page: str) -> bool:
    """Whether the page shows the markup, and only as text."""
    return MARKUP in unescape(page) and "<script>alert" not in page and "<img src=x" not in page


def test_markup_that_stands_in_a_page_is_noticed() -> None:
    assert is_text(f"<p>{Markup.escape(MARKUP)}</p>")
    assert not is_text(f"<p>{MARKUP}</p>")


def test_a_departments_words_are_text_on_every_page_of_the_student(
    service: Service, fresh_student: str
) -> None:
    service.campus.set_facts(fresh_student, "dormitory", building=MARKUP)
    visitor = service.visit()
    visitor.sign_in(fresh_student)
    assert is_text(visitor.get(f"{APP}/clearance?wait=1").text)
    assert is_text(visitor.get(visitor.submit().headers["Location"]).text)


def test_a_persons_fields_are_text_on_the_verification_page(tmp_path: Path) -> None:
    with open_office(tmp_path) as office:
        digits = office.get_digits(office.issue(college=MARKUP))
        page = office.app.test_client().get(f"/v/{digits}", base_url=SITE)
        assert 'data-verdict="valid"' in page.text
        assert is_text(page.text)
        # Not the way of a stranger's scan.
        page = office.app.test_client().get(f"/v/{digits}?language=zh", base_url=SITE)
        assert is_text(page.text)


def test_what_a_visitor_sends_never_becomes_part_of_a_page(service: Service) -> None:
    asked = quote(MARKUP)
    for path in (f"/v/{asked}", f"/{asked}", f"/sign-in?next=/{asked}", f"/verify?code={asked}"):
        assert "<script>alert" not in requests.get(f"{service.url}{path}", timeout=30).text
    typed = requests.post(f"{service.url}/verify", data={"code": MARKUP}, timeout=30)
    assert "<script>alert" not in typed.text
