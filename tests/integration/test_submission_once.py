"""A student submits once, whatever arrives at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.stored import list_slips
from tests.integration.conftest import MakeDatabase
from tests.running import running_service
from tests.visitor import APP, Visitor, get_csrf_token

STUDENTS = 200
TIMES_EACH = 4
AT_ONCE = 50


@pytest.fixture(scope="module")
def service(
    campus: CampusClient, tmp_path_factory: pytest.TempPathFactory, make_database: MakeDatabase
) -> Iterator[Service]:
    """A service with a database of either kind."""
    campus.reset()
    folder = tmp_path_factory.mktemp("once")
    with running_service(campus, folder, {"LIXIAO_DATABASE__URL": make_database(folder)}) as running:
        yield running


def sign_in(service: Service, student: str) -> tuple[Visitor, str]:
    """A signed-in student at the check page, and the page's CSRF token."""
    visitor = service.visit()
    visitor.sign_in(student)
    return visitor, get_csrf_token(visitor.get(f"{APP}/submission"))


def press_submit(service: Service, visitor: Visitor, token: str) -> requests.Response:
    """Press the button once, over a connection of its own, as a second tab does."""
    return requests.post(
        f"{service.url}{APP}/submission",
        data={"csrf_token": token},
        cookies=visitor.http.cookies.get_dict(),
        timeout=60,
        allow_redirects=False,
    )


def press_together(service: Service, student: str, times: int) -> list[requests.Response]:
    """Press the button this often at the same moment."""
    visitor, token = sign_in(service, student)
    barrier = threading.Barrier(times)

    def press(_: int) -> requests.Response:
        barrier.wait()
        return press_submit(service, visitor, token)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(press, range(times)))


def test_a_double_click_gives_one_slip(service: Service, fresh_student: str) -> None:
    first, second = press_together(service, fresh_student, 2)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["Location"] == second.headers["Location"]
    assert len(list_slips(service.environment, fresh_student)) == 1


def test_two_tabs_and_a_replay_of_the_form_lead_to_the_same_slip(
    service: Service, fresh_student: str
) -> None:
    visitor, token = sign_in(service, fresh_student)
    second_tab = get_csrf_token(visitor.get(f"{APP}/submission"))
    answers = [press_submit(service, visitor, value) for value in (token, second_tab, token)]
    (number,) = list_slips(service.environment, fresh_student)
    assert [answer.headers["Location"] for answer in answers] == [f"/slips/{number}"] * 3


def test_twenty_submissions_at_the_same_moment_give_one_slip(service: Service, fresh_student: str) -> None:
    answers = press_together(service, fresh_student, 20)
    (number,) = list_slips(service.environment, fresh_student)
    assert [answer.status_code for answer in answers] == [303] * 20
    assert {answer.headers["Location"] for answer in answers} == {f"/slips/{number}"}


def test_a_crowd_that_presses_four_times_gets_one_slip_each(service: Service) -> None:
    students = [f"TS9{number:07d}" for number in range(9_000_000, 9_000_000 + STUDENTS)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        signed_in = list(pool.map(lambda student: sign_in(service, student), students))
        answers = list(pool.map(lambda one: press_submit(service, *one), signed_in * TIMES_EACH))
    assert {answer.status_code for answer in answers} == {303}
    for index, student in enumerate(students):
        (number,) = list_slips(service.environment, student)
        assert {answer.headers["Location"] for answer in answers[index::STUDENTS]} == {f"/slips/{number}"}


def leave_out_the_constraint(environment: Mapping[str, str]) -> None:
    """Build the table of submissions as if nobody had thought of UNIQUE."""
    engine = create_engine(environment["LIXIAO_DATABASE__URL"])
    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("submissions") as table:
            table.drop_constraint("uq_submissions_once", type_="unique")
            table.drop_index("uq_submissions_person")
    engine.dispose()


def test_without_the_constraint_the_same_race_gives_several_slips(
    campus: CampusClient, tmp_path: Path, make_database: MakeDatabase, fresh_student: str
) -> None:
    changes = {"LIXIAO_DATABASE__URL": make_database(tmp_path)}
    with running_service(campus, tmp_path, changes, leave_out_the_constraint) as unguarded:
        press_together(unguarded, fresh_student, 20)
        assert len(list_slips(unguarded.environment, fresh_student)) > 1
