"""The gate over HTTP: what it publishes, and whose checks it takes, each once."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import requests

from app.domain.slip_code import parse_short_code
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

MOST_DECODER_BYTES = 420_000


@pytest.fixture
def slip(service: Service, fresh_student: str) -> IssuedSlip:
    """A slip that was just issued."""
    return issue_slip(service, fresh_student)


_minutes = count()


def make_check(known_id: str | None, **changes: object) -> dict[str, object]:
    """A check as the gate keeps it."""
    moment = datetime.now(UTC) - timedelta(hours=2, minutes=2 * next(_minutes))
    check = {
        "id": str(uuid.uuid4()),
        "slip_id": known_id,
        "verdict": "valid",
        "checked_at": moment.isoformat(),
    }
    return check | changes


def get_id(slip: IssuedSlip) -> str:
    """The slip id as the gate writes it."""
    return parse_short_code(slip.short_code).hex()


def send(visitor: Visitor, checks: object, token: str | None = None, **members: object) -> requests.Response:
    """Send checks with the token that the gate's page is given."""
    if token is None:
        token = visitor.get("/gate/session").json().get("csrf_token", "")
    return visitor.http.post(
        f"{visitor.url}/gate/checks",
        json={"checks": checks} | members,
        headers={"X-CSRFToken": token},
        timeout=30,
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


@pytest.mark.parametrize("query", ["", "?for=old"])
def test_the_decoder_alone_may_compile_and_reaches_nobody_else(service: Service, query: str) -> None:
    policy = requests.get(f"{service.url}/gate/decoder.js{query}", timeout=30).headers[
        "Content-Security-Policy"
    ]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "'wasm-unsafe-eval'" in policy
    assert ("'unsafe-eval'" in policy) is bool(query)


def test_the_decoder_is_sent_packed(service: Service) -> None:
    answer = requests.get(f"{service.url}/static/vendor/zxing_reader.wasm", timeout=30, stream=True)
    assert answer.headers["Content-Type"] == "application/wasm"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) < MOST_DECODER_BYTES


def test_a_gate_that_saw_a_newer_list_than_the_log_reaches_is_told_to_the_operator(service: Service) -> None:
    visitor = sign_in_staff(service, GUARD)
    missing = "entries of the issued log that are missing here"
    log = service.log.read_text(encoding="utf-8").count(missing)
    moment = datetime.now(UTC).isoformat()
    counter = requests.get(f"{service.url}/.well-known/slip-status", timeout=30).json()["counter"]
    send(visitor, [], seen={"counter": counter, "issued_at": moment})
    assert service.log.read_text(encoding="utf-8").count(missing) == log
    send(visitor, [], seen={"counter": counter + 1, "issued_at": moment})
    assert service.log.read_text(encoding="utf-8").count(missing) == log + 1


@pytest.mark.parametrize(
    "seen", [{}, 0, {"counter": 1}, {"counter": "1", "issued_at": "2026-06-20T01:31:00Z"}, 5, [1]]
)
def test_a_list_that_no_gate_can_have_seen_is_refused(service: Service, seen: object) -> None:
    guard = sign_in_staff(service, GUARD)
    assert send(guard, [], seen=seen).status_code == 422
    assert send(guard, [], seen=None).status_code == 200


@pytest.mark.parametrize("viewer", [GUARD, CLERK])
def test_checks_of_guards_and_clerks_are_taken_each_id_once(
    service: Service, slip: IssuedSlip, viewer: str
) -> None:
    visitor = sign_in_staff(service, viewer)
    before = count_offline_checks(service)
    checks = [make_check(get_id(slip)), make_check(get_id(slip), verdict="revoked")]
    first = send(visitor, checks)
    assert first.json() == {"known": [check["id"] for check in checks]}
    assert send(visitor, checks).json() == first.json()
    assert count_offline_checks(service) == before + 2
    assert send(visitor, [make_check(get_id(slip))]).status_code == 200
    assert count_offline_checks(service) == before + 3


def test_a_gates_checks_stand_in_the_slips_history(service: Service, slip: IssuedSlip) -> None:
    visitor = sign_in_staff(service, GUARD)
    assert "门岗离线" not in visitor.get(slip.url).text
    send(visitor, [make_check(get_id(slip))])
    assert "门岗离线" in visitor.get(slip.url).text


@pytest.mark.parametrize("viewer", [None, "TS23000002", "00420013"])
def test_checks_of_others_are_not_taken(service: Service, slip: IssuedSlip, viewer: str | None) -> None:
    visitor = sign_in_staff(service, viewer) if viewer else service.visit()
    assert visitor.get("/gate/session").json()["may_send"] is False
    before = count_offline_checks(service)
    assert send(visitor, [make_check(get_id(slip))]).status_code in (400, 403)
    assert count_offline_checks(service) == before


def test_checks_without_the_token_are_not_taken(service: Service, slip: IssuedSlip) -> None:
    visitor = sign_in_staff(service, GUARD)
    before = count_offline_checks(service)
    assert send(visitor, [make_check(get_id(slip))], token="").status_code == 400
    assert count_offline_checks(service) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "1"},
        {"id": None},
        {"slip_id": "abc"},
        {"slip_id": "G" * 20},
        {"slip_id": 5},
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
    answer = send(visitor, [make_check(get_id(slip)), make_check(get_id(slip), **changes)])
    assert answer.status_code == 422
    assert count_offline_checks(service) == before


@pytest.mark.parametrize("checks", [None, {}, "x", [1], [make_check(None)] * 101])
def test_a_body_of_another_shape_is_refused(service: Service, checks: object) -> None:
    assert send(sign_in_staff(service, GUARD), checks).status_code == 422
