"""Whoever signs in and may clear has a row on the roster at once, whatever becomes of the page; nobody else has one."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.conftest import Service
from tests.visitor import APP

PERIOD = "2026-06"


def list_rows(service: Service, number: str) -> list[tuple[str, ...]]:
    """Mini-app, period, name, college and source of each row of this number."""
    with closing(sqlite3.connect(get_database(service))) as connection:
        query = "SELECT mini_app, period, name, college, source FROM roster_entries WHERE student_number = ?"
        return connection.execute(query, (number,)).fetchall()


def get_database(service: Service) -> str:
    return service.environment["LIXIAO_DATABASE__URL"].removeprefix("sqlite:///")


def change(service: Service, statement: str, *values: str) -> None:
    with closing(sqlite3.connect(get_database(service), timeout=30)) as connection, connection:
        connection.execute(statement, values)


def test_a_student_has_a_row_at_the_sign_in_before_any_page_of_it_is_seen(
    service: Service, fresh_student: str
) -> None:
    service.visit().arrive(fresh_student, "/completed")
    ((mini_app, period, name, college, source),) = list_rows(service, fresh_student)
    assert (mini_app, period, source) == ("graduate_departure", PERIOD, "sign_in")
    assert name
    assert college


def test_a_second_sign_in_changes_nothing_but_what_is_told_anew(service: Service, fresh_student: str) -> None:
    service.visit().arrive(fresh_student)
    before = list_rows(service, fresh_student)
    change(
        service,
        "UPDATE roster_entries SET name = '旧名', source = 'desk' WHERE student_number = ?",
        fresh_student,
    )
    service.visit().arrive(fresh_student)
    assert list_rows(service, fresh_student) == before


@pytest.mark.parametrize("number", ["00420013", "00420014"])
def test_who_may_not_clear_has_none(service: Service, number: str) -> None:
    visitor = service.visit()
    visitor.arrive(number)
    assert visitor.get(f"{APP}/clearance").status_code == 403
    assert list_rows(service, number) == []


def test_the_session_remembers_the_row_and_nobody_looks_for_it_again(
    service: Service, fresh_student: str
) -> None:
    visitor = service.visit()
    visitor.sign_in(fresh_student)
    change(service, "DELETE FROM roster_entries WHERE student_number = ?", fresh_student)
    assert visitor.get(f"{APP}/clearance").status_code == 200
    assert list_rows(service, fresh_student) == []


def test_without_a_roster_students_come_in_and_have_their_row_with_a_later_page(
    service: Service, fresh_student: str
) -> None:
    visitor = service.visit()
    change(service, "ALTER TABLE roster_entries RENAME TO roster_away")
    try:
        assert 'data-step="archive"' in visitor.sign_in(fresh_student).text
        assert 'data-step="archive"' in visitor.get(f"{APP}/clearance").text
    finally:
        change(service, "ALTER TABLE roster_away RENAME TO roster_entries")
    assert list_rows(service, fresh_student) == []

    visitor.get(f"{APP}/clearance")
    assert len(list_rows(service, fresh_student)) == 1
