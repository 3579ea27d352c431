"""`flask students`: all that is stored of one student, and who cannot submit and why. On both databases."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import func, select

from app.commands.students import make_students_group
from app.connectors.base import FailureCode
from app.domain.clearance import DepartmentUnavailable, Reading
from app.extensions import Base, db
from app.models import (
    Action,
    AuditEvent,
    BrowserSession,
    Consent,
    DeskDecision,
    DeskEntry,
    DeskRefusal,
    RosterEntry,
    StaffView,
    StoredAnswer,
    write_transaction,
)
from app.services.clearance.cached_answers import store_answers
from app.services.clearance.submissions import submit
from app.services.clearance.waivers import grant_waiver
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp
from app.services.operations import student_records
from app.services.sign_in.sessions import SessionStore
from app.services.slips.issuing import revoke_slip
from tests.fixtures.departments import (
    CLEARED,
    OF_FAILING_CONTROL,
    Department,
    install,
    make_departments,
    make_graduate,
)
from tests.fixtures.office import Office

STUDENT, OTHER, THIRD, CLERK = "TS23000003", "TS23000004", "TS23000005", "00420014"
APP = "graduate_departure"

Place = tuple[Installation, InstalledMiniApp]


@pytest.fixture
def departments() -> dict[str, Department]:
    """All let everybody go."""
    return make_departments()


@pytest.fixture
def place(office: Office, departments: dict[str, Department]) -> Place:
    """The graduate departure with these departments."""
    return install(office.installation, departments)


def run(office: Office, *words: str) -> Result:
    """`flask students <words>` in this application."""
    db.session.rollback()
    return office.app.test_cli_runner().invoke(args=["students", *words])


def keep(student: str, days: int = 0, **records: Any) -> None:
    """Keep answers of departments, so many days old: records, or None for one that does not answer."""
    then = get_now() - timedelta(days=days)
    answers: Mapping[str, Reading | DepartmentUnavailable] = {
        step: DepartmentUnavailable(step, FailureCode.TIMEOUT)
        if found is None
        else Reading(step, student, tuple(found), then)
        for step, found in records.items()
    }
    store_answers(APP, student, answers, {}, then)


def count_shown() -> int:
    """How often the audit says that a student was shown."""
    db.session.rollback()
    query = select(func.count()).select_from(AuditEvent).where(AuditEvent.kind == "student_shown")
    return db.session.scalar(query) or 0


def list_staff_rows(of_student: dict[str, Any], now: datetime) -> list[Base]:
    """What staff leave of a student."""
    told = {
        "name": "李文静",
        "name_folded": "李文静",
        "college": "矿业工程学院",
        "major": "",
        "level": "硕士",
    }
    of_period = {"mini_app": APP, "period": "2026-06"}
    return [
        RosterEntry(**of_period, **of_student, **told, key="0123456789ab", source="sign_in", listed_at=now),
        DeskDecision(
            **of_period,
            **of_student,
            connector="party_office",
            version=1,
            step="party_membership",
            outcome="not_done",
            reason_key="form_missing",
            note="缺签字",
            actor=CLERK,
            via="scan",
            nonce="0" * 32,
            decided_at=now,
        ),
        StaffView(
            viewer=CLERK, subject=STUDENT, page="archive", day=now.date(), count=3, first_at=now, last_at=now
        ),
    ]


def store_everything(place: Place) -> str:
    """A student with something in every table; returns the number of the slip, which was revoked."""
    number, now = submit(*place, make_graduate(STUDENT)), get_now()
    revoke_slip(number, reason="发错了人", by=CLERK)
    of_student: dict[str, Any] = {"student_number": STUDENT}
    of_desk = {**of_student, "connector": "party_office"}
    with write_transaction() as session:
        session.add_all(
            [
                Consent(mini_app=APP, version="2026-1", given_at=now, **of_student),
                DeskEntry(facts={"moved": "是"}, recorded_by=CLERK, recorded_at=now, **of_desk),
                DeskRefusal(
                    cause="refused", message="moved is blank", refused_by=CLERK, refused_at=now, **of_desk
                ),
                Action(
                    mini_app=APP,
                    period="2026-06",
                    step="library_loans",
                    action="cancel-card",
                    outcome="confirmed",
                    intended_at=now,
                    **of_student,
                ),
            ]
        )
        row = {
            "id_hash": "0",
            "person_number": STUDENT,
            "data": "{}",
            "created_at": now,
            "seen_at": now,
            "expires_at": now + timedelta(hours=1),
            "campus_session_hash": None,
        }
        session.add_all(list_staff_rows(of_student, now))
        signed = SessionStore(place[0].settings.service.secret_key).sign(row)
        session.add(BrowserSession(**signed))
    return number


def test_all_that_is_stored_of_a_student_is_shown(office: Office, place: Place) -> None:
    slip = store_everything(place)
    grant_waiver(place[1], "archive", OTHER, "另一名学生的豁免", CLERK, accepts_unknown=True)
    keep(STUDENT, 3, library_loans=OF_FAILING_CONTROL["library_loans"], dormitory=None)
    done = run(office, "show", f" {STUDENT.lower()} ")
    assert done.exit_code == 0, done.output
    for words in (
        f"student {STUDENT}",
        "library_loans   outstanding",
        "(3 days ago)  overdue_books=1 fine=5.00",
        "dormitory       unavailable  no answer since",
        "archive         never asked",
        f"{slip}  revoked",
        "发错了人",
        "party_office  moved=是",
        "moved is blank",
        "library_loans/cancel-card  confirmed",
        f"{APP}  version 2026-1",
        "李文静  矿业工程学院",
        f"party_office  version 1  not_done  by {CLERK} (scan)  form_missing  缺签字",
        f"{CLERK}  archive  3",
        "open sessions",
        "slip_revoked",
        "slip_issued",
    ):
        assert words in done.output, done.output
    assert "另一名学生的豁免" not in done.output


def test_that_a_student_was_shown_is_an_event_with_who_sat_at_the_keyboard(
    office: Office, place: Place
) -> None:
    keep(STUDENT, archive=CLEARED["archive"])
    assert run(office, "show", STUDENT).exit_code == 0
    assert run(office, "show", STUDENT, "--by", CLERK).exit_code == 0
    db.session.rollback()
    events = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    assert [(one.kind, one.actor, one.subject) for one in events] == [
        ("student_shown", "operator", STUDENT),
        ("student_shown", CLERK, STUDENT),
    ]
    assert {one.details["keyboard"]["os_user"] for one in events} == {getpass.getuser()}


def test_a_student_is_not_shown_where_the_audit_cannot_note_it(
    office: Office, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    keep(STUDENT, archive=CLEARED["archive"])
    monkeypatch.setattr(student_records, "add_event", fail)
    done = run(office, "show", STUDENT)
    assert (done.exit_code, done.output) == (1, "Error: the disk is full\n")


def test_a_number_that_nobody_has_is_told_so_and_noted_nowhere(office: Office, place: Place) -> None:
    keep(STUDENT, archive=CLEARED["archive"])
    done = run(office, "show", OTHER)
    assert done.exit_code == 1
    assert done.output.startswith(f"Error: nothing is stored of {OTHER}")
    assert count_shown() == 0


def test_departments_are_asked_only_when_that_is_wanted(
    office: Office, place: Place, departments: dict[str, Department]
) -> None:
    students, runner = make_students_group(place[0]), office.app.test_cli_runner()
    keep(STUDENT, archive=OF_FAILING_CONTROL["archive"])
    done = runner.invoke(students, ["show", STUDENT])
    assert "archive         outstanding" in done.output
    assert [one.questions for one in departments.values()] == [0] * 5
    done = runner.invoke(students, ["show", STUDENT, "--ask"])
    assert [one.questions for one in departments.values()] == [1] * 5
    assert "archive         cleared" in done.output, done.output


def test_newest_events_are_shown_and_all_when_that_is_wanted(office: Office, place: Place) -> None:
    keep(STUDENT, archive=CLEARED["archive"])
    for _ in range(22):
        run(office, "show", STUDENT)
    assert run(office, "show", STUDENT).output.count("student_shown") == 20
    assert "(3 older ones: --all)" in run(office, "show", STUDENT).output
    assert run(office, "show", STUDENT, "--all").output.count("student_shown") == 24


@pytest.fixture
def crowd(place: Place) -> Place:
    """Three who cannot submit, for the archive, the archive and finance, and finance; one who could; one who has."""
    keep(STUDENT, 9, **{**CLEARED, "archive": OF_FAILING_CONTROL["archive"]})
    keep(OTHER, 2, **{**CLEARED, "archive": None, "finance": OF_FAILING_CONTROL["finance"]})
    keep(THIRD, **{**CLEARED, "archive": None, "finance": OF_FAILING_CONTROL["finance"]})
    grant_waiver(place[1], "archive", THIRD, "论文涉密，线下归档", CLERK, accepts_unknown=True)
    keep("TS23000006", **CLEARED)
    submit(*place, make_graduate("TS23000007"))
    keep("TS23000007", archive=OF_FAILING_CONTROL["archive"])
    return place


def list_students(done: Result) -> list[str]:
    """The numbers of the students' lines."""
    return [line.split()[0] for line in done.output.splitlines() if "  looked " in line]


