"""A view in SQLite and in a real PostgreSQL: its facts, its faults, and that nothing is ever written."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.connectors.base import FailureCode, StaleView
from app.connectors.client import close_connectors, query_systems
from app.connectors.registry import build_connectors
from app.domain.clearance import DepartmentUnavailable, Reading
from app.domain.conventions import USUAL
from app.domain.person import NumberForm
from tests.fixtures.connectors import list_faults, read_config
from tests.integration.connectors.sql_views import (
    SECTION,
    STUDENT,
    DataCentre,
    asking,
    build,
    make_sqlite,
    running_postgres,
)

GOOD = {
    "overdue_books": 2,
    "fine": Decimal("12.50"),
    "violations": 1,
    "card_status": "cancelled",
    "graduated": True,
    "cancelled_on": date(2026, 6, 10),
    "note": None,
}


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[DataCentre]:
    with running_postgres() as centre:
        yield centre


@pytest.fixture
def postgres(postgres_server: DataCentre) -> DataCentre:
    """Every test finds the usual row, whichever ran before it."""
    postgres_server.hold({})
    return postgres_server


@pytest.fixture(params=["sqlite", "postgresql"])
def centre(request: pytest.FixtureRequest, tmp_path: Path) -> DataCentre:
    made = make_sqlite(tmp_path / "centre.sqlite3") if request.param == "sqlite" else None
    found: DataCentre = made or request.getfixturevalue("postgres")
    found.hold({})
    return found


def fault_of(answer: Reading | DepartmentUnavailable) -> str:
    assert isinstance(answer, DepartmentUnavailable), answer
    return answer.fault


def test_a_row_gives_the_facts_it_holds(centre: DataCentre) -> None:
    with asking(centre) as ask:
        answer = ask()
    assert isinstance(answer, Reading)
    assert answer.records == (GOOD,)
    assert (answer.system, answer.student_number) == ("loans", STUDENT)


def test_many_rows_give_a_record_each(centre: DataCentre) -> None:
    centre.hold({}, {"books": "5"})
    with asking(centre, rows="many", numbers_statement="SELECT xh FROM loans") as ask:
        answer = ask()
    assert isinstance(answer, Reading)
    assert sorted(str(record["overdue_books"]) for record in answer.records) == ["2", "5"]


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([], FailureCode.NO_ROWS),
        ([{}, {}], FailureCode.SEVERAL_RECORDS),
        ([{"books": "NULL"}], FailureCode.WRONG_TYPE),
        ([{"books": "-1"}], FailureCode.MALFORMED_NUMBER),
        ([{"fine": "'12.505'"}], FailureCode.MALFORMED_NUMBER),
        ([{"fine": "'-0.01'"}], FailureCode.MALFORMED_NUMBER),
        ([{"violations": "'２'"}], FailureCode.MALFORMED_NUMBER),
        ([{"violations": "''"}], FailureCode.MALFORMED_NUMBER),
        ([{"violations": "'1 '"}], FailureCode.MALFORMED_NUMBER),
        ([{"card": "7"}], FailureCode.UNKNOWN_VALUE),
        ([{"graduated": "NULL"}], FailureCode.WRONG_TYPE),
        ([{"cancelled_on": "NULL"}], FailureCode.WRONG_TYPE),
        ([{"updated_at": "NULL"}], FailureCode.MALFORMED_DAY),
        ([{"updated_at": "'2099-01-01 00:00:00'"}], FailureCode.MALFORMED_DAY),
    ],
)
def test_a_row_that_is_not_understood_makes_the_view_unavailable(
    centre: DataCentre, rows: list[dict[str, str]], fault: FailureCode
) -> None:
    centre.hold(*rows)
    with asking(centre) as ask:
        assert fault_of(ask()) == fault


def test_nan_money_is_no_money(postgres: DataCentre) -> None:
    postgres.hold({"fine": "'NaN'"})
    with asking(postgres) as ask:
        assert fault_of(ask()) == FailureCode.MALFORMED_NUMBER


def test_a_binary_fraction_is_no_money(tmp_path: Path) -> None:
    centre = make_sqlite(tmp_path / "centre.sqlite3")
    centre.hold({})
    statement = "SELECT *, 0.1 + 0.2 AS sum FROM loans WHERE xh = :student_number"
    fields = {"fine": {"path": "sum", "type": "money", "unit": "yuan"}}
    with asking(centre, statement=statement, fields=fields) as ask:
        assert fault_of(ask()) == FailureCode.WRONG_TYPE


# --- whose row it is


def test_another_students_row_is_refused_even_when_the_statement_lets_it_through(centre: DataCentre) -> None:
    centre.hold({"xh": "'TS23000003'"})
    statement = "SELECT * FROM loans WHERE xh <> :student_number"
    with asking(centre, statement=statement) as ask:
        assert fault_of(ask()) == FailureCode.WRONG_STUDENT


def test_a_number_in_other_letters_is_another_student(centre: DataCentre) -> None:
    statement = "SELECT * FROM loans WHERE upper(xh) = upper(:student_number)"
    with asking(centre, statement=statement) as ask:
        assert fault_of(ask(STUDENT.lower())) == FailureCode.WRONG_STUDENT
        assert isinstance(ask(STUDENT), Reading)


def test_the_number_column_must_be_there_and_be_text(centre: DataCentre) -> None:
    missing = "SELECT books, fine, updated_at FROM loans WHERE xh = :student_number"
    number = "SELECT 23 AS xh, updated_at FROM loans WHERE xh = :student_number"
    for statement, fault in ((missing, FailureCode.MISSING_FIELD), (number, FailureCode.WRONG_TYPE)):
        with asking(centre, statement=statement) as ask:
            assert fault_of(ask()) == fault


def test_two_columns_of_one_name_contradict_each_other(centre: DataCentre) -> None:
    statement = "SELECT *, 0 AS books FROM loans WHERE xh = :student_number"
    with asking(centre, statement=statement) as ask:
        assert fault_of(ask()) == FailureCode.DUPLICATE_KEY


def test_a_students_number_is_bound_and_never_part_of_the_statement(centre: DataCentre) -> None:
    centre.hold({"xh": "'TS23000003'"})
    with asking(centre) as ask:
        assert fault_of(ask("' OR '1'='1")) == FailureCode.NO_ROWS


NUMBERS: dict[str, Any] = {
    "no_record": "empty",
    "freshness_column": None,
    "freshness_statement": "SELECT CURRENT_TIMESTAMP",
}
PLAIN = "SELECT DISTINCT xh FROM loans"
TIDY = "upper(trim(xh))"
UNTIDY = (
    "'ts23000002'",
    "'TS23000002   '",
    "' TS23000002'",
    "'\u00a0TS23000002'",
    "'ＴＳ23000002'",
    "'TS23000002x-'",
)


@pytest.mark.parametrize("number", UNTIDY)
def test_a_number_in_another_form_anywhere_in_a_view_makes_all_of_it_unavailable(
    centre: DataCentre, number: str
) -> None:
    centre.hold({"xh": "'TS23000003'"}, {"xh": number})
    with asking(centre, **NUMBERS, numbers_statement=PLAIN) as ask:
        assert fault_of(ask()) == FailureCode.UNFOLDED_NUMBER
        assert fault_of(ask("TS23000003")) == FailureCode.UNFOLDED_NUMBER
    centre.hold({"xh": "'TS23000003'"})
    with asking(centre, **NUMBERS, numbers_statement=PLAIN) as ask:
        answer = ask()
    assert isinstance(answer, Reading)
    assert answer.records == ()


@pytest.mark.parametrize("number", UNTIDY)
def test_without_that_look_at_the_numbers_the_row_would_not_be_found(centre: DataCentre, number: str) -> None:
    """The negative control: the same view and statement, and numbers of which none is another form."""
    centre.hold({"xh": number})
    with asking(centre, **NUMBERS, numbers_statement="SELECT 'TS1'") as ask:
        answer = ask()
    assert isinstance(answer, Reading)
    assert answer.records == ()


@pytest.mark.parametrize("number", ["'ts23000002'", "'TS23000002   '"])
def test_a_statement_that_tidies_the_numbers_finds_the_row(centre: DataCentre, number: str) -> None:
    centre.hold({"xh": number})
    tidy = {"statement": f"SELECT * FROM loans WHERE {TIDY} = :student_number"}
    with asking(centre, **NUMBERS, **tidy, numbers_statement=f"SELECT DISTINCT {TIDY} FROM loans") as ask:
        answer = ask()
    assert isinstance(answer, Reading)
    assert answer.records == (GOOD,)


def test_a_padded_column_is_no_student_of_its_own(postgres: DataCentre) -> None:
    """PostgreSQL finds CHAR(20) without its padding, and gives it back with it."""
    postgres.run("DROP TABLE IF EXISTS padded", "CREATE TABLE padded AS SELECT * FROM loans WHERE false")
    postgres.run("ALTER TABLE padded ALTER xh TYPE CHAR(20)", "GRANT SELECT ON padded TO reader")
    postgres.run("INSERT INTO padded SELECT * FROM loans")
    statement = "SELECT * FROM padded WHERE xh = :student_number"
    with asking(postgres, statement=statement) as ask:
        answer = ask()
    assert isinstance(answer, Reading)
    with asking(postgres, **NUMBERS, statement=statement, numbers_statement="SELECT xh FROM padded") as ask:
        assert fault_of(ask()) == FailureCode.UNFOLDED_NUMBER
    with asking(
        postgres, **NUMBERS, statement=statement, numbers_statement="SELECT rtrim(xh) FROM padded"
    ) as ask:
        assert isinstance(ask(), Reading)


@pytest.mark.parametrize("statement", ["SELECT NULL", "SELECT 1", "SELECT xh, books FROM loans"])
def test_numbers_that_are_no_texts_prove_nothing(centre: DataCentre, statement: str) -> None:
    with asking(centre, **NUMBERS, numbers_statement=statement) as ask:
        assert fault_of(ask()) == FailureCode.UNFOLDED_NUMBER


# --- days


@pytest.mark.parametrize(
    ("day", "may_be_empty", "found"),
    [
        ("'9999-12-31'", True, None),
        ("'1899-12-30'", True, None),
        ("'9999-12-31'", False, FailureCode.DAY_OUT_OF_BOUNDS),
        ("'2099-06-10'", True, FailureCode.DAY_OUT_OF_BOUNDS),
    ],
)
def test_a_day_that_stands_for_never_is_none(
    centre: DataCentre, day: str, may_be_empty: bool, found: FailureCode | None
) -> None:
    centre.hold({"cancelled_on": day})
    fields = {"cancelled_on": {"path": "cancelled_on", "type": "day", "empty": may_be_empty}}
    with asking(centre, fields=fields) as ask:
        answer = ask()
    if found is None:
        assert isinstance(answer, Reading)
        assert answer.records == ({"cancelled_on": None},)
    else:
        assert fault_of(answer) == found


# --- freshness and "no record"

EMPTY_OR_FRESH: dict[str, Any] = {
    "no_record": "empty",
    "freshness_column": None,
    "freshness_statement": "SELECT max(updated_at) FROM loans",
    "numbers_statement": "SELECT DISTINCT xh FROM loans",
}


def test_an_old_row_makes_the_view_stale_and_says_of_when_it_is(centre: DataCentre) -> None:
    centre.hold({"updated_at": "'2026-06-01 08:00:00'"})
    with asking(centre, time_zone="Asia/Shanghai") as ask:
        answer = ask()
    assert isinstance(answer, StaleView)
    assert answer.fault == FailureCode.STALE
    assert answer.as_of == datetime(2026, 6, 1, 0, 0, tzinfo=UTC)


def test_the_same_old_row_is_believed_where_it_may_be_that_old(centre: DataCentre) -> None:
    two_hours_ago = f"'{datetime.now(UTC) - timedelta(hours=2):%Y-%m-%d %H:%M:%S}'"
    centre.hold({"updated_at": two_hours_ago})
    with asking(centre, fresh_for_minutes=60) as ask:
        assert fault_of(ask()) == FailureCode.STALE
    with asking(centre, fresh_for_minutes=180) as ask:
        assert isinstance(ask(), Reading)


def test_a_moment_without_a_zone_is_refused_unless_its_zone_is_told(centre: DataCentre) -> None:
    with asking(centre, time_zone=None) as ask:
        assert fault_of(ask()) == FailureCode.MALFORMED_DAY


def test_no_row_is_no_record_only_while_the_view_is_filled_and_fresh(centre: DataCentre) -> None:
    centre.hold({"xh": "'TS23000003'"})
    with asking(centre, **EMPTY_OR_FRESH) as ask:
        answer = ask()
        assert isinstance(answer, Reading)
        assert answer.records == ()
        centre.hold()
        assert fault_of(ask()) == FailureCode.MALFORMED_DAY
        centre.hold({"xh": "'TS23000003'", "updated_at": "'2026-06-01 08:00:00'"})
        assert fault_of(ask()) == FailureCode.STALE


# --- nothing is written

# It passes for one that reads: only the database knows.
WRITES = "WITH one AS (SELECT 1) UPDATE loans SET books = 0 WHERE xh = :student_number RETURNING *"


def test_the_database_itself_refuses_a_statement_that_writes(centre: DataCentre) -> None:
    with asking(centre, statement=WRITES) as ask:
        assert fault_of(ask()) == FailureCode.SERVER_ERROR
    with asking(centre) as ask:
        answer = ask()
    assert isinstance(answer, Reading)
    assert answer.records[0]["overdue_books"] == 2


def test_without_the_read_only_transaction_the_same_statement_would_write(centre: DataCentre) -> None:
    """The negative control: the account may write, so it is the transaction that refuses."""
    from sqlalchemy import create_engine, text

    engine = create_engine(centre.url)
    with engine.begin() as connection:
        row = connection.execute(text(WRITES), {"student_number": STUDENT}).mappings().one()
    engine.dispose()
    assert row["books"] == 0


def test_the_settings_of_a_departments_sqlite_are_left_alone(tmp_path: Path) -> None:
    import app.models  # noqa: F401 - with it comes the product's own way with SQLite

    centre = make_sqlite(tmp_path / "centre.sqlite3")
    centre.hold({})
    centre.owner.dispose()
    with sqlite3.connect(tmp_path / "centre.sqlite3") as plain:
        plain.execute("PRAGMA journal_mode = DELETE")
    with asking(centre) as ask:
        assert isinstance(ask(), Reading)
    with sqlite3.connect(tmp_path / "centre.sqlite3") as plain:
        assert plain.execute("PRAGMA journal_mode").fetchone() == ("delete",)


# --- a database that hangs or is not there

SLOW_POSTGRES = "SELECT *, pg_sleep(30) AS slept FROM loans WHERE xh = :student_number"
SLOW_SQLITE = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT loans.*, i FROM n, loans WHERE i < 0 AND xh = :student_number"
)


def test_the_database_ends_a_statement_that_takes_too_long(centre: DataCentre) -> None:
    statement = SLOW_SQLITE if centre.url.startswith("sqlite") else SLOW_POSTGRES
    with asking(centre, statement=statement, statement_seconds=0.3) as ask:
        started = time.monotonic()
        assert fault_of(ask()) == FailureCode.TIMEOUT
    assert time.monotonic() - started < 10


def test_a_lock_that_is_not_released_makes_the_view_unavailable_and_then_it_comes_back(
    tmp_path: Path,
) -> None:
    centre = make_sqlite(tmp_path / "centre.sqlite3")
    centre.hold({})
    centre.owner.dispose()
    holder = sqlite3.connect(tmp_path / "centre.sqlite3", isolation_level=None)
    holder.execute("PRAGMA journal_mode = DELETE")
    holder.execute("BEGIN EXCLUSIVE")
    with asking(centre, statement_seconds=0.2) as ask:
        assert fault_of(ask()) == FailureCode.TIMEOUT
        holder.execute("ROLLBACK")
        assert isinstance(ask(), Reading)
    holder.close()


def test_a_missing_database_is_named_and_nothing_is_made_in_its_place(tmp_path: Path) -> None:
    gone = DataCentre(f"sqlite:///{tmp_path}/none.sqlite3", make_sqlite(tmp_path / "x.sqlite3").owner)
    with asking(gone) as ask:
        assert isinstance(ask(), DepartmentUnavailable)
    assert not (tmp_path / "none.sqlite3").exists()
    nobody = DataCentre("postgresql+psycopg://reader@127.0.0.1:1/postgres", gone.owner)
    with asking(nobody) as ask:
        assert fault_of(ask()) == FailureCode.UNREACHABLE


def test_a_missing_view_or_right_makes_it_unavailable(postgres: DataCentre) -> None:
    postgres.run("CREATE TABLE IF NOT EXISTS secrets (xh TEXT)")
    for table in ("nothing", "secrets"):
        with asking(postgres, statement=f"SELECT * FROM {table} WHERE xh = :student_number") as ask:
            assert fault_of(ask()) == FailureCode.SERVER_ERROR


BY_INTEGER: dict[str, Any] = {
    "statement": "SELECT * FROM debts WHERE xh = CAST(:student_number AS INTEGER)",
    "numbers_statement": "SELECT xh FROM debts",
    "number_as": "integer",
    "no_record": "never",
    "freshness_column": "at",
    "moment_formats": ["YYYYMMDDHHmmss"],
    "fields": {
        "owed": {"path": "owed", "type": "money", "unit": "yuan", "may_be_negative": True},
        "settled_on": {"path": "on_day", "type": "day", "formats": ["YYYYMMDD"]},
        "is_closed": {"path": "closed", "type": "flag", "values": {"Y": True, "N": False}},
    },
}


def test_numbers_days_and_moments_may_be_integers(centre: DataCentre) -> None:
    now = f"{datetime.now(UTC):%Y%m%d%H%M%S}"
    row = f"SELECT 420013 xh, '-12.50' owed, 20260610 on_day, 'Y' closed, {now} at"
    centre.run("DROP TABLE IF EXISTS debts", f"CREATE TABLE debts AS {row}")
    if "postgresql" in centre.url:
        centre.run("GRANT SELECT ON debts TO reader")
    campus = replace(USUAL, numbers=NumberForm(pattern="[0-9]{8}"))
    section = SECTION | {"url": centre.url} | BY_INTEGER
    connector = build_connectors({"debts": read_config(section, "debts", campus)})["debts"]
    answers = {
        number: query_systems({"x": connector}, number, 20)["x"] for number in ("00420013", "00420014")
    }
    close_connectors([connector])
    found = answers["00420013"]
    assert isinstance(found, Reading)
    assert found.records == ({"owed": Decimal("-12.50"), "settled_on": date(2026, 6, 10), "is_closed": True},)
    assert fault_of(answers["00420014"]) == FailureCode.NO_ROWS
    assert len(list_faults(USUAL, debts=section)) == 1


def test_connections_that_the_server_ended_are_replaced(postgres: DataCentre) -> None:
    postgres.hold({})
    with asking(postgres) as ask:
        assert isinstance(ask(), Reading)
        postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'")
        assert isinstance(ask(), Reading)


def test_a_server_that_accepts_and_stays_silent_uses_no_more_threads_than_it_may(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://reader@127.0.0.1:{silent.getsockname()[1]}/postgres"
        centre = DataCentre(url, make_sqlite(tmp_path / "x.sqlite3").owner)
        with asking(centre, threads=2, deadline_seconds=0.3, statement_seconds=2) as ask:
            for number in range(6):
                assert fault_of(ask(f"TS{number}")) == FailureCode.TIMEOUT
                running = [thread for thread in threading.enumerate() if thread.name == "sql-loans"]
                assert len(running) <= 2


def test_a_database_that_hangs_disturbs_no_other_department(tmp_path: Path) -> None:
    healthy = make_sqlite(tmp_path / "centre.sqlite3")
    healthy.hold({})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://reader@127.0.0.1:{silent.getsockname()[1]}/postgres"
        hanging = build(url, threads=1, deadline_seconds=1, statement_seconds=2)
        systems = {"hanging": hanging, "healthy": build(healthy.url)}
        for _ in range(3):
            answers = query_systems(systems, STUDENT, 10)
            assert isinstance(answers["hanging"], DepartmentUnavailable)
            assert isinstance(answers["healthy"], Reading)
    close_connectors(systems.values())


def test_no_log_line_and_no_error_holds_the_number_or_the_url(
    centre: DataCentre, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for changes in ({"statement": WRITES}, {"statement": "SELECT * FROM nothing WHERE xh = :student_number"}):
        with asking(centre, **changes) as ask:
            shown = repr(ask()) + caplog.text
            assert STUDENT not in shown
            assert centre.url not in shown
