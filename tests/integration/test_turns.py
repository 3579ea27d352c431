"""A press of submit that waits for its turn: as long as is declared, on both databases; and one that waited in vain leads
to the slip that another press of the same student's got meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.extensions import db
from app.models import engine
from app.services.clearance import submissions
from app.services.clearance.submissions import submit
from app.services.installation import Installation, InstalledMiniApp
from tests.campus.client import CampusClient
from tests.fixtures.departments import install, make_departments, make_graduate
from tests.fixtures.office import Office
from tests.fixtures.signed_in import sign_in_all
from tests.integration.outages import locked_rows, locked_sqlite
from tests.postgres import Postgres
from tests.running import running_service

STUDENT = "TS23000002"
HELD_SECONDS = 5
"""Longer than a reader's statement may take, and shorter than a writer waits."""
HASTY = "tests.fixtures.hasty_writers:app"

Place = tuple[Installation, InstalledMiniApp]


@pytest.fixture
def place(office: Office) -> Place:
    """The graduate departure with departments that let everybody go."""
    return install(office.installation, make_departments())


@pytest.fixture
def twin(office: Office, place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Submits while another press of the student's has departments asked: the other gets no turn then, and does not
    wait long for it.
    """
    monkeypatch.setattr(engine.write_connection.__wrapped__, "__defaults__", (0.2,))
    monkeypatch.setattr(db.engine.pool, "_timeout", 0.2)

    with ExitStack() as held:

        def press() -> str:
            number = submit(*place, make_graduate(STUDENT))
            if db.engine.dialect.name == "sqlite":
                held.enter_context(locked_sqlite(Path(db.engine.url.database or "")))
            else:
                for _ in range(office.installation.settings.database.connections):
                    held.enter_context(db.engine.connect())
            return number

        yield press


def press_beside(place: Place, twin: Callable[[], str]) -> tuple[str, str]:
    """The slips that a press and its twin lead to."""
    numbers: list[str] = []
    number = submit(*place, make_graduate(STUDENT), lambda: numbers.append(twin()))
    return number, numbers[0]


def test_a_press_that_waited_in_vain_leads_to_the_slip_of_another(
    place: Place, twin: Callable[[], str]
) -> None:
    number, of_twin = press_beside(place, twin)
    assert number == of_twin


def test_without_a_second_look_it_fails_beside_the_slip(
    place: Place, twin: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "waited_in_vain", lambda _error: False)
    with pytest.raises((OperationalError, PoolTimeout)):
        press_beside(place, twin)


def press_while_held(campus: CampusClient, folder: Path, server: Postgres, target: str) -> int:
    """The status of a submission while somebody keeps the heads of the logs for some seconds."""
    database = server.create_database()
    changes: Mapping[str, str] = {"LIXIAO_DATABASE__URL": server.get_url(database)}
    with running_service(campus, folder, changes, target=target) as service:
        (student,) = sign_in_all(service.environment, [STUDENT])
        let_go = threading.Event()
        with locked_until(let_go, server, database):
            timer = threading.Timer(HELD_SECONDS, let_go.set)
            timer.start()
            return student.submit(service.url)[0]


def locked_until(let_go: threading.Event, server: Postgres, database: str) -> ExitStack:
    """The heads are locked from now on, until then."""
    stack, locked = ExitStack(), threading.Event()

    def hold() -> None:
        with locked_rows(server, database):
            locked.set()
            let_go.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert locked.wait(30)
    stack.callback(holder.join)
    stack.callback(let_go.set)
    return stack


def test_a_writer_waits_for_its_turn_on_postgresql_as_long_as_on_sqlite(
    campus: CampusClient, tmp_path: Path, postgres: Postgres
) -> None:
    assert press_while_held(campus, tmp_path, postgres, "wsgi:app") == 303


def test_a_writer_that_is_given_up_as_soon_as_a_reader_gets_no_slip(
    campus: CampusClient, tmp_path: Path, postgres: Postgres
) -> None:
    assert press_while_held(campus, tmp_path, postgres, HASTY) == 503
