"""A thousand students press submit four times each, a hundred at a time: a thousand slips. On both databases. What a
student was told who was not told four times the same is kept, with what the service logged meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.campus.run import make_environment, start_service, stop
from tests.conftest import get_free_port
from tests.fixtures.office import NOBODY
from tests.fixtures.signed_in import Told, sign_in_all
from tests.fixtures.stored import check_nothing_is_half_done, query
from tests.fixtures.templates import prepare
from tests.integration.test_submission_once import leave_out_the_constraint
from tests.postgres import running_postgres

STUDENTS, TIMES, AT_ONCE, WORKERS = 1_000, 4, 100, 2


@pytest.fixture(params=["sqlite", "postgresql"])
def changes(request: pytest.FixtureRequest) -> Iterator[Mapping[str, str]]:
    """What chooses the database."""
    if request.param == "sqlite":
        yield {}
        return
    with running_postgres() as postgres:
        yield {"LIXIAO_DATABASE__URL": postgres.get_url(postgres.create_database())}


@contextmanager
def running_herd(
    folder: Path, changes: Mapping[str, str], before_start: Callable[[Mapping[str, str]], None]
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The service with two workers and departments of 50 ms; its log is `log` in this folder."""
    port = get_free_port()
    environment = make_environment(folder, port, NOBODY) | dict(changes)
    prepare(environment)
    before_start(environment)
    with (folder / "log").open("wb") as log:
        process = start_service(environment, port, WORKERS, log.fileno(), "tests.bench._submitting:app")
        try:
            yield f"http://127.0.0.1:{port}", environment
        finally:
            stop(process)


def press_all(url: str, environment: Mapping[str, str], students: int) -> dict[str, list[Told]]:
    """What each student was told at each press. A student's own presses come together."""
    crowd = sign_in_all(environment, (f"TS9{place:07d}" for place in range(students)))
    presses = [student for student in crowd for _ in range(TIMES)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(lambda student: student.press(url), presses))
    told: dict[str, list[Told]] = defaultdict(list)
    for student, answer in zip(presses, answers, strict=True):
        told[student.number].append(answer)
    return told


def find_unlike(told: Mapping[str, list[Told]], log: Path) -> str:
    """The answers of each student that were not all the way to one slip, and the log's lines about those requests;
    "" where there are none.
    """
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    found = []
    for number, answers in told.items():
        if len({answer.location for answer in answers}) == 1 and all(one.status == 303 for one in answers):
            continue
        found += [number, *(f"  {answer}" for answer in answers)]
        found += [f"  {line}" for line in lines if any(one.request_id in line for one in answers)]
    return "\n".join(found)


@pytest.mark.timeout(1200)
def test_a_thousand_students_get_a_thousand_slips(tmp_path: Path, changes: Mapping[str, str]) -> None:
    with running_herd(tmp_path, changes, dict) as (url, environment):
        told = press_all(url, environment, STUDENTS)
    unlike = find_unlike(told, tmp_path / "log")
    assert not unlike, unlike
    assert len({answer.location for answers in told.values() for answer in answers}) == STUDENTS
    assert query(environment, "SELECT count(*) FROM slips") == [(STUDENTS,)]
    check_nothing_is_half_done(environment)


@pytest.mark.timeout(600)
def test_without_the_constraint_the_herd_gets_more_slips_than_students(
    tmp_path: Path, changes: Mapping[str, str]
) -> None:
    with running_herd(tmp_path, changes, leave_out_the_constraint) as (url, environment):
        press_all(url, environment, STUDENTS // 10)
    assert query(environment, "SELECT count(*) FROM slips") > [(STUDENTS // 10,)]