def test_students_who_cannot_submit_are_counted_by_step_and_listed_with_what_blocks_them(
    office: Office, crowd: Place
) -> None:
    done = run(office, "stuck", "--show-numbers")
    assert done.output.splitlines()[:3] == [
        f"{APP}  2026-06: 3 cannot submit; 1 could, and have not",
        "  archive              1 outstanding       1 unavailable",
        "  finance              2 outstanding       0 unavailable",
    ]
    assert list_students(done) == [STUDENT, OTHER, THIRD]
    assert "archive unavailable since" in done.output
    assert "finance outstanding as of" in done.output


def test_who_waits_for_a_department_to_decide_is_counted_apart(office: Office, place: Place) -> None:
    keep(STUDENT, **{**CLEARED, "library_thesis": OF_FAILING_CONTROL["library_thesis"]})
    done = run(office, "stuck", "--show-numbers")
    assert done.output.splitlines()[1] == (
        "  library_thesis       0 outstanding       0 unavailable       1 pending"
    )
    assert "library_thesis pending as of" in done.output
    assert "pending      " in run(office, "show", STUDENT).output


def test_numbers_are_masked_unless_they_are_wanted(office: Office, crowd: Place) -> None:
    done = run(office, "stuck")
    assert list_students(done) == ["********03", "********04", "********05"]
    assert "TS2300" not in done.output


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (("--step", "archive"), [STUDENT, OTHER]),
        (("--step", "finance"), [OTHER, THIRD]),
        (("--since", "1"), [THIRD]),
        (("--since", "5", "--step", "archive"), [OTHER]),
        (("--since", "2000-01-01"), [STUDENT, OTHER, THIRD]),
        (("--mini-app", APP, "--step", "library_loans"), []),
    ],
)
def test_they_are_chosen_by_step_and_by_when_they_looked(
    office: Office, crowd: Place, words: tuple[str, ...], numbers: list[str]
) -> None:
    assert list_students(run(office, "stuck", "--show-numbers", *words)) == numbers


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--step", "archiv"), 1, "there is no step archiv: there are library_loans"),
        (("--mini-app", "graduation"), 1, "there is no mini-app graduation: there is graduate_departure"),
        (("--since", "June"), 2, "is neither a number of days nor a day such as 2026-06-20"),
    ],
)
def test_what_is_mistyped_is_told(
    office: Office, place: Place, words: tuple[str, ...], code: int, sentence: str
) -> None:
    done = run(office, "stuck", *words)
    assert (done.exit_code, sentence in done.output) == (code, True), done.output


def test_who_cannot_submit_is_found_without_a_question(
    office: Office, crowd: Place, departments: dict[str, Department]
) -> None:
    before = [one.questions for one in departments.values()]
    rows = db.session.scalar(select(func.count()).select_from(StoredAnswer))
    office.app.test_cli_runner().invoke(make_students_group(crowd[0]), ["stuck"])
    assert [one.questions for one in departments.values()] == before
    assert db.session.scalar(select(func.count()).select_from(StoredAnswer)) == rows
