"""One SQLite file, two hosts: the second does not start, says why, and may when the first has ended. Nor does a service
start beside whose file it may not write.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.models.engine import DatabaseRefused, claim_for_host, get_host
from tests.campus.run import make_environment, start_service, stop
from tests.conftest import get_free_port
from tests.fixtures.office import NOBODY
from tests.fixtures.templates import prepare
from tests.integration.operation.commands import Done, load_as_server
from tests.integration.outages import BOUND_BY_MODES, unwritable
from tests.programs import Program

ANOTHER = "another-boot beta"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An installation that is ready to start."""
    made = make_environment(tmp_path, get_free_port(), NOBODY)
    del made["PROMETHEUS_MULTIPROC_DIR"]
    prepare(made)
    return made


def get_database(environment: Mapping[str, str]) -> str:
    return environment["LIXIAO_DATABASE__URL"].removeprefix("sqlite:///")


def starts(done: Done) -> bool:
    """Whether nothing was refused. What the log says besides is of departments, whom nobody serves here."""
    return (done.code, done.out) == (0, "") and '"level": "ERROR"' not in done.err


def test_a_service_does_not_start_on_the_file_of_another_host(environment: Mapping[str, str]) -> None:
    theirs = claim_for_host(get_database(environment), ANOTHER)
    done = load_as_server(environment)
    assert done.code == 3
    assert done.err == "another host serves from this SQLite file: beta. Several hosts need PostgreSQL\n"
    os.close(theirs)
    assert starts(load_as_server(environment))


def test_a_service_keeps_its_file_from_another_host_until_it_ends(environment: Mapping[str, str]) -> None:
    port, database = get_free_port(), get_database(environment)
    process = start_service(environment, port, launch=Program)
    try:
        with pytest.raises(DatabaseRefused, match=get_host().partition(" ")[2]):
            claim_for_host(database, ANOTHER)
        os.close(claim_for_host(database, get_host()))
    finally:
        stop(process)
    os.close(claim_for_host(database, ANOTHER))


def test_a_service_does_not_start_where_it_may_not_write(environment: Mapping[str, str]) -> None:
    with unwritable(Path(get_database(environment)).parent):
        done = load_as_server(environment, BOUND_BY_MODES)
    assert done == Done(3, "", "beside the database no file can be written: Permission denied\n")
    assert starts(load_as_server(environment, BOUND_BY_MODES))
