"""Cancelling the library card: the intent is stored before the call, its outcome after it, and one call is made."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, select, text

from app.connectors.base import ActionOutcome
from app.domain.errors import ActionNotOffered
from app.domain.person import Person, Role
from app.extensions import db
from app.factory import create_app
from app.models import Action
from app.services.clearance import actions
from app.services.installation import Installation
from app.settings import load_settings
from tests.conftest import Service
from tests.fixtures.departments import PASSES, install, make_departments, make_graduate
from tests.fixtures.office import open_office
from tests.visitor import APP, Visitor, get_csrf_token, list_statuses

CANCEL = f"{APP}/clearance/library_loans/cancel-card"
SYSTEM = "library_loans"
SECONDS = 20


def with_card(service: Service, student: str) -> tuple[Visitor, str]:
    """A signed-in student whose card is still active, and a CSRF token."""
    service.campus.set_facts(student, SYSTEM, card="active")
    visitor = service.visit()
    return visitor, get_csrf_token(visitor.sign_in(student))


def press_cancel(service: Service, visitor: Visitor, token: str) -> requests.Response:
    """Press the button once, over a connection of its own."""
    return requests.post(
        f"{service.url}{CANCEL}",
        data={"csrf_token": token},
        cookies=visitor.http.cookies.get_dict(),
        timeout=60,
        allow_redirects=False,
    )


def list_actions(service: Service, student: str) -> list[tuple[str | None, bool]]:
    """The stored outcome of each of a student's actions, and whether it is finished."""
    engine = create_engine(service.environment["LIXIAO_DATABASE__URL"])
    statement = "SELECT outcome, finished_at FROM actions WHERE student_number = :student ORDER BY id"
    try:
        with engine.connect() as connection:
            rows = connection.execute(text(statement), {"student": student})
            return [(outcome, finished_at is not None) for outcome, finished_at in rows]
    finally:
        engine.dispose()


