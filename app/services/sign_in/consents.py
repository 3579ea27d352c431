"""Consent to the privacy notice 隐私说明 (中华人民共和国个人信息保护法, articles 13 to 17 and 47): recorded with the
version of the notice, asked once for each, and taken back as easily as it was given.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlalchemy import Table, bindparam, delete, select
from sqlalchemy.exc import IntegrityError

from app.domain.errors import ConsentMissing
from app.extensions import db
from app.models import Consent, StoredAnswer, read_connection, write_transaction
from app.services.audit import add_event, lock_audit
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp

_ROWS = cast("Table", Consent.__table__)
_FIND = select(_ROWS.c.given_at).where(
    _ROWS.c.mini_app == bindparam("mini_app"),
    _ROWS.c.student_number == bindparam("student_number"),
    _ROWS.c.version == bindparam("version"),
)
"""Built once: to build it costs more than to run it."""


def find_consent(installed: InstalledMiniApp, student_number: str) -> datetime | None:
    """When the student agreed to the notice as it reads now, or None."""
    of_student = {
        "mini_app": installed.mini_app.slug,
        "student_number": student_number,
        "version": installed.mini_app.privacy.version,
    }
    with read_connection(db.engine) as connection:
        given_at: datetime | None = connection.execute(_FIND, of_student).scalar()
    return given_at


def require_consent(installation: Installation, installed: InstalledMiniApp, student_number: str) -> None:
    """Raise ConsentMissing unless the student agreed, or nobody is asked to here."""
    if installation.settings.privacy.consent and find_consent(installed, student_number) is None:
        raise ConsentMissing(installed.mini_app.path)


def give_consent(installed: InstalledMiniApp, student_number: str) -> None:
    """Record that the student agrees to the notice as it reads now; a repeat changes nothing."""
    slug, version, now = installed.mini_app.slug, installed.mini_app.privacy.version, get_now()
    try:
        with write_transaction() as session:
            lock_audit(session)
            session.add(Consent(mini_app=slug, student_number=student_number, version=version, given_at=now))
            session.flush()
            details = {"mini_app": slug, "version": version}
            add_event(
                session,
                "consent_given",
                actor=student_number,
                subject=student_number,
                details=details,
                now=now,
            )
    except IntegrityError:
        if find_consent(installed, student_number) is None:
            raise


def withdraw_consent(installed: InstalledMiniApp, student_number: str) -> None:
    """Take the consent back, and delete what departments said of the student. What was submitted stays: it was
    handed in while the consent held, and is the university's record.
    """
    slug = installed.mini_app.slug
    with write_transaction() as session:
        lock_audit(session)
        given = delete(Consent).where(Consent.mini_app == slug, Consent.student_number == student_number)
        if not session.connection().execute(given).rowcount:
            return
        session.execute(
            delete(StoredAnswer).where(
                StoredAnswer.mini_app == slug, StoredAnswer.student_number == student_number
            )
        )
        add_event(
            session,
            "consent_withdrawn",
            actor=student_number,
            subject=student_number,
            details={"mini_app": slug},
            now=get_now(),
        )
