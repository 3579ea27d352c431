"""What is kept of a consent: with its audit event or not at all, and nothing once it is withdrawn."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.models import AuditEvent, Consent, StoredAnswer, write_transaction
from app.services.audit import find_broken_event
from app.services.clock import get_now
from app.services.installation import InstalledMiniApp
from app.services.sign_in.consents import find_consent, give_consent, withdraw_consent
from tests.fixtures.office import Office

STUDENT, OTHER = "TS23000001", "TS23000002"


@pytest.fixture
def installed(office: Office) -> InstalledMiniApp:
    return next(iter(office.installation.mini_apps.values()))


def count(model: type[Consent] | type[StoredAnswer] | type[AuditEvent]) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def keep_answer(installed: InstalledMiniApp, number: str) -> None:
    slug = installed.mini_app.slug
    with write_transaction() as session:
        session.add(
            StoredAnswer(
                mini_app=slug, student_number=number, step="s", system="s", records=[], learnt_at=get_now()
            )
        )


def test_without_its_event_no_consent_is_kept(installed: InstalledMiniApp) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit_events RENAME TO gone"))
    with pytest.raises(SQLAlchemyError):
        give_consent(installed, STUDENT)
    assert count(Consent) == 0
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO audit_events"))
    give_consent(installed, STUDENT)
    assert (count(Consent), count(AuditEvent)) == (1, 1)


def test_withdrawing_deletes_what_departments_said_of_this_student_alone(installed: InstalledMiniApp) -> None:
    for number in (STUDENT, OTHER):
        give_consent(installed, number)
        keep_answer(installed, number)
    withdraw_consent(installed, STUDENT)
    assert find_consent(installed, STUDENT) is None
    assert find_consent(installed, OTHER) is not None
    assert [row.student_number for row in db.session.scalars(select(StoredAnswer))] == [OTHER]
    assert find_broken_event() is None


def test_withdrawing_what_was_not_given_leaves_no_event(installed: InstalledMiniApp) -> None:
    withdraw_consent(installed, STUDENT)
    assert count(AuditEvent) == 0
