"""A transaction that PostgreSQL gives up because of others is tried again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.extensions import db
from app.models import engine
from app.services.clearance.submissions import submit
from tests.fixtures.departments import install, make_departments, make_graduate
from tests.fixtures.office import Office, open_office
from tests.postgres import Postgres

SECONDS = 60
FAIL_TWICE = """
CREATE SEQUENCE tries;
CREATE FUNCTION fail_twice() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('tries') <= 2 THEN RAISE EXCEPTION 'tried' USING ERRCODE = '40001'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fail_twice BEFORE INSERT ON submissions FOR EACH ROW EXECUTE FUNCTION fail_twice();
"""


@pytest.fixture
def database(postgres: Postgres) -> str:
    """An empty database's name."""
    return postgres.create_database()


@pytest.fixture
def office(tmp_path: Path, postgres: Postgres, database: str) -> Iterator[Office]:
    """The service on it."""
    with open_office(tmp_path, database_url=postgres.get_url(database)) as office:
        yield office


def press(office: Office, number: str) -> str:
    """Submit, in a thread of its own."""
    installation, installed = install(office.installation, make_departments())
    with office.app.app_context():
        return submit(installation, installed, make_graduate(number))


def count_submissions() -> int:
    """How many are stored."""
    db.session.rollback()
    return int(db.session.execute(text("SELECT count(*) FROM submissions")).scalar_one())


def deadlock(office: Office, postgres: Postgres, database: str, number: str) -> Future[str]:
    """Let a submission and a transaction from elsewhere wait for each other; the submission is given up."""
    with ThreadPoolExecutor(1) as thread, postgres.connect(database) as other, other.transaction():
        other.execute("SET LOCAL deadlock_timeout = '1min'")
        other.execute("SELECT * FROM audit_heads FOR UPDATE")
        pressed = thread.submit(press, office, number)
        ends_at = time.monotonic() + SECONDS
        while not other.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            assert time.monotonic() < ends_at
            time.sleep(0.01)
        other.execute("SELECT * FROM slip_log_heads FOR UPDATE")
    return pressed


def test_a_submission_that_lost_a_deadlock_is_tried_again(
    office: Office, postgres: Postgres, database: str, fresh_student: str
) -> None:
    assert deadlock(office, postgres, database, fresh_student).result().startswith("LX")
    assert count_submissions() == 1


def test_without_a_second_try_the_deadlock_is_an_error(
    office: Office,
    postgres: Postgres,
    database: str,
    fresh_student: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "ATTEMPTS", 1)
    with pytest.raises(OperationalError, match="deadlock"):
        deadlock(office, postgres, database, fresh_student).result()
    assert count_submissions() == 0


def test_a_serialization_failure_is_tried_again_a_few_times_only(
    office: Office, postgres: Postgres, database: str, fresh_student: str
) -> None:
    with postgres.connect(database) as connection:
        connection.execute(FAIL_TWICE)
        assert press(office, fresh_student).startswith("LX")
        connection.execute("ALTER SEQUENCE tries RESTART WITH 1 MINVALUE -1000")
        connection.execute("SELECT setval('tries', -1000)")
    with pytest.raises(OperationalError, match="tried"):
        press(office, f"{fresh_student[:-1]}X")
    assert count_submissions() == 1


def test_transactions_are_read_committed_whatever_the_database_says(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    with postgres.connect() as connection:
        connection.execute(f"ALTER DATABASE {database} SET default_transaction_isolation = 'serializable'")
    with open_office(tmp_path, database_url=postgres.get_url(database)):
        assert db.session.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
