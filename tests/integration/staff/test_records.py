"""What auditors read: events and looks by student, person, kind and day, within their scope alone, and whether all is whole."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from app.domain.person import Person, Role
from app.domain.staff import Scope, StaffRole
from app.extensions import db
from app.models import write_connection, write_transaction
from app.services.audit import add_event
from app.services.staff.records import PAGE, Wanted, list_events, list_looks, verify_all
from app.services.staff.roster import list_person
from app.services.staff.views import list_views, log_view
from tests.conftest import Service
from tests.fixtures.issued_slips import open_office
from tests.fixtures.office import Office
from tests.fixtures.staff import end_grant, grant
from tests.integration.staff.staff_pages import sign_in_staff
from tests.visitor import Visitor

AUDITOR, CLERK, SCHOOL = "00420021", "00420017", "00420014"
LI, WANG = "TS23000001", "TS23000002"
MINING, SAFETY = "矿业工程学院", "安全工程学院"
EVERYWHERE = (Scope(),)
MORNING = datetime(2026, 6, 15, 1, 0, tzinfo=UTC)


def tell(kind: str, subject: str, *, actor: str = CLERK, moment: datetime = MORNING, **details: str) -> None:
    """An event."""
    with write_transaction() as session:
        add_event(session, kind, actor=actor, subject=subject, details=details, now=moment)


def enrol(office: Office, number: str, name: str, college: str) -> None:
    """Let a student be on the roster."""
    installed = office.installation.get_mini_app("graduate-departure")
    list_person(installed, Person(number, name, Role.STUDENT, college, "采矿工程", "硕士"))


def find(office: Office, scopes: tuple[Scope, ...] = EVERYWHERE, **wanted: object) -> list[tuple[str, str]]:
    """The kinds and subjects of the events that are found."""
    events = list_events(office.installation, scopes, Wanted(**wanted))  # type: ignore[arg-type]
    return [(event.kind, event.subject) for event in events]


def test_events_are_found_by_student_person_kind_and_day_newest_first(office: Office) -> None:
    slip = office.issue(student_number=LI)
    with write_connection(db.engine) as connection:
        connection.execute(text("UPDATE submissions SET person_number = :n"), {"n": LI})
    tell("desk_recorded", LI, outcome="done")
    tell("slip_revoked", slip, actor=SCHOOL, reason="材料不实")
    tell("desk_recorded", WANG, moment=MORNING + timedelta(hours=15))  # the next day in China
    assert find(office, student=LI) == [
        ("slip_revoked", slip),
        ("desk_recorded", LI),
        ("slip_issued", LI),
    ]
    assert find(office, actor=SCHOOL) == [("slip_revoked", slip)]
    assert find(office, kind="desk_recorded") == [("desk_recorded", WANG), ("desk_recorded", LI)]
    assert find(office, day=date(2026, 6, 16)) == [("desk_recorded", WANG)]
    assert find(office, student=WANG, actor=SCHOOL) == []
    told = list_events(office.installation, EVERYWHERE, Wanted(actor=SCHOOL))[0]
    assert (told.student, told.slip, told.details["reason"]) == (LI, slip, "材料不实")


def test_pages_of_events_go_on_where_the_last_one_ended(office: Office) -> None:
    for number in range(PAGE + 7):
        tell("desk_recorded", f"TS23{number:06d}")
    first = list_events(office.installation, EVERYWHERE, Wanted())
    tell("desk_recorded", WANG)  # what comes meanwhile moves nothing
    second = list_events(office.installation, EVERYWHERE, Wanted(), first[-1].id)
    assert (len(first), len(second)) == (PAGE, 7)
    assert len({event.subject for event in (*first, *second)}) == PAGE + 7


def test_outside_an_auditor_s_scope_neither_events_nor_looks_nor_names_exist(office: Office) -> None:
    enrol(office, LI, "李文静", MINING)
    enrol(office, WANG, "王浩然", SAFETY)
    for number in (LI, WANG):
        tell("step_waived", number, mini_app="graduate_departure", step="archive")
        log_view(CLERK, number, "item", MORNING)
    tell("step_waived", LI, mini_app="another", step="archive")
    tell("personal_data_purged", "retention", actor="operator")
    scopes: dict[Scope, list[str]] = {
        Scope(college=MINING): [LI, LI],
        Scope(mini_app="graduate_departure"): [WANG, LI],
        Scope(mini_app="another"): [],
        Scope(period="2020-01"): [],
        Scope(step="archive", college=SAFETY): [WANG],
        Scope(step="finance", college=SAFETY): [],
    }
    for scope, subjects in scopes.items():
        assert [subject for _, subject in find(office, (scope,))] == subjects, scope
    assert len(find(office)) == 4
    assert find(office, ()) == []
    looks = list_looks((Scope(college=MINING),), Wanted())
    assert [(each.look.subject, each.name) for each in looks] == [(LI, "李文静")]
    assert list_looks((Scope(college=MINING),), Wanted(student=WANG)) == []
    assert len(list_looks(EVERYWHERE, Wanted())) == 2
    assert list_looks((), Wanted()) == []


def test_verification_says_that_all_is_whole_where_it_breaks_or_what_is_missing(office: Office) -> None:
    office.issue()
    tell("desk_recorded", LI)
    found = verify_all(office.installation)
    assert (found.is_whole, found.events, found.broken, found.faults) == (True, 2, None, ())

    with write_connection(db.engine) as connection:
        connection.execute(
            text(
                "INSERT INTO consents (mini_app, student_number, version, given_at) VALUES ('m', 'n', '1', :now)"
            ),
            {"now": "2026-06-15 01:00:00.000000"},
        )
    found = verify_all(office.installation)
    assert (found.is_whole, found.broken, len(found.faults)) == (False, None, 1)

    with write_connection(db.engine) as connection:
        connection.execute(text("UPDATE audit_events SET subject = 'TS23009999' WHERE id = 2"))
    found = verify_all(office.installation)
    assert (found.is_whole, found.broken) == (False, 2)


@pytest.fixture
def auditor(service: Service) -> Visitor:
    """A browser of somebody who audits everything."""
    given = grant(service.environment, AUDITOR, StaffRole.AUDITOR)
    yield sign_in_staff(service, AUDITOR)  # type: ignore[misc]
    end_grant(service.environment, given)


def search(visitor: Visitor, address: str = "/staff/audit", **typed: str) -> str:
    """Search as the form does; returns the page that comes."""
    page = visitor.get(address)
    answer = visitor.post(address, page, **{"student": "", "actor": "", "kind": "", "day": "", **typed})
    assert answer.status_code == 303
    location = answer.headers["Location"]
    assert re.fullmatch(rf"{address}\?s=[0-9a-z]{{4}}", location)
    found = visitor.get(location)
    assert found.status_code == 200
    return found.text


def test_an_auditor_sees_who_did_what_to_whom_and_the_look_is_logged(
    service: Service, auditor: Visitor, fresh_student: str
) -> None:
    with open_office(service):
        tell("step_waived", fresh_student, actor=SCHOOL, step="archive", reason="论文涉密 线下归档")
    page = search(auditor, student=f" {fresh_student.lower()} ")
    assert "论文涉密 线下归档" in page
    assert page.count("data-event=") == 1
    with open_office(service):
        looks = list_views(subject=fresh_student)
    assert [(look.viewer, look.page, look.count) for look in looks] == [(AUDITOR, "audit", 1)]
    shown = search(auditor, "/staff/audit/looks", student=fresh_student)
    assert page.count("data-event=") == shown.count("data-look") == 1
    assert AUDITOR in shown


def test_a_look_that_cannot_be_logged_shows_nothing(
    service: Service, auditor: Visitor, fresh_student: str
) -> None:
    with open_office(service):
        tell("step_waived", fresh_student, step="archive", reason="论文涉密 线下归档")
    page = auditor.get("/staff/audit")
    sent = auditor.post("/staff/audit", page, student=fresh_student)
    with closing(sqlite3.connect(service.data_dir / "lixiao.sqlite3")) as database:
        database.execute("ALTER TABLE staff_views RENAME TO hidden_looks")
        try:
            answer = auditor.get(sent.headers["Location"])
        finally:
            database.execute("ALTER TABLE hidden_looks RENAME TO staff_views")
    assert answer.status_code == 503
    assert fresh_student not in answer.text
    control = auditor.get(sent.headers["Location"])
    assert (control.status_code, fresh_student in control.text) == (200, True)


def test_what_is_typed_wrongly_is_said_beside_its_field_and_stays(auditor: Visitor) -> None:
    page = auditor.get("/staff/audit")
    answer = auditor.post("/staff/audit", page, student="李 文静!", day="2026年6月", actor="", kind="")
    assert answer.status_code == 422
    assert "这不是学号或工号" in answer.text
    assert "这不是日期" in answer.text
    assert 'value="李 文静!"' in answer.text


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_a_day_at_the_end_of_all_calendars_is_told_at_its_field(auditor: Visitor, day: str) -> None:
    for address in ("/staff/audit", "/staff/audit/looks"):
        answer = auditor.post(address, auditor.get(address), student="", actor="", kind="", day=day)
        assert answer.status_code == 422
        assert f'value="{day}"' in answer.text


@pytest.mark.parametrize("day", ["9998-12-31", "0001-01-03"])
def test_the_last_days_that_can_be_reckoned_with_find_nothing(auditor: Visitor, day: str) -> None:
    for address in ("/staff/audit", "/staff/audit/looks"):
        search(auditor, address, day=day)


@pytest.mark.parametrize("before", ["9" * 17, "9" * 18, "9" * 40, "-1"])
def test_a_page_behind_any_number_is_one(auditor: Visitor, before: str) -> None:
    for address in ("/staff/audit", "/staff/audit/looks"):
        sent = auditor.post(address, auditor.get(address), student="", actor="00420021", kind="", day="")
        assert auditor.get(f"{sent.headers['Location']}&before={before}").status_code == 200


def test_an_unknown_kind_is_told_and_not_taken_for_all(auditor: Visitor) -> None:
    page = auditor.get("/staff/audit")
    answer = auditor.post("/staff/audit", page, student="", actor="", day="", kind="no_such_kind")
    assert answer.status_code == 422
    assert re.search(
        r'<select [^>]*name="kind" aria-invalid="true" aria-describedby="kind-problem"', answer.text
    )
    assert "没有这一类记录" in answer.text
    assert "data-event=" not in answer.text
    known = auditor.post("/staff/audit", page, student="", actor="", day="", kind="grant_given")
    assert known.status_code == 303  # the control
    assert "data-event=" in auditor.get(known.headers["Location"]).text


def test_verification_is_one_button_whose_result_stands_in_words(auditor: Visitor) -> None:
    page = auditor.get("/staff/audit")
    answer = auditor.post("/staff/audit/verify", page)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/staff/audit#verified")
    shown = auditor.get("/staff/audit").text
    assert "data-verified=" in shown
    assert re.search(r"审计记录完整：\d+ 条逐条相符|对不上", shown)


def test_only_auditors_enter_and_only_of_everything_verify(service: Service, auditor: Visitor) -> None:
    given = [
        grant(service.environment, CLERK, StaffRole.DESK, mini_app="graduate_departure", step="archive"),
        grant(service.environment, "00420020", StaffRole.AUDITOR, mini_app="graduate_departure"),
    ]
    try:
        clerk = sign_in_staff(service, CLERK)
        assert [clerk.get(path).status_code for path in ("/staff/audit", "/staff/audit/looks")] == [404] * 2
        some = sign_in_staff(service, "00420020")
        page = some.get("/staff/audit")
        assert page.status_code == 200
        assert "/staff/audit/verify" not in page.text
        assert some.post("/staff/audit/verify", page).status_code == 404
        assert "/staff/audit/verify" in auditor.get("/staff/audit").text
    finally:
        for each in given:
            end_grant(service.environment, each)
