"""Verification 核验: what a code on a slip is worth, asked of its signature and of the issued log.

A true signature is not enough: exactly this code must stand in the issued log, for a slip that has its submission. A
check reads one row, and of a code that was superseded one more. What the row cannot change, the signature and the
fields of a record that it signs, is remembered; the row, with the record, is read and the keys are asked each time.
Signed-in guards and clerks, and the command line, get all that is stored of the slip.
"""

from __future__ import annotations

import json
import logging
import secrets
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import Enum
from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import joinedload

from app.domain.errors import UnknownSlip
from app.domain.keys import KeyRing
from app.domain.slip import SlipRecord, mask_name, parse_slip_record
from app.domain.slip_code import (
    CheckedCode,
    MalformedCode,
    SlipCode,
    Verdict,
    check_slip_code,
    format_short_code,
    get_last_four,
    has_content,
    parse_short_code,
    parse_slip_code,
    sign_slip_code,
)
from app.domain.slip_log import CodeState
from app.domain.texts import fold_accents, fold_name
from app.extensions import db
from app.models import IssuedCode, Slip, SlipLogEntry, get_floor
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.slips.issued_keys import ForeignKidLook
from app.services.slips.lost_codes import LostLook
from app.services.slips.signing_keys import SlipKeyError
from app.services.verification.issued_codes import (
    UNKNOWN_VIEWER,
    LoggedCode,
    PublicSlip,
    RecentViewer,
    Verification,
    find_issued_code,
    is_revoked,
    load_record,
)
from app.services.verification.scan_log import LoggedScan, find_recent_viewer, list_scans

__all__ = [
    "FullSlip",
    "Likeness",
    "PublicSlip",
    "Verification",
    "compare_name",
    "get_full_view",
    "verify_code",
    "verify_short_code",
]

log = logging.getLogger(__name__)
REMEMBERED_SLIPS = 4096
INACTIVE: dict[str, Verdict] = {CodeState.REVOKED: Verdict.REVOKED, CodeState.SUPERSEDED: Verdict.SUPERSEDED}


class _ContentDiffers(Exception):
    """The record is not the one that the code was signed for."""


def verify_code(installation: Installation, text: str, address: str = "") -> Verification:
    """The verdict on a code's digits today. Without database or keys it is `status_unknown`, never `valid`. A check from
    the `address` that goes on is not counted as one before.
    """
    try:
        checked = _check(installation, text)
        if checked.verdict is Verdict.UNKNOWN_KEY or _is_disputed(installation, checked, text):
            return _judge_unproven(text, checked.verdict)
        if checked.code is None:
            return Verification(checked.verdict)
        viewer = _find_viewer(installation, address)
        short_code = _get_short_code(checked.code.slip_id)
        logged_code = find_issued_code(short_code, viewer)
        if logged_code is None:
            return _judge_missing(installation, checked.code, _lost.find_state(short_code))
        return _doubt(_judge(checked, text, logged_code))
    except (SQLAlchemyError, SlipKeyError) as error:
        return _give_up(error)


def verify_short_code(installation: Installation, typed: str, address: str = "") -> Verification:
    """The verdict on a short code as a person types it, see `verify_code`. An unknown one answers as an unknown code does and
    takes the same work: a code that this service never signed is checked in its place.
    """
    try:
        short_code = format_short_code(parse_short_code(typed))
        logged_code = find_issued_code(short_code, _find_viewer(installation, address))
        lost_state = None if logged_code else _lost.find_state(short_code)
        digits = logged_code.digits if logged_code else _get_decoy(installation)
        checked = _check(installation, digits)
        if lost_state is not None:
            return _judge_lost(lost_state)
        return _doubt(_judge(checked, digits, logged_code))
    except MalformedCode:
        return Verification(Verdict.MALFORMED)
    except (SQLAlchemyError, SlipKeyError) as error:
        return _give_up(error)


def _find_viewer(installation: Installation, address: str) -> RecentViewer:
    return find_recent_viewer(installation, address, get_now()) if address else UNKNOWN_VIEWER


class Likeness(Enum):
    """How much a typed name is like that on a slip; `nearly` is told from it by accents and tones alone."""

    SAME = "same"
    NEARLY = "nearly"
    OTHER = "other"


def compare_name(installation: Installation, digits: str, typed_name: str) -> Likeness:
    """How like the name is to the one on a slip that is valid now, as `fold_name` reads both. Takes the same time for every wrong name.

    Raises SQLAlchemyError when the database fails in the middle.
    """
    verification = verify_code(installation, digits)
    if verification.verdict is not Verdict.VALID or verification.slip_id is None:
        return Likeness.OTHER
    name, typed = fold_name(load_record(verification.slip_id).get_field("name")), fold_name(typed_name)
    is_same = compare_digest(_hash(name), _hash(typed))
    is_nearly = compare_digest(_hash(fold_accents(name)), _hash(fold_accents(typed)))
    if not name:
        return Likeness.OTHER
    return Likeness.SAME if is_same else Likeness.NEARLY if is_nearly else Likeness.OTHER


