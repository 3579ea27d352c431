"""Scan mode: done at once where nothing is recorded yet, and a loud stop before whatever a colleague, the head or a table
says.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from app.factory import create_app
from app.services.clock import get_now
from app.services.desk.deciding import open_desk_step, read_item
from app.services.desk.desk_code import make_address, make_code
from app.settings import load_settings
from app.web.staff import scanning
from tests.conftest import Service
from tests.fixtures.counter_service import CLERK, DESK, HEAD, OTHER_CLERK
from tests.integration.staff.counter_pages import Clerk, get_status, get_version, inside
from tests.integration.staff.staff_pages import sign_in_staff
from tests.programs import run_flask
from tests.visitor import get_csrf_token

SCAN = f"{DESK}?mode=scan"


@pytest.fixture
def service(counter_service: Service) -> Service:
    """The service whose archive is a desk."""
    counter_service.campus.reset()
    return counter_service


@pytest.fixture
def clerk(service: Service) -> Clerk:
    """Who scans."""
    return Clerk(sign_in_staff(service, CLERK))


@pytest.fixture
def other(service: Service) -> Clerk:
    """A colleague at the same desk."""
    return Clerk(sign_in_staff(service, OTHER_CLERK))


@pytest.fixture
def student(service: Service, fresh_student: str) -> str:
    """The number of a student who signed in, and has not been handled."""
    service.visit().sign_in(fresh_student)
    return fresh_student


def scan(service: Service, clerk: Clerk, student: str) -> requests.Response:
    """Scan the student's code of this moment."""
    with inside(service) as installation:
        code = make_address(installation, make_code(installation, student, get_now()))
    return clerk.find(code, mode="scan")


def stops(answer: requests.Response, fact: str) -> bool:
    """Whether a scan stopped loudly for this."""
    return (answer.status_code, "data-alarm" in answer.text, f'data-error="{fact}"' in answer.text) == (
        409,
        True,
        True,
    )


def test_a_scan_stops_before_what_a_colleague_recorded_and_says_who_and_why(
    service: Service, clerk: Clerk, other: Clerk, student: str
) -> None:
    other.decide(other.open_item(student), "not_done", reason="thesis_missing", note="涉密论文")
    answer = scan(service, clerk, student)
    assert stops(answer, "AlreadyRecorded")
    assert f"许丽华（{OTHER_CLERK}）" in answer.text
    assert "涉密论文" in answer.text
    assert "还没有收到您的纸质论文" in answer.text
    page = clerk.open_item(student)
    assert (get_status(page), get_version(page)) == ("outstanding", "1")
    assert page.url.removeprefix(service.url) in answer.text, "the item is one tap away"


def test_a_scan_stops_before_the_heads_reversal(service: Service, clerk: Clerk, student: str) -> None:
    clerk.decide(clerk.open_item(student), "done")
    head = Clerk(sign_in_staff(service, HEAD))
    assert head.undo(head.open_item(student), reason="登记错了人").status_code == 303
    answer = scan(service, clerk, student)
    assert stops(answer, "AlreadyRecorded")
    assert f"高志强（{HEAD}）" in answer.text
    assert "登记错了人" in answer.text
    assert get_version(clerk.open_item(student)) == "2"


@pytest.mark.parametrize("state", ["已审核", "已提交"])
def test_a_scan_stops_before_what_a_table_says(
    service: Service, clerk: Clerk, student: str, tmp_path: Path, state: str
) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"学号,论文状态,审核日期\n{student},{state},2026-06-20\n", "utf-8")
    arguments = ("desk", "import", "archive_desk", str(path), "--by", HEAD)
    run_flask(service.environment, *arguments)
    assert stops(scan(service, clerk, student), "AlreadyRecorded")
    with inside(service) as installation:
        item = read_item(open_desk_step(installation, "graduate-departure", "archive"), student)
    assert item.version == 1
    assert item.entry is not None
    assert item.entry.facts["reviewed_on"] == "2026-06-20"


def test_a_scan_stops_before_ones_own_not_done(service: Service, clerk: Clerk, student: str) -> None:
    clerk.decide(clerk.open_item(student), "not_done", reason="thesis_missing")
    assert stops(scan(service, clerk, student), "AlreadyRecorded")


def test_a_scan_decides_again_after_ones_own_undo_unless_something_stood_before(
    service: Service, clerk: Clerk, other: Clerk, student: str
) -> None:
    assert scan(service, clerk, student).status_code == 303
    assert clerk.undo(clerk.open_item(student)).status_code == 303
    assert stops(scan(service, other, student), "AlreadyRecorded"), "a colleague's undo is not one's own"
    answer = scan(service, clerk, student)
    assert (answer.status_code, answer.headers["Location"]) == (303, SCAN)
    assert get_version(clerk.open_item(student)) == "3"

    assert clerk.undo(clerk.open_item(student)).status_code == 303
    other.decide(other.open_item(student), "not_done", reason="thesis_missing")
    clerk.decide(clerk.open_item(student), "done")
    assert clerk.undo(clerk.open_item(student)).status_code == 303
    assert stops(scan(service, clerk, student), "AlreadyRecorded"), "the colleague's record stands again"


def test_without_the_guard_a_scan_would_overrule(
    service: Service, clerk: Clerk, other: Clerk, student: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control, in this process: the same form by the same session, with the guard off."""
    other.decide(other.open_item(student), "not_done", reason="thesis_missing")
    monkeypatch.setattr(scanning, "is_untouched", lambda *_: True)
    client = create_app(load_settings(service.environment)).test_client()
    for cookie in clerk.visitor.http.cookies:
        client.set_cookie(cookie.name, cookie.value or "", domain="127.0.0.1")
    data = {"q": student, "mode": "scan", "csrf_token": get_csrf_token(clerk.open_counter())}
    answer = client.post(DESK, base_url=service.url, data=data)
    assert answer.status_code == 303, answer.text[:2000]
    page = clerk.open_item(student)
    assert (get_status(page), get_version(page)) == ("cleared", "2")
