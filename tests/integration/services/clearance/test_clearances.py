"""When departments are asked, and that only a fresh round decides."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine

from app.connectors.base import FailureCode
from app.domain.clearance import Status, StepState
from app.extensions import db
from app.services.clearance import clearances, submissions
from app.services.clearance.canaries import CanaryWatch
from app.services.clearance.clearances import look_up_clearance
from app.services.clearance.live import get_live_clearance
from app.services.clearance.submissions import SubmissionRefused, submit
from app.services.clearance.waivers import grant_waiver
from app.services.installation import Installation, InstalledMiniApp
from tests.fixtures.departments import FAILS, Department, install, make_departments, make_graduate
from tests.fixtures.office import Office

FRESH_SECONDS, SECONDS = 15.0, 20.0
NOON = datetime(2026, 6, 18, 4, tzinfo=UTC)


@pytest.fixture
def place(office: Office, departments: dict[str, Department]) -> tuple[Installation, InstalledMiniApp]:
    """The graduate departure with departments that are asked again after 15 seconds."""
    return install(office.installation, departments, fresh=FRESH_SECONDS)


def look(
    place: tuple[Installation, InstalledMiniApp], student: str, *, wait_for_all: bool = True
) -> dict[str, StepState]:
    return look_up_clearance(*place, student, wait_for_all=wait_for_all)


def list_statuses(states: dict[str, StepState]) -> dict[str, Status]:
    return {key: state.status for key, state in states.items()}


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until it is so: questions go out in another thread. Fails after ten seconds."""
    for _ in range(1000):
        if is_so():
            return
        threading.Event().wait(0.01)
    raise AssertionError


ALL_CLEARED = dict.fromkeys(make_departments(), Status.CLEARED)


def test_what_is_fresh_is_not_asked_again_and_what_is_older_is(
    place: tuple[Installation, InstalledMiniApp], departments: dict[str, Department]
) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        assert list_statuses(look(place, "TS1")) == ALL_CLEARED
        clock.shift(FRESH_SECONDS - 1)
        assert list_statuses(look(place, "TS1", wait_for_all=False)) == ALL_CLEARED
        assert {item.questions for item in departments.values()} == {1}
        clock.shift(1)
        look(place, "TS1", wait_for_all=False)
        wait_for(lambda: {item.questions for item in departments.values()} == {2})


def test_an_answer_from_the_future_is_not_fresh(
    place: tuple[Installation, InstalledMiniApp], departments: dict[str, Department]
) -> None:
    with time_machine.travel(NOON + timedelta(days=1), tick=False):
        look(place, "TS2")
    with time_machine.travel(NOON, tick=False):
        look(place, "TS2", wait_for_all=False)
    wait_for(lambda: departments["archive"].questions == 2)


def test_a_patient_page_asks_whatever_is_fresh(
    place: tuple[Installation, InstalledMiniApp], departments: dict[str, Department]
) -> None:
    look(place, "TS3")
    look(place, "TS3")
    assert departments["archive"].questions == 2


def test_an_impatient_page_asks_whatever_is_fresh_where_it_is_to_ask_afresh_and_not_else(
    place: tuple[Installation, InstalledMiniApp], departments: dict[str, Department]
) -> None:
    look(place, "TS14")
    look_up_clearance(*place, "TS14", wait_for_all=False)
    assert {item.questions for item in departments.values()} == {1}
    look_up_clearance(*place, "TS14", wait_for_all=False, is_afresh=True)
    wait_for(lambda: {item.questions for item in departments.values()} == {2})


def test_a_failing_department_is_asked_again_however_fresh_its_last_answer_is(
    place: tuple[Installation, InstalledMiniApp], departments: dict[str, Department]
) -> None:
    look(place, "TS4")
    departments["archive"].fault = FailureCode.SERVER_ERROR
    failing = look(place, "TS4")["archive"]
    assert (failing.status, failing.fault) == (Status.UNAVAILABLE, FailureCode.SERVER_ERROR)
    assert failing.failing_since is not None
    assert failing.last_known is not None
    assert failing.last_known.finding.status is Status.CLEARED
    departments["archive"].fault = None
    asked = departments["archive"].questions
    look(place, "TS4", wait_for_all=False)
    wait_for(lambda: departments["archive"].questions == asked + 1)
    assert look(place, "TS4")["archive"].status is Status.CLEARED


