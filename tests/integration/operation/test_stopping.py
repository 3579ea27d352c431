"""SIGTERM: what was asked before is answered, the submission of it stands, and the port is free afterwards."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from urllib.parse import urlsplit

import pytest
import requests
from sqlalchemy import create_engine, text

from tests.campus.client import CampusClient
from tests.campus.run import make_environment, start_service, stop
from tests.conftest import get_free_port
from tests.fixtures.templates import prepare
from tests.visitor import APP, Visitor, get_csrf_token

STUDENTS = 6
ENDS_WITHIN_SECONDS = 30


@contextmanager
def running_alone(campus: CampusClient, folder: Path) -> Iterator[tuple[str, Popen[bytes], dict[str, str]]]:
    """A service whose process is the test's to end; its address, process and environment."""
    campus.reset()
    port = get_free_port()
    environment = make_environment(folder / "data", port, campus.url)
    prepare(environment)
    with (folder / "log").open("wb") as log:
        process = start_service(environment, port, log=log.fileno())
        try:
            yield f"http://127.0.0.1:{port}", process, environment
        finally:
            stop(process)


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(400):
        if is_so():
            return
        time.sleep(0.05)
    pytest.fail("it did not come about")


def press(visitor: Visitor, token: str) -> requests.Response:
    """Submit over a connection of its own."""
    return requests.post(
        f"{visitor.url}{APP}/submission",
        data={"csrf_token": token},
        cookies=visitor.http.cookies.get_dict(),
        allow_redirects=False,
        timeout=60,
    )


def press_and(
    campus: CampusClient, url: str, then: Callable[[], None]
) -> list[requests.Response | requests.ConnectionError]:
    """Students submit while a department takes two seconds; `then` happens when it was asked about each of them."""
    students = [Visitor(url) for _ in range(STUDENTS)]
    tokens = []
    for place, student in enumerate(students):
        student.sign_in(f"TS9330000{place}")
        tokens.append(get_csrf_token(student.get(f"{APP}/submission")))
    campus.set_fault("archive", "slow_2s")
    before = len(campus.calls("archive"))

    def try_to_press(student: Visitor, token: str) -> requests.Response | requests.ConnectionError:
        try:
            return press(student, token)
        except requests.ConnectionError as error:
            return error

    with ThreadPoolExecutor(STUDENTS) as pool:
        pressed = [pool.submit(try_to_press, *pair) for pair in zip(students, tokens, strict=True)]
        wait_until(lambda: len(campus.calls("archive")) >= before + STUDENTS)
        then()
        return [one.result() for one in pressed]


def list_slips(environment: dict[str, str]) -> set[str]:
    engine = create_engine(environment["LIXIAO_DATABASE__URL"])
    try:
        with engine.connect() as connection:
            return set(connection.execute(text("SELECT number FROM slips")).scalars())
    finally:
        engine.dispose()


def test_submissions_in_flight_are_answered_and_stand(campus: CampusClient, tmp_path: Path) -> None:
    with running_alone(campus, tmp_path) as (url, process, environment):
        answers = press_and(campus, url, lambda: os.kill(process.pid, signal.SIGTERM))
        assert [getattr(answer, "status_code", answer) for answer in answers] == [303] * STUDENTS
        assert process.wait(ENDS_WITHIN_SECONDS) == 0
        slips = {answer.headers["Location"].removeprefix("/slips/") for answer in answers}
        assert list_slips(environment) == slips
        assert len(slips) == STUDENTS
        with socket.socket() as probe:  # others may listen there at once
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", urlsplit(url).port))


def test_a_service_that_is_killed_answers_nobody(campus: CampusClient, tmp_path: Path) -> None:
    """The control: the requests of the test above are in flight when the signal comes."""

    def kill(process: Popen[bytes]) -> None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for pid in (process.pid, *map(int, children)):
            os.kill(pid, signal.SIGKILL)

    with running_alone(campus, tmp_path) as (url, process, environment):
        answers = press_and(campus, url, lambda: kill(process))
        assert not any(isinstance(answer, requests.Response) for answer in answers)
        assert list_slips(environment) == set()
