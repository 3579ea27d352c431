"""Codes of slips: signed with the present key, given a place in the status list, entered in the issued log."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import select

from app.domain.slip import SlipRecord, get_content_digest, mask_name, parse_slip_record
from app.domain.slip_code import (
    DEPARTURE_SLIP,
    SlipCode,
    format_short_code,
    get_last_four,
    sign_slip_code,
)
from app.domain.slip_log import CodeState
from app.extensions import DatabaseSession
from app.models import IssuedCode, Slip
from app.services.installation import Installation
from app.services.slip_log import lock_log, log_issued_code

LEAST_LIST_SIZE = 131_072


def issue_code(
    session: DatabaseSession,
    installation: Installation,
    slip: Slip,
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> IssuedCode:
    """Sign a new code for a slip, enter it in the log, and add it to the transaction.

    Raises NoSigningKey, or SlipKeyError while the keys cannot be used.
    """
    today = installation.get_local_time(now).date()
    kid, signer = installation.slip_keys.current().get_signer(today)
    index = _choose_status_index(session)
    code = _make_code(installation, parse_slip_record(slip.record), kid, index, now)
    issued = IssuedCode(
        short_code=format_short_code(code.slip_id),
        digits=sign_slip_code(code, installation.settings.service.host, signer),
        kid=kid,
        status_index=index,
        state=CodeState.ISSUED,
        issued_at=now,
    )
    log_issued_code(session, issued, slip, actor=actor, reason=reason, now=now)
    slip.codes.append(issued)
    return issued


def _make_code(
    installation: Installation, record: SlipRecord, kid: int, index: int, now: datetime
) -> SlipCode:
    today = installation.get_local_time(now).date()
    validity_days = installation.settings.slip.validity_days
    slip_id = secrets.token_bytes(10)
    return SlipCode(
        kid=kid,
        slip_id=slip_id,
        issued_on=today,
        expires_on=today + timedelta(days=validity_days) if validity_days else None,
        document_type=DEPARTURE_SLIP,
        status_index=index,
        content_digest=get_content_digest(slip_id, record),
        last_four=get_last_four(record.get_field("student_number")),
        masked_name=mask_name(record.get_field("name")),
    )


def _choose_status_index(session: DatabaseSession) -> int:
    size = get_list_size(lock_log(session).sequence + 1)
    while True:
        index = secrets.randbelow(size)
        if session.scalar(select(IssuedCode.id).where(IssuedCode.status_index == index)) is None:
            return index


def get_list_size(entries: int) -> int:
    """How many places the status list has when the log has so many entries: 131,072, doubled until at least
    half of the places are free, so that a free one is soon found.
    """
    size = LEAST_LIST_SIZE
    while size < 2 * entries:
        size *= 2
    return size
