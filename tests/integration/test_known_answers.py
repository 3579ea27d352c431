"""What a page shows while departments answer slowly, not at all, or wrongly; waivers and canary students."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest

from app.connectors.registry import build_connectors, read_connectors
from app.domain.clearance import Status
from app.mini_apps.loader import load_mini_app
from app.services.clearance.canaries import CanaryWatch
from app.services.clearance.canary_looks import LookBook
from app.services.installation import InstalledMiniApp
from app.settings import load_settings
from tests.conftest import Service
from tests.integration.test_manual import ALL_CLEARED, get_item
from tests.programs import run_flask
from tests.visitor import APP, Visitor, list_statuses

SYSTEMS = tuple(ALL_CLEARED)


def test_a_slow_department_is_checking_and_the_others_are_there_at_once(
    service: Service, visitor: Visitor, fresh_student: str
) -> None:
    visitor.sign_in(fresh_student)
    service.campus.set_fault("finance", delay_ms=1500)
    assert list_statuses(visitor.get(f"{APP}/clearance")) == ALL_CLEARED | {"finance": "checking"}


def test_with_wait_the_page_comes_after_the_round_and_joins_the_question_under_way(
    service: Service, visitor: Visitor, fresh_student: str
) -> None:
    visitor.sign_in(fresh_student)
    service.campus.reset()
    service.campus.set_fault("finance", delay_ms=1500)
    visitor.get(f"{APP}/clearance")
    assert list_statuses(visitor.get(f"{APP}/clearance?wait=1")) == ALL_CLEARED
    assert len(service.campus.calls("finance", fresh_student)) == 1


def test_a_department_that_is_down_shows_its_last_known_answer_with_its_time(
    service: Service, visitor: Visitor
) -> None:
    visitor.sign_in("TS23000008")
    service.campus.set_fault("finance", "http_500")
    page = visitor.get(f"{APP}/clearance?wait=1")
    assert list_statuses(page)["finance"] == "unavailable"
    item = get_item(page.text, "finance")
    assert "暂时无法查询" in item
    assert "未通过" in item
    assert "¥500.00" in item
    assert re.search(r"上次查到的结果是 未通过 （ \d{4}年\d{1,2}月\d{1,2}日 \d\d:\d\d ）", item)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_known_pass_does_not_count_at_submit(
    service: Service, visitor: Visitor, fresh_student: str, system: str
) -> None:
    assert list_statuses(visitor.sign_in(fresh_student)) == ALL_CLEARED
    check = visitor.get(f"{APP}/submission")
    service.campus.set_fault(system, "http_500")
    answer = visitor.post(f"{APP}/submission", check)
    assert answer.status_code == 422
    assert list_statuses(answer)[system] == "unavailable"


def test_asking_one_department_again_calls_that_one_and_comes_back_to_its_item(
    service: Service, visitor: Visitor
) -> None:
    page = visitor.sign_in("TS23000002")
    answer = visitor.post(f"{APP}/clearance/archive/refresh", page)
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"{APP}/clearance#archive")
    assert "已重新查询：通过" in get_item(visitor.get(f"{APP}/clearance").text, "archive")
    assert "已重新查询" not in visitor.get(f"{APP}/clearance").text


def test_what_asking_again_led_to_is_not_used_up_by_a_page_that_is_open_and_waits(visitor: Visitor) -> None:
    page = visitor.sign_in("TS23000002")
    visitor.post(f"{APP}/clearance/archive/refresh", page)
    assert "已重新查询" not in visitor.get(f"{APP}/clearance?wait=finance").text
    assert "已重新查询：通过" in get_item(visitor.get(f"{APP}/clearance").text, "archive")


def test_asking_all_again_comes_back_to_how_far_the_student_is(visitor: Visitor) -> None:
    answer = visitor.post(f"{APP}/clearance/refresh", visitor.sign_in("TS23000002"))
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"{APP}/clearance#progress")


def test_a_waived_step_passes_with_its_reason_and_person_shown_and_printed(
    service: Service, visitor: Visitor, fresh_student: str
) -> None:
    service.campus.set_facts(fresh_student, "archive", state="")
    assert list_statuses(visitor.sign_in(fresh_student))["archive"] == "outstanding"
    arguments = ("waive", "graduate_departure", "archive", fresh_student)
    done = run_flask(service.environment, *arguments, "--reason", "论文涉密，线下归档", "--by", "00420014")
    assert done.code == 0, done.err
    page = visitor.get(f"{APP}/clearance?wait=1")
    assert list_statuses(page)["archive"] == "waived"
    assert "五项全部通过（含一项豁免）" in page.text
    check = visitor.get(f"{APP}/submission")
    assert list_statuses(check) == ALL_CLEARED | {"archive": "waived"}
    for text in (get_item(page.text, "archive"), re.sub(r"<[^>]+>", "", check.text)):
        assert re.search(r"学校已豁免此项： ?论文涉密，线下归档 ?（批准人 00420014）", text)
    answer = visitor.submit()
    assert answer.status_code == 303
    slip = visitor.get(answer.headers["Location"])
    for words in ("豁免", "论文涉密，线下归档", "00420014"):
        assert words in slip.text
    again = run_flask(service.environment, *arguments, "--reason", "又一次", "--by", "00420014")
    assert again.code == 1
    assert "already" in again.err.lower()


@pytest.fixture
def installed(service: Service) -> InstalledMiniApp:
    """The graduate departure with the running campus's connectors, in this process."""
    settings = load_settings(service.environment)
    chosen = settings.mini_apps["graduate_departure"]
    mini_app = load_mini_app(chosen.folder, settings.faults)
    connectors = build_connectors(read_connectors(settings.connectors, settings.faults))
    settings.raise_faults()
    assert mini_app is not None
    steps = {key: connectors[name] for key, name in chosen.steps.items()}
    return InstalledMiniApp(mini_app, chosen, steps, LookBook(0))


def test_canary_students_with_right_answers_change_nothing(installed: InstalledMiniApp) -> None:
    CanaryWatch({"x": installed}, 3.0).check_all()
    assert installed.suspended == {}


def test_an_emptied_finance_view_makes_finance_unavailable_for_all_until_it_is_repaired(
    service: Service, installed: InstalledMiniApp
) -> None:
    watch = CanaryWatch({"x": installed}, 3.0)
    service.campus.set_facts("TS00000002", "finance", rows=[])
    watch.check_all(lambda: datetime(2026, 6, 18, tzinfo=UTC))
    assert installed.suspended == {"finance": datetime(2026, 6, 18, tzinfo=UTC)}
    service.campus.reset()
    watch.check_all()
    assert installed.suspended == {}


def test_a_department_that_is_down_is_not_distrusted_for_it(
    service: Service, installed: InstalledMiniApp
) -> None:
    service.campus.set_fault("finance", "http_500")
    CanaryWatch({"x": installed}, 3.0).check_all()
    assert installed.suspended == {}


def test_without_canary_students_the_emptied_view_would_have_cleared_a_debtor(
    service: Service, installed: InstalledMiniApp, visitor: Visitor
) -> None:
    service.campus.set_facts("TS23000008", "finance", rows=[])
    assert list_statuses(visitor.sign_in("TS23000008"))["finance"] == Status.CLEARED


def test_the_running_service_asks_its_canary_students_by_itself(service: Service) -> None:
    service.campus.reset()
    for _ in range(100):
        if service.campus.calls("finance", "TS00000002") or "control" in service.log.read_text():
            break
        time.sleep(0.1)
    assert service.visit().get("/healthz").status_code == 200
