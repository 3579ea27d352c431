"""Every form with any fields, by a student who may not submit: never a 5xx, and nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from app.factory import create_app
from app.settings import load_settings
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.odd_requests import OddRequest, list_rules, odd_requests
from tests.integration.conftest import MakeDatabase
from tests.integration.test_bad_input import cookies_of, count_rows, send
from tests.integration.test_described_addresses import COUNTED
from tests.integration.test_routes import ARGUMENTS
from tests.running import running_service
from tests.visitor import Visitor, get_csrf_token

FORMS = 400
WITH_DEBTS = "TS23000003"
CONSENT = "/<mini_app:app_path>/consent"
CHANGES_SOMETHING = ("/sign-out", CONSENT, f"{CONSENT}/withdrawal")
"""Forms of a button alone: pressed with the right token, they do what they say whatever else is sent."""


@pytest.fixture(scope="module")
def service(
    campus: CampusClient, tmp_path_factory: pytest.TempPathFactory, make_database: MakeDatabase
) -> Iterator[Service]:
    """A service with a database of either kind, and without limits that would end the trial early."""
    folder: Path = tmp_path_factory.mktemp("forms")
    changes = {f"LIXIAO_RATE_LIMIT__{name}": "100000000 per minute" for name in (*COUNTED, "REFRESH")}
    changes["LIXIAO_DATABASE__URL"] = make_database(folder)
    with running_service(campus, folder, changes) as running:
        yield running


def try_requests(
    service: Service,
    visitor: Visitor,
    number: int,
    left_out: tuple[str, ...],
    method: str = "",
    *,
    is_staff: bool = False,
) -> int:
    """Send so many odd requests as this student, to the pages of staff or to all others; how many were not refused. Fails at
    a 5xx.
    """
    token = get_csrf_token(visitor.get("/graduate-departure/submission"))
    app = create_app(load_settings(service.environment))
    rules = [
        rule
        for rule in list_rules(app)
        if method in ("", rule[0]) and rule[1] not in left_out and rule[1].startswith("/staff") == is_staff
    ]
    cookies = cookies_of(visitor)
    accepted = 0

    @settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(odd_requests(rules, ARGUMENTS, token))
    def try_one(odd: OddRequest) -> None:
        nonlocal accepted
        headers = {name.encode(): value.encode() for name, value in odd.headers.items()}
        answer = send(service, odd.target.encode(), odd.method.encode(), headers | cookies, odd.body)
        assert answer.status < 500, odd
        accepted += answer.status < 400

    try_one()
    return accepted


def test_no_form_with_any_fields_breaks_a_page_or_stores_anything(service: Service) -> None:
    visitor = service.visit()
    visitor.sign_in(WITH_DEBTS)
    before = count_rows(service)
    accepted = try_requests(service, visitor, FORMS, CHANGES_SOMETHING, "POST")
    assert accepted > FORMS / 20  # some came as far as their pages
    assert try_requests(service, visitor, FORMS // 4, (), "POST", is_staff=True) == 0
    assert count_rows(service) == before
    assert visitor.get("/completed", allow_redirects=False).status_code == 200