def list_calls(service: Service, student: str) -> list[str]:
    """What the library was asked about a student, oldest first: `ask` or `cancel`."""
    calls = service.campus.calls(SYSTEM, student)
    return ["cancel" if call["address"].startswith("POST") else "ask" for call in calls]


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so; fails when it never is."""
    ends_at = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def read_notice(service: Service, visitor: Visitor) -> str:
    """The clearance page after the action."""
    return visitor.get(f"{APP}/clearance?wait=1").text


def test_the_intent_is_stored_before_the_call_and_the_outcome_after_it(
    service: Service, fresh_student: str
) -> None:
    visitor, token = with_card(service, fresh_student)
    service.campus.set_fault(SYSTEM, "timeout_after")
    with ThreadPoolExecutor(1) as pool:
        pressed = pool.submit(press_cancel, service, visitor, token)
        wait_until(lambda: "cancel" in list_calls(service, fresh_student))
        assert list_actions(service, fresh_student) == [(None, False)]
        assert pressed.result().status_code == 303
    assert list_actions(service, fresh_student) == [("confirmed", True)]
    assert list_calls(service, fresh_student).count("cancel") == 1
    assert "借书证已注销" in read_notice(service, visitor)


def test_a_time_out_that_nothing_settles_is_unknown_and_the_next_press_asks_first(
    service: Service, fresh_student: str
) -> None:
    visitor, token = with_card(service, fresh_student)
    service.campus.set_fault(SYSTEM, "timeout_after")
    with ThreadPoolExecutor(1) as pool:
        pressed: Future[requests.Response] = pool.submit(press_cancel, service, visitor, token)
        wait_until(lambda: "cancel" in list_calls(service, fresh_student))
        service.campus.set_fault(SYSTEM, "http_500")
        assert pressed.result().status_code == 303
    assert list_actions(service, fresh_student) == [("unknown", True)]
    assert list_calls(service, fresh_student)[-1] == "ask"
    assert "借书证已注销" not in read_notice(service, visitor)
    service.campus.set_fault(SYSTEM)
    wait_until(lambda: press_cancel(service, visitor, token).status_code == 303)
    assert list_calls(service, fresh_student).count("cancel") == 1
    assert list_statuses(visitor.get(f"{APP}/clearance?wait=1"))[SYSTEM] == "cleared"


def test_a_second_cancel_after_an_unknown_one_is_sent_only_when_the_card_proves_active(
    service: Service, fresh_student: str
) -> None:
    visitor, token = with_card(service, fresh_student)
    service.campus.set_fault(SYSTEM, delay_ms=600)
    with ThreadPoolExecutor(1) as pool:
        asked = len(list_calls(service, fresh_student))
        pressed = pool.submit(press_cancel, service, visitor, token)
        wait_until(lambda: len(list_calls(service, fresh_student)) > asked)
        service.campus.set_fault(SYSTEM, "http_500")
        pressed.result()
    assert list_actions(service, fresh_student) == [("unknown", True)]
    service.campus.set_fault(SYSTEM)
    before = len(list_calls(service, fresh_student))
    assert press_cancel(service, visitor, token).status_code == 303
    assert list_calls(service, fresh_student)[before:] == ["ask", "cancel", "ask"]
    assert [outcome for outcome, _ in list_actions(service, fresh_student)] == ["unknown", "confirmed"]


def test_presses_at_the_same_moment_send_one_call_and_all_learn_its_outcome(
    service: Service, fresh_student: str
) -> None:
    visitor, token = with_card(service, fresh_student)
    service.campus.set_fault(SYSTEM, delay_ms=300)
    with ThreadPoolExecutor(5) as pool:
        pressed = [pool.submit(press_cancel, service, visitor, token) for _ in range(5)]
        answers = [future.result() for future in pressed]
    assert [answer.status_code for answer in answers] == [303] * 5
    assert list_calls(service, fresh_student).count("cancel") == 1
    assert list_actions(service, fresh_student) == [("confirmed", True)]
    assert "借书证已注销" in read_notice(service, visitor)


def test_without_looking_for_rivals_the_same_presses_send_several_calls(
    service: Service, fresh_student: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "_find_rival", lambda *_: None)
    service.campus.set_facts(fresh_student, SYSTEM, card="active")
    service.campus.set_fault(SYSTEM, delay_ms=300)
    app = create_app(load_settings(service.environment))
    installation: Installation = app.extensions["installation"]
    person = Person(fresh_student, "测试", Role.STUDENT)

    def press(_: int) -> None:
        with app.app_context():
            installed = installation.get_mini_app("graduate-departure")
            actions.take_action(installation, installed, person, SYSTEM, "cancel-card")

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(press, range(5)))
    with app.app_context():
        db.engine.dispose()
    assert list_calls(service, fresh_student).count("cancel") > 1


def leave_dead_intent(service: Service, student: str) -> None:
    """What a process leaves that died after it committed an intent."""
    engine = create_engine(service.environment["LIXIAO_DATABASE__URL"])
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO actions (mini_app, period, student_number, step, action, intended_at) VALUES"
                " ('graduate_departure', '2026-06', :student, :step, 'cancel-card', '2026-06-01 00:00:00')"
            ),
            {"student": student, "step": SYSTEM},
        )
    engine.dispose()


def test_an_intent_of_a_process_that_died_does_not_block_for_ever(
    service: Service, fresh_student: str
) -> None:
    visitor, token = with_card(service, fresh_student)
    leave_dead_intent(service, fresh_student)
    assert press_cancel(service, visitor, token).status_code == 303
    assert list_calls(service, fresh_student).count("cancel") == 1
    assert service.campus.get_facts(fresh_student, SYSTEM)["card"] == "cancelled"
    assert list_actions(service, fresh_student) == [("unknown", True), ("confirmed", True)]


def test_an_intent_of_a_process_that_died_after_its_call_is_settled_by_the_card_alone(
    service: Service, fresh_student: str
) -> None:
    visitor, token = with_card(service, fresh_student)
    leave_dead_intent(service, fresh_student)
    service.campus.set_facts(fresh_student, SYSTEM, card="cancelled")
    assert press_cancel(service, visitor, token).status_code == 303
    assert "cancel" not in list_calls(service, fresh_student)
    assert list_actions(service, fresh_student) == [("confirmed", True)]


def test_a_card_that_somebody_else_cancelled_meanwhile_counts_as_cancelled(
    service: Service, fresh_student: str
) -> None:
    visitor, token = with_card(service, fresh_student)
    service.campus.set_fault(SYSTEM, delay_ms=600)
    with ThreadPoolExecutor(1) as pool:
        asked = len(list_calls(service, fresh_student))
        pressed = pool.submit(press_cancel, service, visitor, token)
        wait_until(lambda: len(list_calls(service, fresh_student)) > asked)
        service.campus.set_facts(fresh_student, SYSTEM, card="cancelled")
        assert pressed.result().status_code == 303
    assert list_calls(service, fresh_student).count("cancel") == 1
    assert list_actions(service, fresh_student) == [("confirmed", True)]


def test_a_press_on_a_cancelled_card_calls_nobody(service: Service, fresh_student: str) -> None:
    visitor, token = with_card(service, fresh_student)
    service.campus.set_facts(fresh_student, SYSTEM, card="cancelled")
    assert press_cancel(service, visitor, token).status_code == 303
    assert "cancel" not in list_calls(service, fresh_student)
    assert list_actions(service, fresh_student) == []


def test_an_action_that_its_connector_lacks_is_refused_in_words_and_leaves_no_intent(tmp_path: Path) -> None:
    departments = make_departments()
    (record,) = departments[SYSTEM].records
    departments[SYSTEM].of_student[PASSES] = (record,)
    departments[SYSTEM].records = ({**record, "card_status": "active"},)
    with open_office(tmp_path) as office:
        place = install(office.installation, departments)
        with pytest.raises(ActionNotOffered):
            actions.take_action(*place, make_graduate("TS23000001"), SYSTEM, "cancel-card")
        assert db.session.scalars(select(Action)).all() == []
        # The control: a connector that has it is asked.
        departments[SYSTEM].actions = frozenset({"cancel-card"})
        outcome, _ = actions.take_action(*place, make_graduate("TS23000001"), SYSTEM, "cancel-card")
        assert outcome is ActionOutcome.UNKNOWN
        assert len(db.session.scalars(select(Action)).all()) == 1