def get_full_view(installation: Installation, verification: Verification, address: str = "") -> FullSlip:
    """All of the slip that was verified from this address, for a signed-in guard or clerk. Raises UnknownSlip where no
    slip stands behind the code, and SQLAlchemyError without the database.
    """
    if verification.slip_id is None:
        raise UnknownSlip
    full = load_full_slip(verification.slip_id, verification.verdict)
    checks = list_scans(verification.slip_id, viewer=_find_viewer(installation, address))
    return replace(full, check_count=verification.check_count, checks=checks)


class _CheckedCodes:
    """What signed codes proved, under one ring of keys and on one day; only true signatures are kept, so that
    no flood of forgeries displaces them.
    """

    def __init__(self) -> None:
        self._held: tuple[tuple[str, KeyRing, date], dict[str, CheckedCode]] | None = None

    def check(self, text: str, host: str, ring: KeyRing, today: date) -> CheckedCode:
        """As `check_slip_code`."""
        held = self._held
        if held is None or held[0] != (host, ring, today):
            held = self._held = ((host, ring, today), {})
        codes = held[1]
        checked = codes.get(text)
        if checked is None:
            checked = check_slip_code(text, host, ring, today)
            if checked.code is not None:
                if len(codes) >= REMEMBERED_SLIPS:
                    codes.clear()
                codes[text] = checked
        return checked


_codes = _CheckedCodes()
_foreign_kids = ForeignKidLook()
_lost = LostLook()
_get_short_code = lru_cache(maxsize=REMEMBERED_SLIPS)(format_short_code)


def _check(installation: Installation, text: str) -> CheckedCode:
    today = installation.get_local_time(get_now()).date()
    ring = installation.slip_keys.current().ring
    return _codes.check(text, installation.settings.service.host, ring, today)


def _judge(checked: CheckedCode, digits: str, logged_code: LoggedCode | None) -> Verification:
    if logged_code is None or logged_code.digits != digits:
        return Verification(Verdict.NEVER_ISSUED)
    if checked.code is None:
        return _leave_open(logged_code)
    if logged_code.short_code != _get_short_code(checked.code.slip_id):
        return Verification(Verdict.NEVER_ISSUED)
    try:
        slip = _describe(checked.code, logged_code.record)
    except _ContentDiffers:
        log.error("record differs from its code", extra={"slip_row": logged_code.slip_id})
        return Verification(Verdict.NEVER_ISSUED)
    verdict = checked.verdict_if_issued
    if logged_code.state != CodeState.ISSUED:
        verdict = _judge_inactive(logged_code)
    return Verification(
        verdict,
        slip,
        digits,
        logged_code.check_count,
        logged_code.slip_id,
        mini_app=logged_code.mini_app,
    )


def _judge_missing(installation: Installation, code: SlipCode, lost_state: CodeState | None) -> Verification:
    """The verdict on a code that our key signed and the log does not hold. After a restore it may be a genuine one."""
    if lost_state is not None:
        return _judge_lost(lost_state)
    if _lost.may_include(code.issued_on, lambda moment: installation.get_local_time(moment).date()):
        return Verification(Verdict.STATUS_UNKNOWN, is_lost=True)
    return _doubt(Verification(Verdict.NEVER_ISSUED))


def _judge_lost(state: CodeState) -> Verification:
    verdict = Verdict.REVOKED if state is CodeState.REVOKED else Verdict.STATUS_UNKNOWN
    return Verification(verdict, is_lost=True)


def _doubt(verification: Verification) -> Verification:
    """The verdict, as long as the log has all that it once had: a slip may have been revoked or issued since."""
    if verification.verdict in (Verdict.VALID, Verdict.NEVER_ISSUED) and get_floor(db.engine).blocked:
        return Verification(Verdict.STATUS_UNKNOWN)
    return verification


def _judge_inactive(logged_code: LoggedCode) -> Verdict:
    """The verdict on a code that no longer counts. An earlier code of a revoked slip is revoked too: who says that
    there is a newer slip sends people for one that is worth nothing.
    """
    verdict = INACTIVE.get(logged_code.state, Verdict.STATUS_UNKNOWN)
    return Verdict.REVOKED if verdict is Verdict.SUPERSEDED and is_revoked(logged_code.slip_id) else verdict


def _is_disputed(installation: Installation, checked: CheckedCode, text: str) -> bool:
    """Whether the signature is not that of this host's key, and slips were signed under its kid by another key."""
    if checked.verdict is not Verdict.BAD_SIGNATURE:
        return False
    host, ring = installation.settings.service.host, installation.slip_keys.current().ring
    today = installation.get_local_time(get_now()).date()
    return _foreign_kids.includes(parse_slip_code(text).code.kid, db.engine, ring, host, today)


