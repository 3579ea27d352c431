"""Consent to the privacy notice 隐私说明 (中华人民共和国个人信息保护法, articles 13 to 17 and 47): recorded with the
version of the notice, asked once for each, and taken back as easily as it was given. One that is not authentic counts
as none, and is asked for again.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlalchemy import Table, bindparam, delete, select

from app.domain.errors import ConsentMissing
from app.domain.row_ledger import RowChange
from app.extensions import db
from app.models import Consent, StoredAnswer, read_connection, upsert, write_transaction
from app.services.audit import add_event, lock_audit
from app.services.authenticated_rows import is_authentic, name_row, sign_row
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp

_ROWS = cast("Table", Consent.__table__)
_FIND = select(_ROWS).where(
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
        row = connection.execute(_FIND, of_student).mappings().first()
    given_at: datetime | None = None
    if row is not None and is_authentic(installed.row_keys, Consent, row):
        given_at = row["given_at"]
    return given_at


def require_consent(installation: Installation, installed: InstalledMiniApp, student_number: str) -> None:
    """Raise ConsentMissing unless the student agreed, or nobody is asked to here."""
    if installation.settings.privacy.consent and find_consent(installed, student_number) is None:
        raise ConsentMissing(installed.mini_app.path)


def give_consent(installed: InstalledMiniApp, student_number: str) -> None:
    """Record that the student agrees to the notice as it reads now; a repeat changes nothing."""
    slug, version = installed.mini_app.slug, installed.mini_app.privacy.version
    key = {"mini_app": slug, "student_number": student_number, "version": version}
    now, rows = get_now(), RowChange()
    with write_transaction() as session:
        lock_audit(session)
        held = session.get(Consent, key)
        if held is not None and is_authentic(installed.row_keys, Consent, held):
            return
        if held is not None:
            rows.remove(name_row(Consent, held))
        row = sign_row(installed.row_keys, Consent, {**key, "given_at": now}, now)
        rows.add(name_row(Consent, row))
        upsert(session.connection(), Consent, [row])
        details = {"mini_app": slug, "version": version}
        who = student_number
        add_event(session, "consent_given", actor=who, subject=who, details=details, now=now, rows=rows)


def withdraw_consent(installed: InstalledMiniApp, student_number: str) -> None:
    """Take the consent back, and delete what departments said of the student. What was submitted stays: it was
    handed in while the consent held, and is the university's record.
    """
    slug = installed.mini_app.slug
    with write_transaction() as session:
        lock_audit(session)
        of_student = (Consent.mini_app == slug, Consent.student_number == student_number)
        rows = RowChange()
        for held in session.scalars(select(Consent).where(*of_student)):
            rows.remove(name_row(Consent, held))
        if not session.connection().execute(delete(Consent).where(*of_student)).rowcount:
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
            rows=rows,
        )
