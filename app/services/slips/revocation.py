"""What happens to a slip after it was issued: revoked, or reissued with a new code. Audited, with reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select

from app.domain.decisions import require_other
from app.domain.errors import SlipRevoked, UnknownSlip
from app.domain.slip import parse_slip_record
from app.domain.slip_log import CodeState
from app.extensions import DatabaseSession, db
from app.models import IssuedCode, Slip, retry_conflicts, write_transaction
from app.services.audit import add_event
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.slips.issued_log import ISSUED_LOG, CodeRows, find_newest_code
from app.services.slips.issuing import end_code, issue_code, sign_code


class UnknownKey(LookupError):
    """There is no key of this kid here, and no slip that it signed."""


class KeyStillSigns(Exception):
    """New codes would be signed with the very key whose codes are to be replaced."""


@retry_conflicts
def revoke_slip(number: str, *, reason: str, by: str) -> None:
    """Revoke a slip for ever. `by` is the staff number of who decided it.

    Raises UnknownSlip, OwnDecision or SlipRevoked.
    """
    now = get_now()
    with write_transaction() as session:
        rows = _get_code_in_force(session, number)
        require_other(by, (rows.submission["person_number"],))
        end_code(session, rows, CodeState.REVOKED, actor=by, reason=reason, now=now)
        _add_event(session, "slip_revoked", number, reason, by, now)


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
        new_code = sign_code(session, installation, parse_slip_record(rows.slip["record"]), now)
        issue_code(session, rows._replace(code=new_code), actor=by, reason=reason, now=now)
        _add_event(session, "slip_reissued", number, reason, by, now)


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


def _add_event(session: DatabaseSession, kind: str, number: str, reason: str, by: str, now: datetime) -> None:
    add_event(session, kind, actor=by, subject=number, details={"reason": reason}, now=now)
