"""`flask purge`: what is past its time goes, all else stays, and nobody passes because of it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from sqlalchemy import func, select

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
    Scan,
    ScanCount,
    Slip,
    SlipView,
    StaffView,
    StoredAnswer,
    Submission,
    Waiver,
    write_transaction,
)
from app.services.clock import get_now
from app.services.slips.issued_log import find_log_faults
from tests.fixtures.office import Office
from tests.integration.operation.test_audit import run

DONE, FRESH, OWES = "TS23000001", "TS23000002", "TS23000003"


def add_rows(number: str, moment: datetime) -> None:
    """One row of every kind that has a time."""
    with write_transaction() as session:
        session.add(
            BrowserSession(
                id_hash=number,
                person_number=number,
                data="{}",
                mac="",
                created_at=moment,
                seen_at=moment,
                expires_at=moment,
            )
        )
        session.add(
            StoredAnswer(
                mini_app="m", student_number=number, step="s", system="s", records=[], learnt_at=moment
            )
        )
        session.add(Scan(checked_at=moment, viewer="public", verdict="malformed", address_hash="0"))
        session.add(ScanCount(day=moment.date(), viewer="public", verdict=number, count=7))
        session.add(SlipView(viewed_at=moment, viewer_number="00420016", role="guard", slip_id=1))
        session.add(
            RosterEntry(
                mini_app="m",
                period="p",
                student_number=number,
                key=number.lower(),
                name="李文静",
                name_folded="李文静",
                college="",
                major="",
                level="",
                source="sign_in",
                listed_at=moment,
            )
        )
        session.add(
            DeskDecision(
                connector="d",
                student_number=number,
                version=1,
                mini_app="m",
                step="s",
                period="p",
                outcome="done",
                facts={},
                before=None,
                reason_key="",
                note="",
                actor="c",
                via="scan",
                nonce=number,
                decided_at=moment,
            )
        )
        session.add(
            StaffView(
                viewer="00420017",
                subject=number,
                page="item",
                day=moment.date(),
                count=2,
                first_at=moment,
                last_at=moment,
            )
        )
        session.add(
            DeskEntry(connector="d", student_number=number, facts={}, recorded_by="c", recorded_at=moment)
        )
        session.add(
            DeskRefusal(
                connector="d",
                student_number=number,
                cause="refused",
                message="row 2",
                refused_by="c",
                refused_at=moment,
            )
        )
        session.add(
            Action(mini_app="m", period="p", student_number=number, step="s", action="a", intended_at=moment)
        )
        session.add(
            Waiver(
                mini_app="m",
                period="p",
                student_number=number,
                step="s",
                reason="r",
                granted_by="c",
                granted_at=moment,
            )
        )
        session.add(Consent(mini_app="m", student_number=number, version="1", given_at=moment))


def count(model: type[Base]) -> int:
    """The rows of a table."""
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def submit(office: Office, number: str, moment: datetime) -> None:
    """A submission at that moment."""
    office.issue(student_number=number)
    with write_transaction() as session:
        session.query(Submission).filter_by(student_number=number).update({"submitted_at": moment})


def test_rows_past_their_time_go_and_slips_stay(office: Office) -> None:
    old, young = get_now() - timedelta(days=400), get_now() - timedelta(hours=1)
    submit(office, DONE, old)
    submit(office, FRESH, young)
    add_rows(DONE, old)
    add_rows(FRESH, young)
    add_rows(OWES, old)
    by = ("--reason", "从上一版带来", "--by", "00420014")
    untold = re.findall(r"NO EVENT: (\S+)", run(office, "row-keys", "adopt", *by).output)
    named = [word for name in untold for word in ("--without-event", name)]
    adopted = run(office, "row-keys", "adopt", "--rows", "15", *named, *by)
    assert adopted.exit_code == 0, adopted.output

    dry = run(office, "purge", "--dry-run").output
    assert [int(line.split()[0]) for line in dry.splitlines()[:16]] == [
        *(2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2),
    ]
    assert count(BrowserSession) == 3

    assert run(office, "purge", "--by", "00420014").exit_code == 0

    short_lived = (BrowserSession, StoredAnswer, Scan, ScanCount, SlipView, StaffView)
    assert [count(model) for model in short_lived] == [1] * 6
    assert [count(model) for model in (Submission, Slip)] == [2, 2]
    noted = db.session.query(AuditEvent).filter_by(kind="personal_data_purged").one()
    assert (noted.actor, noted.details["sessions"]) == ("00420014", 2)
    assert run(office, "audit", "verify").exit_code == 0


def test_what_a_desk_holds_of_a_student_who_has_not_submitted_stays(office: Office) -> None:
    """Else a debt recorded long ago would be forgotten, and the student would pass."""
    old = get_now() - timedelta(days=4000)
    submit(office, DONE, old)
    add_rows(DONE, old)
    add_rows(OWES, old)
    assert run(office, "purge").exit_code == 0
    for number in (
        DeskEntry.student_number,
        DeskRefusal.student_number,
        DeskDecision.student_number,
        RosterEntry.student_number,
    ):
        assert db.session.scalars(select(number)).all() == [OWES]


def test_more_rows_than_one_transaction_takes_all_go(office: Office) -> None:
    old = get_now() - timedelta(days=400)
    with write_transaction() as session:
        session.add_all(
            Scan(checked_at=old, viewer="public", verdict="malformed", address_hash=f"{n}")
            for n in range(1201)
        )
    assert "     1201  checks of slips deleted" in run(office, "purge").output
    assert count(Scan) == 0


def test_nothing_to_purge_leaves_no_event(office: Office) -> None:
    office.issue()
    before = count(AuditEvent)
    assert run(office, "purge").exit_code == 0
    assert count(AuditEvent) == before
    with db.engine.connect() as connection:
        assert list(find_log_faults(connection)) == []