def _judge_unproven(text: str, otherwise: Verdict) -> Verification:
    """The verdict on a code under a key that this host does not have, not for that day, or another one of. If the log
    holds exactly this code, another host signed it and this one cannot tell; otherwise what the keys say holds.
    """
    logged_code = find_issued_code(_get_short_code(parse_slip_code(text).code.slip_id))
    if logged_code is None or logged_code.digits != text:
        return Verification(otherwise)
    return _leave_open(logged_code)


def _leave_open(logged_code: LoggedCode) -> Verification:
    """A code that the log holds and this host's keys do not prove: no word against its holder, and never valid."""
    log.error(
        "a code of the issued log is not proven by this host's keys", extra={"slip_row": logged_code.slip_id}
    )
    return Verification(Verdict.STATUS_UNKNOWN)


@lru_cache(maxsize=REMEMBERED_SLIPS)
def _describe(code: SlipCode, record: str) -> PublicSlip:
    """The public fields of a record, if it is the one that this code signs. Raises _ContentDiffers."""
    try:
        parsed = parse_slip_record(json.loads(record))
        is_same = has_content(code, parsed)
    except (ValueError, KeyError, TypeError) as error:
        raise _ContentDiffers from error
    if not is_same:
        raise _ContentDiffers
    return describe_publicly(parsed)


def describe_publicly(record: SlipRecord) -> PublicSlip:
    """The fields of a slip that are shown to a stranger."""
    return PublicSlip(
        title=record.title,
        masked_name=mask_name(record.get_field("name")),
        last_four=get_last_four(record.get_field("student_number")),
        college=record.get_field("college"),
        level=record.get_field("level"),
        issued_on=record.issued_on,
        number_label=record.get_label("student_number"),
        level_label=record.get_label("level"),
    )


def _get_decoy(installation: Installation) -> str:
    ring = installation.slip_keys.current().ring
    return _make_decoy(installation.settings.service.host, ring.keys[-1].kid)


@lru_cache(maxsize=8)
def _make_decoy(host: str, kid: int) -> str:
    """Digits of the right form under a key of the ring that did not sign them."""
    today = get_now().date()
    code = SlipCode(kid, secrets.token_bytes(10), today, None, 1, 0, bytes(16), "0000", "张*")
    return sign_slip_code(code, host, Ed25519PrivateKey.generate())


def _hash(text: str) -> bytes:
    return sha256(text.encode()).digest()


def _give_up(error: Exception) -> Verification:
    """A database error's own text holds the parameters, so that only its kind is logged."""
    log.error("issued log not readable", extra={"error": type(error).__name__})
    return Verification(Verdict.STATUS_UNKNOWN)


@dataclass(frozen=True, slots=True)
class LogLine:
    """What the issued log says of a code of the slip: since when, by whom and why. Times are UTC."""

    happened_at: datetime
    state: CodeState
    short_code: str
    kid: int
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class FullSlip:
    """`verdict` is that on the code that was asked about, None where a slip was asked about by its number.
    `history` is the issued log's part of it, oldest first; `checks` the newest checks first.
    """

    verdict: Verdict | None
    number: str
    mini_app: str
    record: SlipRecord
    state: CodeState
    submitted_at: datetime
    history: tuple[LogLine, ...]
    check_count: int
    checks: tuple[LoggedScan, ...]

    @property
    def reason(self) -> str:
        """Why the slip is in its state; empty for one that was issued and nothing else."""
        return self.history[-1].reason


def load_full_slip(slip_id: int, verdict: Verdict | None = None) -> FullSlip:
    """The slip of this row. Raises UnknownSlip."""
    query = select(Slip).where(Slip.id == slip_id)
    slip = db.session.scalar(query.options(joinedload(Slip.submission)))
    if slip is None:
        raise UnknownSlip
    return _describe_slip(slip, verdict)


def get_full_slip(number: str) -> FullSlip:
    """The slip of this number. Raises UnknownSlip."""
    query = select(Slip).where(Slip.number == number)
    slip = db.session.scalar(query.options(joinedload(Slip.submission)))
    if slip is None:
        raise UnknownSlip(number)
    return _describe_slip(slip, None)


def _describe_slip(slip: Slip, verdict: Verdict | None) -> FullSlip:
    return FullSlip(
        verdict=verdict,
        number=slip.number,
        mini_app=slip.submission.mini_app,
        record=parse_slip_record(slip.record),
        state=CodeState(slip.codes[-1].state),
        submitted_at=slip.submission.submitted_at,
        history=_list_history(slip.id),
        check_count=slip.check_count,
        checks=list_scans(slip.id),
    )


def _list_history(slip_id: int) -> tuple[LogLine, ...]:
    query = (
        select(SlipLogEntry, IssuedCode.kid)
        .join(IssuedCode, IssuedCode.short_code == SlipLogEntry.short_code)
        .where(IssuedCode.slip_id == slip_id)
        .order_by(SlipLogEntry.sequence)
    )
    return tuple(
        LogLine(entry.happened_at, CodeState(entry.state), entry.short_code, kid, entry.actor, entry.reason)
        for entry, kid in db.session.execute(query)
    )
