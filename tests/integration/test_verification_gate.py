"""The gate over HTTP: what it publishes, and whose checks it takes, each once."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
import requests

from tests.conftest import Service
from tests.fixtures.issued_slips import (
    CLERK,
    GUARD,
    IssuedSlip,
    count_offline_checks,
    issue_slip,
    sign_in_staff,
)
from tests.visitor import Visitor


@pytest.fixture
def slip(service: Service, fresh_student: str) -> IssuedSlip:
    """A slip that was just issued."""
    return issue_slip(service, fresh_student)


def make_check(digits: str, **changes: object) -> dict[str, object]:
    """A check as the gate keeps it."""
    moment = datetime.now(UTC) - timedelta(hours=2)
    check = {"id": str(uuid.uuid4()), "code": digits, "verdict": "valid", "checked_at": moment.isoformat()}
    return check | changes


def send(visitor: Visitor, checks: object, token: str | None = None) -> requests.Response:
    """Send checks with the token that the gate's page is given."""
    if token is None:
        token = visitor.get("/gate/session").json().get("csrf_token", "")
    return visitor.http.post(
        f"{visitor.url}/gate/checks", json={"checks": checks}, headers={"X-CSRFToken": token}, timeout=30
    )


def test_anybody_may_load_the_gate_and_no_session_comes_of_it(service: Service) -> None:
    for path in ("/gate", "/gate/manifest.webmanifest", "/gate/worker.js"):
        answer = requests.get(service.url + path, timeout=30)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert "ETag" in answer.headers


def test_the_worker_is_kept_to_the_gate(service: Service) -> None:
    worker = requests.get(f"{service.url}/gate/worker.js", timeout=30)
    assert worker.headers["Service-Worker-Allowed"] == "/gate"
    assert requests.get(f"{service.url}/gate/manifest.webmanifest", timeout=30).json()["scope"] == "/gate"


def test_the_gate_runs_no_script_of_others_and_none_inside_its_page(service: Service) -> None:
    page = requests.get(f"{service.url}/gate", timeout=30)
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert policy.count("connect-src") == 1


@pytest.mark.parametrize("viewer", [GUARD, CLERK])
def test_checks_of_guards_and_clerks_are_taken_each_id_once(
    service: Service, slip: IssuedSlip, viewer: str
) -> None:
    visitor = sign_in_staff(service, viewer)
    before = count_offline_checks(service)
    checks = [make_check(slip.digits), make_check(slip.digits, verdict="revoked")]
    first = send(visitor, checks)
    assert first.json() == {"known": [check["id"] for check in checks]}
    assert send(visitor, checks).json() == first.json()
    assert count_offline_checks(service) == before + 2
    assert send(visitor, [make_check(slip.digits)]).status_code == 200
    assert count_offline_checks(service) == before + 3


def test_a_gates_checks_stand_in_the_slips_history(service: Service, slip: IssuedSlip) -> None:
    visitor = sign_in_staff(service, GUARD)
    assert "门岗离线" not in visitor.get(slip.url).text
    send(visitor, [make_check(slip.digits)])
    assert "门岗离线" in visitor.get(slip.url).text


@pytest.mark.parametrize("viewer", [None, "TS23000002", "00420013"])
def test_checks_of_others_are_not_taken(service: Service, slip: IssuedSlip, viewer: str | None) -> None:
    visitor = sign_in_staff(service, viewer) if viewer else service.visit()
    assert visitor.get("/gate/session").json() == {"may_send": False}
    before = count_offline_checks(service)
    assert send(visitor, [make_check(slip.digits)]).status_code in (400, 403)
    assert count_offline_checks(service) == before


def test_checks_without_the_token_are_not_taken(service: Service, slip: IssuedSlip) -> None:
    visitor = sign_in_staff(service, GUARD)
    before = count_offline_checks(service)
    assert send(visitor, [make_check(slip.digits)], token="").status_code == 400
    assert count_offline_checks(service) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "1"},
        {"id": None},
        {"code": "abc"},
        {"code": "1" * 401},
        {"verdict": "splendid"},
        {"checked_at": "yesterday"},
        {"checked_at": "2026-01-01T00:00:00"},
        {"checked_at": 5},
    ],
)
def test_what_the_gate_would_not_send_is_refused_as_a_whole(
    service: Service, slip: IssuedSlip, changes: dict[str, object]
) -> None:
    visitor = sign_in_staff(service, GUARD)
    before = count_offline_checks(service)
    answer = send(visitor, [make_check(slip.digits), make_check(slip.digits, **changes)])
    assert answer.status_code == 422
    assert count_offline_checks(service) == before


@pytest.mark.parametrize("checks", [None, {}, "x", [1], [make_check("1")] * 101])
def test_a_body_of_another_shape_is_refused(service: Service, checks: object) -> None:
    assert send(sign_in_staff(service, GUARD), checks).status_code == 422