def test_an_unavailable_step_says_since_when_from_the_first_failure_on(
    place: tuple[Installation, InstalledMiniApp], departments: dict[str, Department]
) -> None:
    departments["archive"].fault = FailureCode.TIMEOUT
    for minutes in range(3):
        with time_machine.travel(NOON + timedelta(minutes=minutes), tick=False):
            assert look(place, "TS13")["archive"].failing_since == NOON


def test_a_patient_page_is_told_of_no_department_that_is_still_being_asked(
    office: Office, departments: dict[str, Department], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clearances, "GRACE_SECONDS", -0.5)
    end = threading.Event()
    departments["archive"].when_asked = partial(end.wait, 1.0)
    place = install(office.installation, departments, deadline=0.5)
    state = look(place, "TS5")["archive"]
    end.set()
    assert (state.status, state.is_asking, state.fault) == (Status.UNAVAILABLE, False, FailureCode.TIMEOUT)


def test_no_database_connection_is_held_while_departments_are_asked(
    place: tuple[Installation, InstalledMiniApp], departments: dict[str, Department]
) -> None:
    held = []
    pool = db.engine.pool
    departments["archive"].when_asked = lambda: held.append(pool.checkedout())  # type: ignore[attr-defined]
    look(place, "TS6")
    get_live_clearance(*place, "TS6")
    assert held == [0, 0]


def test_a_connection_held_meanwhile_would_be_seen(
    place: tuple[Installation, InstalledMiniApp],
    departments: dict[str, Department],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = []
    pool = db.engine.pool
    departments["archive"].when_asked = lambda: held.append(pool.checkedout())  # type: ignore[attr-defined]

    def list_and_hold(*_: object) -> dict[str, object]:
        db.session.connection()
        return {}

    monkeypatch.setattr(clearances, "list_waivers", list_and_hold)
    look(place, "TS7")
    assert held == [1]


@pytest.mark.parametrize("step", list(make_departments()))
def test_a_fresh_pass_of_a_failing_department_never_counts_at_submit(
    place: tuple[Installation, InstalledMiniApp], departments: dict[str, Department], step: str
) -> None:
    student = f"TS8{step}"
    assert list_statuses(look(place, student)) == ALL_CLEARED
    departments[step].fault = FailureCode.TIMEOUT
    with pytest.raises(SubmissionRefused) as refused:
        submit(*place, make_graduate(student))
    assert refused.value.fact.step_keys == (step,)


def test_a_variant_that_counts_it_gives_a_slip(
    place: tuple[Installation, InstalledMiniApp],
    departments: dict[str, Department],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look(place, "TS9")
    departments["finance"].fault = FailureCode.TIMEOUT
    monkeypatch.setattr(submissions, "get_live_clearance", partial(look_up_clearance, wait_for_all=False))
    assert submit(*place, make_graduate("TS9")).startswith("LX")


def test_a_distrusted_step_is_unavailable_though_its_answer_is_fresh_and_at_submit(
    place: tuple[Installation, InstalledMiniApp], departments: dict[str, Department]
) -> None:
    look(place, "TS10")
    truth = departments["finance"].of_student.pop(FAILS)
    CanaryWatch({"x": place[1]}, SECONDS).check_all()
    page = look(place, "TS10", wait_for_all=False)
    assert departments["finance"].questions == 1
    assert list_statuses(page) == ALL_CLEARED | {"finance": Status.UNAVAILABLE}
    with pytest.raises(SubmissionRefused):
        submit(*place, make_graduate("TS10"))
    departments["finance"].of_student[FAILS] = truth
    assert submit(*place, make_graduate("TS10")).startswith("LX")


def test_a_waived_step_passes_whatever_its_department_says(
    place: tuple[Installation, InstalledMiniApp], departments: dict[str, Department]
) -> None:
    departments["archive"].fault = FailureCode.TIMEOUT
    grant_waiver(place[1], "archive", "TS11", "线下归档", "00420014", accepts_unknown=True)
    assert look(place, "TS11")["archive"].status is Status.WAIVED
    assert look(place, "TS12")["archive"].status is Status.UNAVAILABLE
    assert submit(*place, make_graduate("TS11")).startswith("LX")
