"""Rows of one person under several spellings, stored before there was one form of a number."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import flask_migrate
import pytest
from sqlalchemy import insert, select, text

from app.domain.person import LetterCase, NumberForm, Person, Role
from app.domain.slip_code import Verdict
from app.extensions import db
from app.models import (
    AuditEvent,
    BrowserSession,
    Consent,
    DeskEntry,
    DeskRefusal,
    RosterEntry,
    StoredAnswer,
    Submission,
    Waiver,
    write_transaction,
)
from app.services.audit import find_audit_faults
from app.services.clearance.submissions import submit
from app.services.clock import get_now
from app.services.numbers import UnfoldedSlip, count_unfolded, fold_stored_numbers, list_unfolded_slips
from app.services.operations.row_codes import adopt_rows, list_unproven
from app.services.sign_in.sessions import SessionStore
from app.services.slips.issued_log import find_log_faults
from app.services.slips.issuing import revoke_slip
from app.services.slips.slips import find_submitted_slip, get_slip, list_slips
from app.services.verification.full_views import list_views, record_view
from app.services.verification.verification import verify_code
from tests.fixtures.departments import install, make_departments, make_graduate
from tests.fixtures.office import Office, open_office
from tests.integration.conftest import MakeDatabase

PERSON = "TS23000008"
TYPED = ("ts23000008", "TS23000008", "tS23000008")
ALONE = "ts23000009"
UNFOLDED = {
    "mini_app": "graduate_departure",
    "period": "2026-06",
    "student_number": "ts23000012",
    "step": "archive",
    "reason": "reason",
    "granted_by": "00420014",
}
FIRST = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)

NOW = datetime(2026, 6, 18, tzinfo=UTC)


@pytest.fixture
def office(tmp_path: Path, make_database: MakeDatabase) -> Iterator[Office]:
    """A database of the release before, in which one person was three, and another one stands as typed."""
    with open_office(tmp_path, database_url=make_database(tmp_path)) as office:
        for number in (*TYPED, ALONE, "TS23000010"):
            office.issue(student_number=number)
        store_rows()
        db.session.remove()
        flask_migrate.downgrade(revision="0006")
        store_sessions()
        yield office


def store_rows() -> None:
    """Everything else that is keyed by a number, under the three spellings."""
    for place, number in enumerate(TYPED):
        moment = FIRST + place * DAY
        db.session.add_all(
            [
                DeskEntry(
                    connector="hall", student_number=number, facts={"owes": place}, recorded_by="00420014",
                    recorded_at=moment,
                ),
                Waiver(
                    mini_app="graduate_departure", period="2026-06", student_number=number, step="archive",
                    reason=f"reason {place}", granted_by="00420014", granted_at=moment,
                ),
                Consent(mini_app="graduate_departure", student_number=number, version="1", given_at=moment),
                StoredAnswer(
                    mini_app="graduate_departure", student_number=number, step="finance", system="finance",
                    records=[], learnt_at=moment,
                ),
            ]
        )  # fmt: skip
    db.session.commit()


def store_sessions() -> None:
    """Store sessions as the service did before rows had a MAC."""
    kept = {number: (number, "{}") for number in (*TYPED, "TS23000010")}
    kept["waits"] = "", '{"arrived": {"people": [{"number": "ts1"}]}}'
    kept["begins"] = "", '{"sign_in:x": {}}'
    now = get_now()
    times = {"created_at": now, "seen_at": now, "expires_at": now + DAY}
    with db.engine.begin() as connection:
        for name, (number, data) in kept.items():
            row = {"id_hash": name, "person_number": number, "data": data, **times}
            connection.execute(insert(BrowserSession.__table__).values(row))


def list_submissions() -> list[tuple[str, str, int]]:
    query = select(Submission.student_number, Submission.person_number, Submission.repeat)
    return [(row[0], row[1], row[2]) for row in db.session.execute(query.order_by(Submission.id))]


def list_faults(office: Office) -> list[str]:
    """What does not hold, once the rows of before were adopted."""
    keys = office.installation.row_keys
    with db.engine.connect() as connection:
        found = list(find_log_faults(connection))
        unproven = list_unproven(connection, keys.current(), office.installation.settings.numbers)
    if unproven:
        named = [one.name for one in unproven if not one.is_told]
        numbers = office.installation.settings.numbers
        adopt_rows(keys, numbers, len(unproven), "00420014", "从上一版带来", named)
    return found + list(find_audit_faults(lambda: None, office.installation.row_keys))


def test_what_was_signed_stays_and_the_campus_s_own_spelling_counts(office: Office) -> None:
    before = db.session.execute(text("SELECT number, record FROM slips ORDER BY id")).all()
    db.session.remove()
    flask_migrate.upgrade()
    assert list_submissions() == [
        ("ts23000008", PERSON, 1),
        ("TS23000008", PERSON, 0),
        ("tS23000008", PERSON, 2),
        (ALONE, "TS23000009", 0),
        ("TS23000010", "TS23000010", 0),
    ]
    assert db.session.execute(text("SELECT number, record FROM slips ORDER BY id")).all() == before
    assert list_faults(office) == []
    numbers = [number for number, _ in before]
    digits = [office.get_digits(number) for number in numbers]
    assert {verify_code(office.installation, one).verdict for one in digits} == {Verdict.VALID}


def test_a_person_sees_all_that_was_issued_and_may_not_submit_again(office: Office) -> None:
    flask_migrate.upgrade()
    slips = list_slips(office.installation, PERSON)
    assert sorted(slip.record.get_field("student_number") for slip in slips) == sorted(TYPED)
    for slip in slips:
        assert get_slip(office.installation, slip.number, PERSON).number == slip.number
    place = install(office.installation, make_departments())
    counted = next(slip for slip in slips if slip.record.get_field("student_number") == PERSON)
    assert submit(*place, make_graduate(PERSON)) == counted.number
    assert find_submitted_slip(db.session, place[1], "TS23000009") is not None


def test_without_the_form_the_same_person_is_three_and_submits_again(office: Office) -> None:
    place = install(office.installation, make_departments())
    numbers = office.installation.settings.numbers
    object.__setattr__(office.installation.settings, "numbers", NumberForm(case=LetterCase.KEPT))
    try:
        flask_migrate.upgrade()
    finally:
        object.__setattr__(office.installation.settings, "numbers", numbers)
    assert len(list_slips(office.installation, PERSON)) == 1
    assert find_submitted_slip(db.session, place[1], "TS23000009") is None
    with db.engine.connect() as connection:
        assert list_unfolded_slips(connection) == []
        assert count_unfolded(connection, numbers)["submissions"] == 3


def test_the_operator_is_told_which_slips_to_revoke_until_that_is_done(office: Office) -> None:
    flask_migrate.upgrade()
    of_person = {
        slip.record.get_field("student_number"): slip.number
        for number in (PERSON, "TS23000009")
        for slip in list_slips(office.installation, number)
    }
    first = of_person[PERSON]
    with db.engine.connect() as connection:
        assert list_unfolded_slips(connection) == [
            UnfoldedSlip(of_person["ts23000008"], first),
            UnfoldedSlip(of_person["tS23000008"], first),
            UnfoldedSlip(of_person[ALONE], ""),
        ]
    for typed in ("ts23000008", "tS23000008"):
        revoke_slip(of_person[typed], reason="重复签发", by="00420014")
    with db.engine.connect() as connection:
        assert list_unfolded_slips(connection) == [UnfoldedSlip(of_person[ALONE], "")]
    assert list_faults(office) == []


def test_of_other_rows_one_stays_and_the_audit_keeps_the_others(office: Office) -> None:
    flask_migrate.upgrade()
    (entry,) = db.session.scalars(select(DeskEntry))
    assert (entry.student_number, entry.facts, entry.recorded_at) == (PERSON, {"owes": 2}, FIRST + 2 * DAY)
    (waiver,) = db.session.scalars(select(Waiver))
    assert (waiver.student_number, waiver.reason) == (PERSON, "reason 0")
    (consent,) = db.session.scalars(select(Consent))
    assert (consent.student_number, consent.given_at) == (PERSON, FIRST)
    assert db.session.scalars(select(StoredAnswer.student_number)).all() == [PERSON]
    removed = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == "second_row_removed"))
    kept = [(event.details["table"], event.details["row"]) for event in removed]
    assert sorted(row["facts"]["owes"] for name, row in kept if name == "desk_entries") == [0, 1]
    assert sorted(row["reason"] for name, row in kept if name == "waivers") == ["reason 1", "reason 2"]
    folded = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == "number_folded"))
    assert [event.details["spelled"] for event in folded] == ["ts23000008", "tS23000008", ALONE]


def test_sessions_under_another_spelling_end_and_others_go_on(office: Office) -> None:
    flask_migrate.upgrade(revision="0011")
    kept = db.session.scalars(text("SELECT id_hash FROM browser_sessions ORDER BY id_hash")).all()
    assert sorted(kept) == sorted([PERSON, "TS23000010", "begins"])


def test_sessions_without_a_mac_end_with_the_migration_that_brings_it(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    flask_migrate.upgrade()
    assert db.session.scalar(text("SELECT count(*) FROM browser_sessions")) == 0
    assert "all sessions have ended: people sign in again" in caplog.text


def test_a_form_that_changes_later_is_held_to_and_a_second_time_changes_nothing(office: Office) -> None:
    flask_migrate.upgrade()
    lower = NumberForm(case=LetterCase.LOWER)
    with db.engine.begin() as connection:
        assert count_unfolded(connection, lower)["submissions"] == 3
        assert fold_stored_numbers(connection, lower, get_now())["submissions"] == 5
    with db.engine.begin() as connection:
        assert count_unfolded(connection, lower) == {}
        assert fold_stored_numbers(connection, lower, get_now()) == {}
    assert list_submissions()[:3] == [
        ("ts23000008", "ts23000008", 0),
        ("TS23000008", "ts23000008", 1),
        ("tS23000008", "ts23000008", 2),
    ]
    assert list_faults(office) == []


WAIVED = "TS23000077"


def add_waiver(number: str, day: int, withdrawn_on: int | None = None, reason: str = "学院代缴") -> None:
    at = {
        "granted_at": FIRST + day * DAY,
        "withdrawn_at": FIRST + withdrawn_on * DAY if withdrawn_on else None,
    }
    row = {"mini_app": "graduate_departure", "period": "2026-06", "student_number": number, "step": "finance"}
    db.session.add(Waiver(**row, **at, reason=reason, granted_by="00420014"))
    db.session.commit()


def fold_waivers() -> list[tuple[str, str, bool]]:
    """Hold the numbers to upper case; the waivers then: number, reason, whether one stands."""
    fold_stored_numbers(db.session.connection(), NumberForm(case=LetterCase.UPPER), get_now())
    db.session.commit()
    rows = db.session.scalars(select(Waiver).order_by(Waiver.granted_at))
    found = [(row.student_number, row.reason, row.withdrawn_at is None) for row in rows]
    return [row for row in found if row[0].upper() == WAIVED]


def test_a_withdrawn_waiver_and_its_successor_are_both_held_to_a_form_that_changes(office: Office) -> None:
    flask_migrate.upgrade()
    add_waiver(WAIVED.lower(), 1, withdrawn_on=2, reason="first")
    add_waiver(WAIVED.lower(), 3, reason="second")
    assert fold_waivers() == [(WAIVED, "first", False), (WAIVED, "second", True)]


def test_a_withdrawal_ends_what_was_granted_before_under_another_spelling(office: Office) -> None:
    """Or a debtor whose waiver a clerk took back would have it again."""
    flask_migrate.upgrade()
    add_waiver(WAIVED.lower(), 1, reason="first")
    add_waiver(WAIVED, 2, withdrawn_on=3, reason="second")
    assert fold_waivers() == [(WAIVED, "first", False), (WAIVED, "second", False)]
    events = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == "waiver_withdrawn_with_another"))
    assert [event.details["row"]["reason"] for event in events] == ["first"]


@pytest.mark.parametrize("spellings", [(WAIVED, WAIVED.lower()), (WAIVED.lower(), WAIVED)])
def test_a_waiver_granted_after_a_withdrawal_under_another_spelling_stands(
    office: Office, spellings: tuple[str, str]
) -> None:
    flask_migrate.upgrade()
    add_waiver(spellings[0], 1, withdrawn_on=2, reason="first")
    add_waiver(spellings[1], 3, reason="second")
    assert fold_waivers() == [(WAIVED, "first", False), (WAIVED, "second", True)]


def test_who_is_unknown_at_a_desk_stays_so_when_the_number_is_held_to_a_form(office: Office) -> None:
    """Or an older entry would speak for a student whose newest row nobody could read."""
    flask_migrate.upgrade()
    for number, day in ((WAIVED.lower(), 1), (WAIVED, 2)):
        row = {
            "connector": "fee_desk",
            "student_number": number,
            "cause": "refused",
            "refused_by": "00420014",
        }
        db.session.add(DeskRefusal(**row, message=f"day {day}", refused_at=FIRST + day * DAY))
    db.session.commit()
    assert count_unfolded(db.session.connection(), NumberForm(case=LetterCase.UPPER))["desk_refusals"] == 1
    fold_stored_numbers(db.session.connection(), NumberForm(case=LetterCase.UPPER), get_now())
    db.session.commit()
    rows = db.session.scalars(select(DeskRefusal))
    assert [(row.student_number, row.message) for row in rows] == [(WAIVED, "day 2")]


def test_a_student_is_once_on_a_roster_when_the_number_is_held_to_a_form(office: Office) -> None:
    flask_migrate.upgrade()
    told = {"name": "李文静", "name_folded": "李文静", "college": "", "major": "", "level": ""}
    for number, day in ((WAIVED.lower(), 1), (WAIVED, 2)):
        row = {**told, "student_number": number, "key": f"key of day {day}", "source": "sign_in"}
        db.session.add(
            RosterEntry(mini_app="graduate_departure", period="2026-06", **row, listed_at=FIRST + day * DAY)
        )
    db.session.commit()
    fold_stored_numbers(db.session.connection(), NumberForm(case=LetterCase.UPPER), get_now())
    db.session.commit()
    rows = db.session.scalars(select(RosterEntry))
    assert [(row.student_number, row.key) for row in rows] == [(WAIVED, "key of day 1")]


def run(office: Office, *words: str) -> tuple[int, str]:
    db.session.remove()
    done = office.app.test_cli_runner().invoke(args=list(words))
    return done.exit_code, done.output


def test_doctor_names_slips_to_revoke_and_rows_in_another_form(office: Office) -> None:
    flask_migrate.upgrade()
    first = next(
        slip.number
        for slip in list_slips(office.installation, PERSON)
        if slip.record.get_field("student_number") == PERSON
    )
    _, told = run(office, "doctor")
    assert told.count(f"is another one of who has {first}: revoke it") == 2
    assert told.count("was issued for a number as it was typed") == 1
    assert "TS23" not in told.upper().replace(first.upper(), "")
    db.session.rollback()  # what doctor has read is older than what was written behind it
    db.session.add(Waiver(**UNFOLDED, granted_at=FIRST))
    db.session.commit()
    assert "1 number(s) of waivers are in another form" in run(office, "doctor")[1]
    assert run(office, "numbers", "fold") == (
        0,
        "        1  waivers\nsee `flask doctor` for slips to compare\n",
    )
    assert "in another form than [numbers]" not in run(office, "doctor")[1]
    assert run(office, "numbers", "fold") == (0, "every number is in its one form\n")


def test_commands_take_a_number_as_it_is_typed_and_refuse_what_is_none(office: Office) -> None:
    flask_migrate.upgrade()
    store = SessionStore(office.installation.settings.service.secret_key)
    store.begin("identifier", PERSON, {}, get_now(), DAY)
    assert run(office, "sessions", "list", "ts23000008", "--show-numbers")[1].startswith(PERSON)
    assert run(office, "sessions", "end", " ts23000008", "--by", "zg001") == (0, "1 session(s) ended\n")
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == "sessions_ended")).one()
    assert (event.subject, event.actor) == (PERSON, "ZG001")
    number = list_slips(office.installation, "TS23000010")[0].number
    for words in (
        ("sessions", "list", "TS-1"),
        ("sessions", "end", "TS-1", "--by", "00420014"),
        ("sessions", "end", PERSON, "--by", "<b>x</b>"),
        ("slips", "revoke", number, "--reason", "误发", "--by", "李四"),
        ("slips", "reissue", number, "--reason", "误发", "--by", "李四"),
    ):
        code, told = run(office, *words)
        assert (code, "as [numbers] says" in told) == (1, True), told


def test_who_saw_slips_is_found_by_one_number(office: Office) -> None:
    flask_migrate.upgrade()
    slip = get_slip(office.installation, list_slips(office.installation, PERSON)[0].number, PERSON)
    row = office.get_codes(slip.number)[-1].slip_id
    clerk = Person("clerk7", "职员", Role.CLERK)
    record_view(clerk, row, NOW)
    with write_transaction() as session:
        form = office.installation.settings.numbers
        assert count_unfolded(session.connection(), form) == {"slip_views": 1}
        assert fold_stored_numbers(session.connection(), form, NOW) == {"slip_views": 1}
    assert [view.viewer_number for view in list_views()] == ["CLERK7"]
