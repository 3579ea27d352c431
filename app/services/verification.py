"""Verification 核验: what a code on a slip is worth, asked of its signature and of the issued log.

A true signature is not enough: the slip must stand in the issued log. The hot path reads one row by Core.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlalchemy import RowMapping, select
from sqlalchemy.exc import SQLAlchemyError

from app.domain.slip import SlipRecord, mask_name, parse_slip_record
from app.domain.slip_code import Verdict, check_slip_code, format_short_code, get_last_four, has_content
from app.extensions import db
from app.models import CodeState, IssuedCode, Slip
from app.services.clock import get_now
from app.services.installation import Installation

log = logging.getLogger(__name__)

_ISSUED = select(IssuedCode.digits, IssuedCode.state, Slip.record).join(Slip, Slip.id == IssuedCode.slip_id)


@dataclass(frozen=True, slots=True)
class PublicSlip:
    """What a stranger may see of a slip."""

    title: str
    masked_name: str
    last_four: str
    college: str
    level: str
    issued_on: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The verdict, and the public fields where the slip was found behind a true signature."""

    verdict: Verdict
    slip: PublicSlip | None = None


def verify_code(installation: Installation, text: str) -> Verification:
    """The verdict on a code's digits today."""
    service = installation.settings.service
    today = installation.get_local_time(get_now()).date()
    checked = check_slip_code(text, service.host, installation.slip_keys.current().ring, today)
    if checked.code is None:
        return Verification(checked.verdict)
    try:
        row = _find_issued(format_short_code(checked.code.slip_id))
    except SQLAlchemyError:
        log.exception("issued log not readable", extra={"verdict": str(Verdict.STATUS_UNKNOWN)})
        return Verification(Verdict.STATUS_UNKNOWN)
    if row is None or row["digits"] != text:
        return Verification(Verdict.NEVER_ISSUED)
    record = parse_slip_record(row["record"])
    if not has_content(checked.code, record):
        return Verification(Verdict.NEVER_ISSUED)
    return Verification(_judge_state(row["state"], checked.verdict_if_issued), describe_publicly(record))


def _find_issued(short_code: str) -> RowMapping | None:
    with db.engine.connect() as connection:
        return connection.execute(_ISSUED.where(IssuedCode.short_code == short_code)).mappings().first()


def _judge_state(state: str, verdict: Verdict) -> Verdict:
    if state == CodeState.ISSUED:
        return verdict
    return Verdict.REVOKED if state == CodeState.REVOKED else Verdict.SUPERSEDED


def describe_publicly(record: SlipRecord) -> PublicSlip:
    """The fields of a slip that are shown to a stranger."""
    return PublicSlip(
        title=record.title,
        masked_name=mask_name(record.get_field("name")),
        last_four=get_last_four(record.get_field("student_number")),
        college=record.get_field("college"),
        level=record.get_field("level"),
        issued_on=record.issued_on,
    )
