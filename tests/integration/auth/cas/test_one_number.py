"""One person is one, however the number was typed at the campus's page."""

from __future__ import annotations

import pytest

from tests.conftest import Service
from tests.fixtures.stored import query
from tests.integration.auth.cas.visits import answer_page
from tests.visitor import APP, Visitor, list_statuses

DEBTOR = "TS23000008"
CLEARED = "TS23000002"
SPELLINGS = (str.upper, str.lower, lambda number: number[0].lower() + number[1:])


def sign_in_as_typed(service: Service, typed: str) -> Visitor:
    visitor = service.visit()
    page = answer_page(visitor, visitor.get(f"/sign-in/cas?next={APP}/clearance"), typed)
    visitor.http.get(page.headers["Location"], timeout=30)
    return visitor


@pytest.mark.parametrize("spell", SPELLINGS)
def test_a_debtor_owes_under_every_spelling(service: Service, spell: object) -> None:
    assert callable(spell)
    visitor = sign_in_as_typed(service, spell(DEBTOR))
    page = visitor.get(f"{APP}/clearance?wait=1")
    assert list_statuses(page)["finance"] == "outstanding"
    assert DEBTOR in page.text
    assert visitor.submit().status_code == 422


def test_the_same_person_gets_one_slip_under_three_spellings(service: Service) -> None:
    places = set()
    for spell in SPELLINGS:
        answer = sign_in_as_typed(service, spell(CLEARED)).submit()
        assert answer.status_code == 303
        places.add(answer.headers["Location"])
    assert len(places) == 1
    rows = query(service.environment, "SELECT DISTINCT student_number FROM submissions")
    assert rows == [(CLEARED,)]
    assert query(service.environment, "SELECT count(*) FROM slips") == [(1,)]
