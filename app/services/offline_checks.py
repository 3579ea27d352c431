"""Checks that a gate made without a network and sends afterwards: each counts once, by the id it was given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.domain.slip_code import MalformedCode, Verdict, format_short_code, parse_slip_code
from app.models import SlipCheck, write_transaction
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.slip_checks import Viewer, make_row, store_checks
from app.services.standing import Verification, find_standing

OLDEST = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class OfflineCheck:
    """`offline_id` is the gate's own, at most 36 characters; `digits` what was scanned; `verdict` what the
    gate said then; `checked_at` by the gate's clock.
    """

    offline_id: str
    digits: str
    verdict: Verdict
    checked_at: datetime


def record_offline_checks(installation: Installation, checks: Iterable[OfflineCheck], address: str) -> int:
    """Log the checks whose ids are new, in one transaction, and return how many they were. A check that claims
    a later time than now was made now, and none is more than a year old.
    """
    rows = {check.offline_id: _make_row(installation, check, address) for check in checks}
    try:
        return _store_new(rows)
    except IntegrityError:  # the same checks came twice at once; the others stand by now
        return _store_new(rows)


def _make_row(installation: Installation, check: OfflineCheck, address: str) -> dict[str, Any]:
    verification = Verification(check.verdict, slip_id=_find_slip_id(check.digits))
    row = make_row(installation, verification, Viewer.OFFLINE, address, get_now())
    now = row["checked_at"]
    checked_at = max(min(check.checked_at, now), now - OLDEST)
    return {**row, "checked_at": checked_at, "offline_id": check.offline_id}


def _find_slip_id(digits: str) -> int | None:
    try:
        standing = find_standing(format_short_code(parse_slip_code(digits).code.slip_id))
    except MalformedCode:
        return None
    return standing.slip_id if standing and standing.digits == digits else None


def _store_new(rows: dict[str, dict[str, Any]]) -> int:
    with write_transaction() as session:
        query = select(SlipCheck.offline_id).where(SlipCheck.offline_id.in_(rows))
        known = set(session.scalars(query))
        new = [row for offline_id, row in rows.items() if offline_id not in known]
        if new:
            store_checks(session.connection(), new)
    return len(new)
