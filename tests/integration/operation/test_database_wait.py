"""`flask wait-for-database`: a service starts by itself once a late database is there."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.campus.run import make_environment
from tests.fixtures.office import NOBODY, PORT
from tests.fixtures.templates import prepare
from tests.integration.operation.commands import run_flask
from tests.postgres import running_postgres
from tests.programs import Program

LATE = ("flask", "--app", "wsgi", "wait-for-database", "--seconds", "90")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    made = make_environment(tmp_path, PORT, NOBODY)
    prepare(made)
    return made


def test_a_database_that_comes_up_late_is_waited_for(environment: dict[str, str], tmp_path: Path) -> None:
    with running_postgres() as server, (tmp_path / "told").open("w+") as told:
        name = server.create_database()
        server.stop()
        url = server.get_url(name).replace("postgres@", "postgres:hunter2@")
        waiting = Program(LATE, environment | {"LIXIAO_DATABASE__URL": url}, told.fileno())
        while "no database yet" not in (text := (tmp_path / "told").read_text()):
            assert waiting.poll() is None, text
            time.sleep(0.1)
        assert waiting.poll() is None
        server.start()
        assert waiting.wait(90) == 0
        assert "hunter2" not in (tmp_path / "told").read_text()


def test_a_database_that_does_not_come_up_is_given_up(environment: dict[str, str]) -> None:
    url = "postgresql+psycopg://lixiao:hunter2@127.0.0.1:9/lixiao"
    done = run_flask(environment, "wait-for-database", "--seconds", "1", LIXIAO_DATABASE__URL=url)
    assert (done.code, "hunter2" in done.err, "Traceback" in done.err) == (1, False, False)
    assert done.err.startswith("no database yet: connection failed")
    assert done.err.endswith("Error: the database did not answer within 1 seconds\n")


def test_a_file_that_is_there_or_can_be_made_is_not_waited_for(
    environment: dict[str, str], tmp_path: Path
) -> None:
    new = f"sqlite:///{tmp_path}/new.sqlite3"
    for changes in ({}, {"LIXIAO_DATABASE__URL": new}):
        done = run_flask(environment, "wait-for-database", "--seconds", "0", **changes)
        assert (done.code, done.err) == (0, "")
    assert not (tmp_path / "new.sqlite3").exists()
    unmounted = f"sqlite:///{tmp_path}/mount/new.sqlite3"
    done = run_flask(environment, "wait-for-database", "--seconds", "0", LIXIAO_DATABASE__URL=unmounted)
    assert (done.code, f"there is no folder {tmp_path}/mount" in done.err) == (1, True)
