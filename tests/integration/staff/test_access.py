"""Who gets into the pages of staff, by grants that stand in the database at the moment of the request."""

from __future__ import annotations

import pytest
import requests

from tests.conftest import Service
from tests.fixtures.staff import end_grant, grant
from tests.integration.staff.staff_pages import sign_in_staff
from tests.visitor import Visitor


def test_a_grant_opens_the_pages_at_the_next_request_and_its_end_closes_them(service: Service) -> None:
    visitor = sign_in_staff(service, "00420013")
    assert visitor.get("/staff").status_code == 403

    given = grant(service.environment, "00420013", "auditor")
    assert visitor.get("/staff").status_code == 200

    end_grant(service.environment, given)
    assert visitor.get("/staff").status_code == 403


def test_who_is_not_signed_in_is_led_to_the_sign_in(service: Service) -> None:
    answer = service.visit().get("/staff", allow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/sign-in?next=/staff"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_may_not_enter_is_not_told_which_addresses_of_staff_exist(
    service: Service, visitor: Visitor, method: str
) -> None:
    address = service.url + "/staff/nothing/here"
    stranger = requests.request(method, address, allow_redirects=False, timeout=30)
    assert stranger.headers["Location"].startswith("/sign-in?")
    visitor.sign_in("TS23000002")
    refused = visitor.http.request(method, address, timeout=30)
    assert (refused.status_code, 'data-error="NoGrant"' in refused.text) == (403, True)
