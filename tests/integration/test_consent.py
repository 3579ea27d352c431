"""The privacy notice and the consent to it: before the first question to a department, once for each version."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campus.client import PROJECT, CampusClient
from tests.conftest import Service
from tests.integration.operation.commands import run_flask
from tests.integration.test_manual import ALL_CLEARED
from tests.running import running_service
from tests.visitor import APP, ASKS_CONSENT, Visitor, list_statuses

CONSENT = PROJECT / "config" / "demo_consent.toml"
PRIVACY = f"{APP}/privacy"
CANCEL_CARD = f"{APP}/clearance/library_loans/cancel-card"
PAGES = (f"{APP}/clearance", f"{APP}/clearance?wait=1", CANCEL_CARD, f"{APP}/submission")
FORMS = (f"{APP}/clearance/archive/refresh", f"{APP}/clearance/refresh", CANCEL_CARD, f"{APP}/submission")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("consent")


@pytest.fixture(scope="module")
def asking(campus: CampusClient, data_dir: Path) -> Iterator[Service]:
    """A service that asks, as every service does by default."""
    with running_service(campus, data_dir, configs=[CONSENT]) as running:
        yield running


def knock_everywhere(visitor: Visitor, number: str) -> list[str]:
    """Sign in, and open and send everything that asks departments; where each led."""
    token = visitor.arrive(number, "/completed")
    opened = [visitor.get(path, allow_redirects=False) for path in PAGES]
    sent = [visitor.post(path, token) for path in FORMS]
    return [answer.headers.get("Location", "") for answer in opened + sent]


def list_events(service: Service, number: str) -> list[tuple[str, dict[str, str]]]:
    """What the audit tells of a student's consent, oldest first."""
    out = service.data_dir / "events.jsonl"
    out.unlink(missing_ok=True)
    assert run_flask(service.environment, "audit", "export", str(out)).code == 0
    events = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    return [
        (event["kind"], {name: value for name, value in event["details"].items() if name != "rows"})
        for event in events
        if event["subject"] == number and event["kind"].startswith("consent")
    ]


def test_no_department_is_asked_about_a_student_who_has_not_agreed(
    asking: Service, fresh_student: str
) -> None:
    asking.campus.reset()
    places = knock_everywhere(asking.visit(), fresh_student)
    assert all(place == PRIVACY for place in places), places
    assert asking.campus.calls(student=fresh_student) == []


def test_where_consent_is_not_asked_the_same_pages_ask_departments(
    service: Service, fresh_student: str
) -> None:
    places = knock_everywhere(service.visit(), fresh_student)
    assert not any(PRIVACY in place for place in places)
    assert service.campus.calls(student=fresh_student) != []


def test_whoever_agrees_comes_to_the_page_that_was_wanted_and_is_not_asked_again(
    asking: Service, fresh_student: str
) -> None:
    visitor = asking.visit()
    notice = visitor.arrive(fresh_student, f"{APP}/clearance?wait=1")
    assert ASKS_CONSENT in notice.text
    page = visitor.consent(notice)
    assert page.url.endswith(f"{APP}/clearance?wait=1")
    assert list_statuses(page) == ALL_CLEARED
    again = asking.visit().arrive(fresh_student, f"{APP}/submission")
    assert again.url.endswith(f"{APP}/submission")


def test_a_form_leads_to_its_page_after_consent_and_is_not_repeated(
    asking: Service, fresh_student: str
) -> None:
    visitor = asking.visit()
    notice = visitor.arrive(fresh_student)
    answer = visitor.post(f"{APP}/submission", notice)
    assert answer.status_code == 303
    page = visitor.consent(visitor.get(answer.headers["Location"]))
    assert page.url.endswith(f"{APP}/submission")
    assert visitor.submit().status_code == 303


def test_consent_is_audited_with_the_version_and_so_is_its_withdrawal(
    asking: Service, fresh_student: str
) -> None:
    visitor = asking.visit()
    visitor.sign_in(fresh_student)
    given = ("consent_given", {"mini_app": "graduate_departure", "version": "2026-12"})
    assert list_events(asking, fresh_student) == [given]
    page = visitor.get(PRIVACY)
    assert "您已于" in page.text
    assert visitor.post(f"{APP}/consent/withdrawal", page).status_code == 303
    assert list_events(asking, fresh_student)[1:] == [
        ("consent_withdrawn", {"mini_app": "graduate_departure"})
    ]
    asking.campus.reset()
    assert ASKS_CONSENT in visitor.get(f"{APP}/clearance").text
    assert asking.campus.calls(student=fresh_student) == []


def test_a_second_press_gives_no_second_consent(asking: Service, fresh_student: str) -> None:
    visitor = asking.visit()
    notice = visitor.arrive(fresh_student)
    for _ in range(2):
        assert visitor.post(f"{APP}/consent", notice).status_code == 303
    assert len(list_events(asking, fresh_student)) == 1


def test_a_new_version_of_the_notice_asks_again(
    asking: Service, campus: CampusClient, tmp_path: Path, fresh_student: str
) -> None:
    asking.visit().sign_in(fresh_student)
    folder = shutil.copytree(
        PROJECT / "miniapp_templates" / "graduate_departure", tmp_path / "graduate_departure"
    )
    manifest = folder / "manifest.toml"
    manifest.write_text(
        manifest.read_text("utf-8").replace('version = "2026-12"', 'version = "2027"'), "utf-8"
    )
    changes = {"LIXIAO_MINI_APPS__GRADUATE_DEPARTURE__FOLDER": str(folder)}
    with running_service(campus, asking.data_dir, changes, configs=[CONSENT]) as newer:
        notice = newer.visit().arrive(fresh_student)
        assert 'data-privacy="2027"' in notice.text
        assert ASKS_CONSENT in notice.text


def test_whoever_agrees_unasked_comes_to_the_query_page(asking: Service, fresh_student: str) -> None:
    visitor = asking.visit()
    visitor.arrive(fresh_student, "/completed")
    answer = visitor.post(f"{APP}/consent", visitor.get(PRIVACY), next="https://elsewhere.example/")
    assert answer.headers["Location"] == f"{APP}/clearance"


def test_the_notice_says_what_is_asked_of_whom_who_sees_what_and_how_long_it_is_kept(
    visitor: Visitor,
) -> None:
    text = visitor.get(PRIVACY).text
    for words in ("中国矿业大学", "图书馆 · 图书借阅", "欠书、欠费、违章、借书证状态", "财务资产部 · 收费"):
        assert words in text
    for words in ("学号后四位", "门卫", "180 天", "365 天", "要求删除或解释说明", "313963892"):
        assert words in text
    assert ASKS_CONSENT not in text


def test_every_page_of_the_mini_app_leads_to_the_notice_and_to_the_questions(visitor: Visitor) -> None:
    visitor.sign_in("TS23000002")
    for path in (f"{APP}/", f"{APP}/clearance", f"{APP}/submission", "/completed", "/nowhere", "/v/1"):
        text = visitor.get(path).text
        assert f'href="{PRIVACY}"' in text, path
        assert f'href="{APP}/faq"' in text, path
    assert "怎样注销借书证" in visitor.get(f"{APP}/faq").text


def test_the_notice_speaks_of_consent_only_where_it_is_asked(asking: Service, service: Service) -> None:
    for running, is_told in ((asking, True), (service, False)):
        notice = running.visit().get(PRIVACY, headers={"Accept-Language": "zh-CN"}).text
        assert [words in notice for words in ("撤回同意", "会再次征得您的同意", "不同意")] == [is_told] * 3
