"""Codes of slips: signed with the present key, given a place in the status list, entered in the issued log; and, when
they count no more, entered again. The one way in which submissions, slips, codes and entries come together: at a
submission, and when a slip is revoked or reissued, audited and with a reason.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, bindparam, insert, select, union_all, update

from app.domain.decisions import require_other
from app.domain.errors import SlipRevoked, UnknownSlip
from app.domain.slip import SlipRecord, get_content_digest, mask_name, parse_slip_record
from app.domain.slip_code import DEPARTURE_SLIP, SlipCode, format_short_code, get_last_four, sign_slip_code
from app.domain.slip_log import CodeState
from app.extensions import DatabaseSession, db
from app.models import IssuedCode, LostCode, Sender, Slip, retry_conflicts, write_transaction
from app.services.audit import ALONE_BY_COMMAND, add_event
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.slips.issued_log import ISSUED_LOG, CodeRows, Values, find_newest_code, log_code

LEAST_LIST_SIZE = 131_072

_CODES, _SLIPS = cast("Table", IssuedCode.__table__), cast("Table", Slip.__table__)
_LOST = cast("Table", LostCode.__table__)
_ADD_SLIP = insert(_SLIPS).values(check_count=0).returning(_SLIPS.c.id)
_ADD_CODE = insert(_CODES)
_SET_STATE = update(_CODES).where(_CODES.c.id == bindparam("code_id"))
_FIND_PLACE = union_all(
    select(_CODES.c.status_index).where(_CODES.c.status_index == bindparam("place")),
    select(_LOST.c.status_index).where(_LOST.c.status_index == bindparam("place")),
)
"""Built once: to build them costs more than to run them."""


def sign_code(
    sender: Sender, installation: Installation, mini_app: str, record: SlipRecord, now: datetime
) -> dict[str, Any]:
    """A new code for a slip of the mini-app with this slug, with a place in the status list that is free now;
    `issue_code` stores it.

    Raises NoSigningKey, or SlipKeyError while the keys cannot be used.
    """
    kid, signer = installation.slip_keys.current().get_signer(installation.get_local_time(now))
    expires_on = _find_last_day(installation, mini_app, installation.get_local_time(now).date())
    code = _make_code(installation, record, kid, _choose_status_index(sender), now, expires_on)
    return {
        "short_code": format_short_code(code.slip_id),
        "digits": sign_slip_code(code, installation.settings.service.host, signer),
        "kid": kid,
        "status_index": code.status_index,
        "state": CodeState.ISSUED,
        "issued_at": now,
    }


def issue_slip(sender: Sender, submission: Values, record: SlipRecord, code: Values, now: datetime) -> None:
    """Add the slip of a stored submission and its signed code to the transaction."""
    slip = {
        "number": record.number,
        "submission_id": submission["id"],
        "record": record.to_json(),
        "issued_at": now,
    }
    slip["id"] = sender.execute(_ADD_SLIP, slip).scalar_one()
    issue_code(
        sender, CodeRows(code, slip, submission), actor=submission["student_number"], reason="", now=now
    )


def issue_code(sender: Sender, rows: CodeRows, *, actor: str, reason: str, now: datetime) -> None:
    """Enter a new code of a stored slip in the log and add it to the transaction. A place that another code has taken
    meanwhile is an IntegrityError.
    """
    sequence = log_code(sender, rows, CodeState.ISSUED, actor=actor, reason=reason, now=now)
    sender.execute(_ADD_CODE, {**rows.code, "slip_id": rows.slip["id"], "log_sequence": sequence})


def end_code(
    sender: Sender, rows: CodeRows, state: CodeState, *, actor: str, reason: str, now: datetime
) -> None:
    """Enter in the log that a stored code was revoked or superseded, and let its row repeat it."""
    log_code(sender, rows, state, actor=actor, reason=reason, now=now)
    sender.execute(_SET_STATE, {"code_id": rows.code["id"], "state": state})


def _find_last_day(installation: Installation, mini_app: str, today: date) -> date | None:
    """Until when a slip of today is valid: by what its mini-app says of its own slips, or else by what holds for all."""
    chosen = installation.settings.mini_apps.get(mini_app)  # one may be gone whose slips are reissued
    own = chosen.slip_valid_days if chosen else None
    days = installation.settings.slip.validity_days if own is None else own
    return today + timedelta(days=days) if days else None


def _make_code(
    installation: Installation,
    record: SlipRecord,
    kid: int,
    index: int,
    now: datetime,
    expires_on: date | None,
) -> SlipCode:
    today = installation.get_local_time(now).date()
    slip_id = secrets.token_bytes(10)
    return SlipCode(
        kid=kid,
        slip_id=slip_id,
        issued_on=today,
        expires_on=expires_on,
        document_type=DEPARTURE_SLIP,
        status_index=index,
        content_digest=get_content_digest(slip_id, record),
        last_four=get_last_four(record.get_field("student_number")),
        masked_name=mask_name(record.get_field("name")),
    )


def _choose_status_index(sender: Sender) -> int:
    size = get_list_size(ISSUED_LOG.read_head(sender)["sequence"] + 1)
    while True:
        index = secrets.randbelow(size)
        if sender.execute(_FIND_PLACE, {"place": index}).first() is None:
            return index


def get_list_size(entries: int) -> int:
    """How many places the status list has when the log has so many entries: 131,072, doubled until at least
    half of the places are free, so that a free one is soon found.
    """
    size = LEAST_LIST_SIZE
    while size < 2 * entries:
        size *= 2
    return size


class UnknownKey(LookupError):
    """There is no key of this kid here, and no slip that it signed."""


class KeyStillSigns(Exception):
    """New codes would be signed with the very key whose codes are to be replaced."""


@retry_conflicts
def revoke_slip(number: str, *, reason: str, by: str) -> None:
    """Revoke a slip for ever: the command line's way, by one person. `by` is the staff number of who decided it.

    Raises UnknownSlip, OwnDecision or SlipRevoked.
    """
    with write_transaction() as session:
        end_slip(session, number, reason=reason, by=by, told=ALONE_BY_COMMAND, now=get_now())


def end_slip(
    session: DatabaseSession,
    number: str,
    *,
    reason: str,
    by: str,
    told: Mapping[str, Any],
    now: datetime,
    short_code: str = "",
) -> None:
    """The same within a transaction that holds nothing yet that others wait for, or the issued log's head. `told` goes
    into the event: how many decided it, and by which way. With a `short_code` only the slip's newest code of this name is
    revoked: else SlipRevoked.
    """
    rows = _get_code_in_force(session, number)
    if short_code and rows.code["short_code"] != short_code:
        raise SlipRevoked(number)
    require_other(by, (rows.submission["person_number"],))
    end_code(session, rows, CodeState.REVOKED, actor=by, reason=reason, now=now)
    _add_event(session, "slip_revoked", number, reason, by, now, told)


@retry_conflicts
def reissue_slip(
    installation: Installation, number: str, *, reason: str, by: str, is_one_of_many: bool = False
) -> None:
    """Give a slip a new code under the present key; the old one is superseded. The record stays as it is, and
    the validity is that of a slip of today. Of many, one may be the slip of who decides.

    Raises UnknownSlip, OwnDecision, SlipRevoked, NoSigningKey or SlipKeyError.
    """
    now = get_now()
    with write_transaction() as session:
        rows = _get_code_in_force(session, number)
        if not is_one_of_many:
            require_other(by, (rows.submission["person_number"],))
        end_code(session, rows, CodeState.SUPERSEDED, actor=by, reason=reason, now=now)
        record = parse_slip_record(rows.slip["record"])
        new_code = sign_code(session, installation, rows.submission["mini_app"], record, now)
        issue_code(session, rows._replace(code=new_code), actor=by, reason=reason, now=now)
        _add_event(session, "slip_reissued", number, reason, by, now, ALONE_BY_COMMAND)


def count_codes_of_key(kid: int) -> int:
    """How many standing codes this key signed."""
    return len(_list_numbers(kid))


def reissue_key(installation: Installation, kid: int, *, reason: str, by: str) -> Iterator[str]:
    """Reissue every slip whose standing code this key signed, each in a transaction of its own, and yield its
    number. Broken off, it goes on where it was when it is run again.

    Raises UnknownKey, KeyStillSigns, NoSigningKey or SlipKeyError.
    """
    moment = installation.get_local_time(get_now())
    ring, numbers = installation.slip_keys.current().ring, _list_numbers(kid)
    if not numbers and ring.get_key(kid) is None:
        raise UnknownKey(kid)
    if ring.get_signing_kid(moment) == kid:
        raise KeyStillSigns(kid)
    for number in numbers:
        reissue_slip(installation, number, reason=reason, by=by, is_one_of_many=True)
        yield number


def _list_numbers(kid: int) -> list[str]:
    query = (
        select(Slip.number)
        .join(Slip.codes)
        .where(IssuedCode.kid == kid, IssuedCode.state == CodeState.ISSUED)
        .order_by(IssuedCode.id)
    )
    return list(db.session.scalars(query))


def _get_code_in_force(session: DatabaseSession, number: str) -> CodeRows:
    """The newest code of a slip, in a transaction that no other writer of the log overtakes."""
    ISSUED_LOG.lock(session)
    rows = find_newest_code(session, number)
    if rows is None:
        raise UnknownSlip(number)
    if rows.code["state"] != CodeState.ISSUED:
        raise SlipRevoked(number)
    return rows


def _add_event(
    session: DatabaseSession,
    kind: str,
    number: str,
    reason: str,
    by: str,
    now: datetime,
    told: Mapping[str, Any],
) -> None:
    add_event(session, kind, actor=by, subject=number, details={"reason": reason, **told}, now=now)
