"""Whatever strangers scan, type or send, no row comes of a code that proves nothing."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import requests

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.issued_slips import GUARD, IssuedSlip, issue_slip, sign_in_staff, sign_unissued
from tests.programs import run_flask
from tests.running import running_service
from tests.visitor import get_csrf_token

JSON = {"Accept": "application/json"}
EACH = 12
"""How many strangers send each form, each from an address of its own."""
WRONG = "0123456789ABCDEF"
WAIT_SECONDS = 30


@pytest.fixture(scope="module")
def proxied(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service behind a proxy, so that a test can come from many addresses."""
    changes = {"LIXIAO_SERVICE__PROXY_COUNT": "1"}
    with running_service(campus, tmp_path_factory.mktemp("junk"), changes) as service:
        yield service


@pytest.fixture
def slip(proxied: Service, fresh_student: str) -> IssuedSlip:
    """A slip that nobody has checked."""
    return issue_slip(proxied, fresh_student)


def count_rows(service: Service) -> dict[str, int]:
    """The rows of each table."""
    with closing(sqlite3.connect(service.data_dir / "lixiao.sqlite3")) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for (name,) in names}


def count_junk(service: Service) -> dict[str, int]:
    """How many checks without a slip are counted, by verdict."""
    with closing(sqlite3.connect(service.data_dir / "lixiao.sqlite3")) as database:
        return dict(
            database.execute("SELECT verdict, sum(count) FROM scan_counts GROUP BY verdict").fetchall()
        )


def wait_for(read: Callable[[], int], wanted: int) -> int:
    """What is read, once it is so much: the log is written a moment later."""
    for _ in range(WAIT_SECONDS * 10):
        if (found := read()) >= wanted:
            break
        threading.Event().wait(0.1)
    return found


def list_junk(service: Service, slip: IssuedSlip) -> dict[str, tuple[str, dict[str, object]]]:
    """Each form that junk has: its path, and what is posted."""
    unissued = sign_unissued(service, slip)
    return {
        "no digits": ("/v/abc", {}),
        "few digits": ("/v/1", {}),
        "many digits": (f"/v/{'7' * 240}", {}),
        "a changed digit": (slip.tampered_url.removeprefix(service.url), {}),
        "signed and never issued": (f"/v/{unissued}", {}),
        "its name compared": (f"/v/{unissued}", {"data": {"name": "某人"}}),
        "a short code": ("/verify", {"data": {"code": WRONG}}),
        "no short code": ("/verify", {"data": {"code": "12"}}),
        "typed digits": ("/verify", {"data": {"code": unissued}}),
        "a file of nothing": ("/verify", {"files": {"photo": ("a.pdf", b"%PDF-1.7 nothing")}}),
    }


def send(service: Service, path: str, posted: dict[str, object], address: str) -> None:
    method = "POST" if posted else "GET"
    headers = {"X-Forwarded-For": address, **(JSON if address.endswith("1") else {})}
    answer = requests.request(method, service.url + path, headers=headers, timeout=30, **posted)  # type: ignore[arg-type]
    assert answer.status_code in (200, 422)


def test_junk_in_every_form_is_counted_and_makes_no_row_of_its_own(
    proxied: Service, slip: IssuedSlip
) -> None:
    junk = list_junk(proxied, slip)
    before, sent = count_rows(proxied), 0
    for form, (path, posted) in enumerate(junk.values()):
        for place in range(EACH):
            send(proxied, path, posted, f"10.7.{form}.{place}")
            sent += 1
    logged = wait_for(lambda: sum(count_junk(proxied).values()), 6 * EACH)
    after = count_rows(proxied)
    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert grown.keys() - {"journal_marks"} == {"scan_counts"}  # the one row that says there is a journal
    assert grown["scan_counts"] <= 2 * len(count_junk(proxied)), (
        "a row a verdict, of today and perhaps tomorrow"
    )
    assert 6 * EACH <= logged <= sent
    told = run_flask(proxied.environment, "slips", "unproven", "--days", "2").out
    assert sum(int(line.split()[-1]) for line in told.splitlines()) == logged
    assert {"malformed", "never_issued", "bad_signature"} <= {line.split()[2] for line in told.splitlines()}


def test_scans_of_a_slip_are_logged_once_a_minute_from_each_address(
    proxied: Service, slip: IssuedSlip
) -> None:
    """The control."""
    before = count_rows(proxied)
    for _ in range(3):
        for place in range(EACH):
            send(proxied, slip.url.removeprefix(proxied.url), {}, f"10.8.0.{place}")
    logged = wait_for(lambda: count_rows(proxied)["slip_checks"] - before["slip_checks"], EACH)
    assert EACH <= logged <= 2 * EACH, "the minute may end meanwhile"


def test_what_a_gate_read_of_no_slip_is_counted_and_of_a_slip_logged(
    proxied: Service, slip: IssuedSlip
) -> None:
    guard = sign_in_staff(proxied, GUARD)
    token = get_csrf_token(guard.get("/completed"))
    before, counted = count_rows(proxied), sum(count_junk(proxied).values())
    checks = [
        {
            "id": f"00000000-0000-4000-8000-{place:012x}",
            "slip_id": None,
            "verdict": "malformed",
            "checked_at": "2026-06-20T08:30:00Z",
        }
        for place in range(100)
    ]
    sent = guard.http.post(
        f"{proxied.url}/gate/checks", json={"checks": checks}, headers={"X-CSRFToken": token}, timeout=30
    )
    assert len(sent.json()["known"]) == 100
    assert count_rows(proxied)["slip_checks"] == before["slip_checks"]
    assert sum(count_junk(proxied).values()) == counted + 100
