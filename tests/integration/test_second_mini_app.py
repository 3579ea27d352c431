"""A second mini-app is a folder and a table in the configuration: the same code serves both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.running import running_service
from tests.visitor import APP, get_verdict, list_statuses

CARD = "/library-card"
FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "mini_apps" / "library_card"
STUDENT = "TS96000001"


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with both mini-apps."""
    campus.reset()
    table = {
        "FOLDER": str(FOLDER),
        "PERIOD": "2026-06",
        "PERIOD_TITLE": "2026年夏季",
        "OPENS_ON": "2026-01-01",
        "CLOSES_ON": "2035-12-31",
        "LEVELS": "all",
        "STEPS__LOANS": "library_loans",
    }
    changes = {f"LIXIAO_MINI_APPS__LIBRARY_CARD__{key}": value for key, value in table.items()}
    with running_service(campus, tmp_path_factory.mktemp("two"), changes) as running:
        yield running


def test_the_hall_lists_both_and_leads_to_each(service: Service) -> None:
    hall = service.visit().get("/")
    assert hall.url == f"{service.url}/"
    for path, title in ((APP, "研究生离校服务"), (CARD, "借书证清查")):
        assert f'href="{path}/"' in hall.text
        assert title in service.visit().get(f"{path}/").text


def test_a_page_of_neither_leads_to_the_questions_and_notices_of_both_and_a_page_of_one_to_its_own(
    service: Service,
) -> None:
    for path, served in (
        ("/", {APP, CARD}),
        ("/verify", {APP, CARD}),
        (f"{APP}/", {APP}),
        (f"{CARD}/", {CARD}),
    ):
        foot = service.visit().get(path).text.partition("<footer")[2]
        assert 'href="/verify"' in foot
        for page in ("faq", "privacy"):
            assert {app for app in (APP, CARD) if f'href="{app}/{page}"' in foot} == served, path


def test_the_second_one_is_cleared_submitted_shown_and_verified_like_the_first(service: Service) -> None:
    visitor = service.visit()
    page = visitor.sign_in(STUDENT, f"{CARD}/clearance?wait=1")
    assert list_statuses(page) == {"loans": "cleared"}
    check = visitor.get(f"{CARD}/submission")
    answer = visitor.post(f"{CARD}/submission", check)
    assert answer.status_code == 303
    assert visitor.post(f"{CARD}/submission", check).headers["Location"] == answer.headers["Location"]
    slip = visitor.get(answer.headers["Location"])
    assert "借书证清查单" in slip.text
    assert visitor.get(f"{answer.headers['Location']}.pdf").content.startswith(b"%PDF-")
    completed = visitor.get("/completed").text
    assert "借书证清查" in completed
    code = re.search(r"/v/([0-9]+)", slip.text)
    assert code
    assert get_verdict(service.visit().get(code[0])) == "valid"


def test_submitting_one_does_not_submit_the_other(service: Service) -> None:
    visitor = service.visit()
    visitor.sign_in("TS96000002", f"{CARD}/clearance")
    first = visitor.post(f"{CARD}/submission", visitor.get(f"{CARD}/submission"))
    second = visitor.submit()
    assert {first.status_code, second.status_code} == {303}
    assert first.headers["Location"] != second.headers["Location"]
    completed = visitor.get("/completed").text
    for answer in (first, second):
        assert answer.headers["Location"] in completed


def test_each_asks_its_own_departments_and_refuses_by_its_own_rules(service: Service) -> None:
    visitor = service.visit()
    page = visitor.sign_in("TS23000003", f"{CARD}/clearance?wait=1")
    assert list_statuses(page) == {"loans": "outstanding"}
    refused = visitor.post(f"{CARD}/submission", visitor.get(f"{CARD}/submission"))
    assert refused.status_code == 422
    assert "图书未归还" in refused.text
    archive_calls = len(service.campus.calls("archive", "TS23000003"))
    visitor.get(f"{CARD}/clearance?wait=1")
    assert len(service.campus.calls("archive", "TS23000003")) == archive_calls


def test_a_step_or_an_action_of_one_is_unknown_in_the_other(service: Service) -> None:
    visitor = service.visit()
    visitor.sign_in(STUDENT, f"{CARD}/clearance")
    assert visitor.get(f"{CARD}/clearance/library_loans/cancel-card").status_code == 404
    assert visitor.get(f"{APP}/clearance/loans/cancel-card").status_code == 404


def test_nothing_in_the_code_names_a_mini_app() -> None:
    app = Path(__file__).resolve().parent.parent.parent / "app"
    for source in (*app.rglob("*.py"), *app.rglob("*.html")):
        text = source.read_text(encoding="utf-8")
        for name in ("graduate_departure", "graduate-departure", "library_card", "library-card"):
            assert name not in text, source
