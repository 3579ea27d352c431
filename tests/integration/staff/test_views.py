"""Who looked at which student: counted by day and page, stored before anything is shown, and kept for its time alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.models import StaffView, write_connection
from app.services.staff.views import DayOfViews, list_views, log_view, log_views
from app.settings import RetentionSettings
from tests.fixtures.office import Office
from tests.integration.operation.test_audit import run

CLERK, COUNSELLOR = "00420017", "00420020"
LI, WANG = "TS23000001", "TS23000002"
MORNING = datetime(2026, 6, 15, 1, 0, tzinfo=UTC)
"""Nine o'clock on the service's wall clock."""


def look(office: Office, viewer: str, subject: str, moment: datetime, page: str = "item") -> None:
    """A look, as a page of staff logs it."""
    log_view(viewer, subject, page, office.installation.get_local_time(moment))


@contextmanager
def unwritable_looks() -> Iterator[None]:
    """Meanwhile nothing can be added to the log of looks."""
    with write_connection(db.engine) as connection:
        connection.execute(text("ALTER TABLE staff_views RENAME TO hidden_looks"))
    try:
        yield
    finally:
        with write_connection(db.engine) as connection:
            connection.execute(text("ALTER TABLE hidden_looks RENAME TO staff_views"))


def test_a_day_s_looks_at_a_student_on_a_page_are_one_row_with_its_first_and_last_moment(
    office: Office,
) -> None:
    for minutes in (0, 3, 10):
        look(office, CLERK, LI, MORNING + timedelta(minutes=minutes))
    look(office, CLERK, LI, MORNING, page="timeline")
    look(office, COUNSELLOR, LI, MORNING + timedelta(minutes=1))
    look(office, CLERK, WANG, MORNING + timedelta(minutes=2))
    first = DayOfViews(CLERK, LI, "item", date(2026, 6, 15), 3, MORNING, MORNING + timedelta(minutes=10))
    assert list_views()[0] == first
    assert [(one.viewer, one.subject, one.page, one.count) for one in list_views()] == [
        (CLERK, LI, "item", 3),
        (CLERK, WANG, "item", 1),
        (COUNSELLOR, LI, "item", 1),
        (CLERK, LI, "timeline", 1),
    ]


def test_looks_are_listed_by_student_by_person_and_by_day(office: Office) -> None:
    look(office, CLERK, LI, MORNING)
    look(office, CLERK, WANG, MORNING + timedelta(days=1))
    look(office, COUNSELLOR, LI, MORNING + timedelta(days=2))
    assert [one.viewer for one in list_views(subject=LI)] == [COUNSELLOR, CLERK]
    assert [one.subject for one in list_views(viewer=CLERK)] == [WANG, LI]
    assert [one.subject for one in list_views(day=date(2026, 6, 16))] == [WANG]
    assert [one.viewer for one in list_views(since=date(2026, 6, 16))] == [COUNSELLOR, CLERK]
    assert list_views(subject=LI, viewer=CLERK, day=date(2026, 6, 16)) == []


def test_the_day_is_that_of_the_service_s_wall_clock(office: Office) -> None:
    late = datetime(2026, 6, 15, 15, 59, tzinfo=UTC)  # a minute to midnight in China
    look(office, CLERK, LI, late)
    look(office, CLERK, LI, late + timedelta(minutes=2))
    assert [one.day for one in list_views()] == [date(2026, 6, 16), date(2026, 6, 15)]


def test_pages_of_looks_miss_none_even_of_one_moment(office: Office) -> None:
    for number in range(30):
        look(office, CLERK, f"TS23{number:06d}", MORNING + timedelta(seconds=number // 7))
    seen: list[str] = []
    before = None
    while page := list_views(before=before, limit=5):
        seen += [one.subject for one in page]
        before = page[-1].last_at
    assert len(seen) == 30
    assert len({*seen}) == 30


def test_looks_of_several_at_once_are_all_counted(office: Office) -> None:
    """A read before the write would lose some."""

    def look_often() -> None:
        with office.app.app_context():
            for _ in range(20):
                look(office, CLERK, LI, MORNING)
            db.session.remove()

    threads = [threading.Thread(target=look_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.count for one in list_views()] == [80]


def test_a_page_of_fifty_students_is_one_statement_of_the_log(office: Office) -> None:
    numbers = [f"TS23{number:06d}" for number in range(50)]
    log_views(CLERK, [], "search", MORNING)
    assert list_views() == []
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        log_views(CLERK, [*numbers, *numbers], "search", MORNING)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len([one for one in sent if "staff_views" in one]) == 1
    assert {one.subject: one.count for one in list_views()} == dict.fromkeys(numbers, 1)


def test_a_look_that_cannot_be_stored_is_told_to_the_page(office: Office) -> None:
    with unwritable_looks(), pytest.raises(SQLAlchemyError):
        look(office, CLERK, LI, MORNING)
    look(office, CLERK, LI, MORNING)  # the control: with its table it is stored
    assert [one.count for one in list_views()] == [1]


def test_auditors_list_looks_at_the_command_line_by_student_and_person(office: Office) -> None:
    look(office, CLERK, LI, MORNING)
    look(office, CLERK, LI, MORNING + timedelta(minutes=5))
    look(office, COUNSELLOR, WANG, MORNING)
    lines = run(office, "audit", "views", "--student", LI).stdout.splitlines()
    assert [line.split() for line in lines] == [["2026-06-15", "09:05:00", CLERK, "item", "2x", LI]]
    assert COUNSELLOR in run(office, "audit", "views", "--person", COUNSELLOR).stdout
    assert LI not in run(office, "audit", "views", "--person", COUNSELLOR).stdout
    assert LI not in run(office, "audit", "views", "--since", "2026-06-16").stdout


def test_looks_stay_for_at_least_half_a_year(office: Office) -> None:
    assert RetentionSettings().views_days == 365
    with pytest.raises(ValueError, match="180"):
        RetentionSettings(views_days=179)
    assert RetentionSettings(views_days=180).views_days == 180
    assert StaffView.__tablename__ == "staff_views"
