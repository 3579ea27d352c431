"""What a slip is worth to its holder, read from the issued log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from app.domain.slip_log import CodeState


class SlipState(StrEnum):
    """A reissued slip is valid by its newest code alone: earlier printouts are void."""

    VALID = "valid"
    REISSUED = "reissued"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """An entry of the issued log about one of a slip's codes."""

    state: CodeState
    happened_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class SlipStatus:
    """`since` is when a slip was revoked or reissued (UTC), `reason` why it was revoked, `expires_on` the last
    day of a slip that has one.
    """

    state: SlipState
    since: datetime | None = None
    reason: str = ""
    expires_on: date | None = None


def judge_slip(
    changes: Sequence[LoggedChange], row_state: CodeState, expires_on: date | None, today: date
) -> SlipStatus:
    """The status of a slip whose codes have these entries, oldest first. As at a verification, its newest code
    counts only where the log and the code's row both say so.
    """
    newest = changes[-1]
    if newest.state is not CodeState.ISSUED or row_state is not CodeState.ISSUED:
        reason = newest.reason if newest.state is CodeState.REVOKED else ""
        return SlipStatus(SlipState.REVOKED, newest.happened_at, reason)
    if expires_on is not None and expires_on < today:
        return SlipStatus(SlipState.EXPIRED, expires_on=expires_on)
    if sum(change.state is CodeState.ISSUED for change in changes) > 1:
        return SlipStatus(SlipState.REISSUED, newest.happened_at, expires_on=expires_on)
    return SlipStatus(SlipState.VALID, expires_on=expires_on)
