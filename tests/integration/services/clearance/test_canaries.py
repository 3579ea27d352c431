"""Canary students: an emptied or shifted view is noticed, and right answers bring its step back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.connectors.base import FailureCode
from app.services.clearance import canaries
from app.services.clearance.canaries import CanaryWatch
from app.services.installation import InstalledMiniApp, describe_departments
from tests.fixtures.departments import FAILS, OWING, PASSES, Department, install, make_departments
from tests.fixtures.office import Office

NOON = datetime(2026, 6, 18, 12, tzinfo=UTC)
SECONDS = 20.0


@pytest.fixture
def installed(office: Office, departments: dict[str, Department]) -> InstalledMiniApp:
    return install(office.installation, departments)[1]


def check(installed: InstalledMiniApp) -> dict[str, datetime]:
    """The suspended steps after one look at all canary students."""
    CanaryWatch({"x": installed}, SECONDS).check_all(lambda: NOON)
    return installed.suspended


def test_right_answers_about_the_canary_students_leave_every_step_trusted(
    installed: InstalledMiniApp, departments: dict[str, Department]
) -> None:
    assert check(installed) == {}
    assert {item.looks for item in departments.values()} == {2}


def test_an_emptied_view_is_distrusted_told_in_the_log_and_trusted_again_once_repaired(
    installed: InstalledMiniApp,
    departments: dict[str, Department],
    caplog: pytest.LogCaptureFixture,
) -> None:
    truth = departments["finance"].of_student.pop(FAILS)
    assert check(installed) == {"finance": NOON}
    assert check(installed) == {"finance": NOON}
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    departments["finance"].of_student[FAILS] = truth
    assert check(installed) == {}
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert FAILS not in caplog.text


@pytest.mark.parametrize("step", list(make_departments()))
def test_a_view_shifted_to_another_student_is_distrusted(
    installed: InstalledMiniApp, departments: dict[str, Department], step: str
) -> None:
    department = departments[step]
    department.of_student = {PASSES: department.of_student[FAILS], FAILS: department.records}
    assert check(installed) == {step: NOON}


def test_a_view_that_clears_nobody_is_distrusted_too(
    installed: InstalledMiniApp, departments: dict[str, Department]
) -> None:
    departments["finance"].records = (OWING,)
    assert check(installed) == {"finance": NOON}


def test_a_view_without_a_fact_that_the_rule_needs_is_distrusted(
    installed: InstalledMiniApp, departments: dict[str, Department]
) -> None:
    departments["archive"].records = ({"reviewed_on": None},)
    assert check(installed) == {"archive": NOON}


def test_a_department_that_does_not_answer_changes_nothing_either_way(
    installed: InstalledMiniApp, departments: dict[str, Department]
) -> None:
    departments["finance"].fault = FailureCode.TIMEOUT
    assert check(installed) == {}
    installed.suspended["finance"] = NOON
    assert check(installed) == {"finance": NOON}


def test_without_canary_students_the_emptied_view_is_not_noticed(
    installed: InstalledMiniApp, departments: dict[str, Department]
) -> None:
    del departments["finance"].of_student[FAILS]
    settings = installed.settings.model_copy(update={"canaries": {}})
    assert check(replace(installed, settings=settings)) == {}
    assert check(installed) == {"finance": NOON}


def test_distrusted_steps_are_described_for_operators(
    office: Office, departments: dict[str, Department]
) -> None:
    installation, installed = install(office.installation, departments)
    installed.suspended["finance"] = NOON
    assert describe_departments(installation) == {
        "systems": {},
        "suspended": {"graduate_departure.finance": "2026-06-18T12:00:00+00:00"},
    }


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Callable[[InstalledMiniApp], list[float]]:
    """How long the watch waits between its looks, until it was told to stop after three."""

    def watch(installed: InstalledMiniApp) -> list[float]:
        waited: list[float] = []
        watch = CanaryWatch({"x": installed}, SECONDS)

        def wait(seconds: float) -> bool:
            waited.append(seconds)
            if len(waited) == 3:
                watch._stop.set()
            return False

        monkeypatch.setattr(watch._stop, "wait", wait)
        monkeypatch.setattr(watch._woken, "wait", wait)
        watch._run()
        return waited

    return watch


def test_the_watch_looks_every_minute_and_every_five_seconds_while_something_is_wrong(
    installed: InstalledMiniApp,
    departments: dict[str, Department],
    waits: Callable[[InstalledMiniApp], list[float]],
) -> None:
    assert waits(installed) == [60.0] * 3
    del departments["finance"].of_student[FAILS]
    assert waits(installed) == [5.0] * 3


def test_the_watch_outlives_what_it_did_not_foresee(
    installed: InstalledMiniApp,
    waits: Callable[[InstalledMiniApp], list[float]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(canaries, "judge_canaries", fail)
    assert waits(installed) == [60.0] * 3
