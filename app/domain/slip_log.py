"""The issued log 签发记录: every code that was signed for a slip, and what became of it. Append-only.

Format 1. An entry has a sequence number (1, 2, 3 ...), the moment, the state that it gives a code, the code's
short code, the content hash, who did it and why, the previous entry's hash, and its own:

    chain hash = SHA-256 of the canonical JSON of all the others, in hex; the first entry follows 64 zeros.
    content hash = SHA-256 of the canonical JSON of {"code", "slip", "submission"}, in hex: the issued code,
                   the slip's number and record, and the submission with its evidence.

`app.domain.hash_chain` says what canonical JSON is. A state is never changed in silence: a revoked or superseded
code has a further entry, with the same content hash. Every status list carries the newest hash.

An entry `restored` is about no code: a backup was restored, and the log goes on above all numbers that were ever given
out, so that it alone may leave numbers out. Its content hash is that of the codes that the backup lacks.

From it follows what a slip is worth to its holder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from app.domain.hash_chain import get_hash

ENTRY_KEYS = (
    "sequence",
    "happened_at",
    "state",
    "short_code",
    "content_hash",
    "actor",
    "reason",
    "previous_hash",
)
CODE_KEYS = ("short_code", "digits", "kid", "status_index", "issued_at")
SLIP_KEYS = ("number", "record", "issued_at")
SUBMISSION_KEYS = ("mini_app", "period", "student_number", "student", "evidence", "submitted_at")


class CodeState(StrEnum):
    """What became of an issued code, as the newest entry about it says."""

    ISSUED = "issued"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"


RESTORED = "restored"
"""The state of an entry about no code."""
LOST_KEYS = ("log_sequence", "state", "code_hash", "number", "status_index")


def get_chain_hash(entry: Mapping[str, Any]) -> str:
    """The hash of an entry, which has at least the keys of ENTRY_KEYS."""
    return get_hash({key: entry[key] for key in ENTRY_KEYS})


def get_content_hash(code: Mapping[str, Any], slip: Mapping[str, Any], submission: Mapping[str, Any]) -> str:
    """The hash of what a code was issued for; each argument has at least the keys named above."""
    return get_hash(
        {
            "code": {key: code[key] for key in CODE_KEYS},
            "slip": {key: slip[key] for key in SLIP_KEYS},
            "submission": {key: submission[key] for key in SUBMISSION_KEYS},
        }
    )


def get_lost_hash(lost: Iterable[Mapping[str, Any]]) -> str:
    """The content hash of an entry `restored`: of the lost codes by their sequence, each with at least LOST_KEYS."""
    rows = sorted(lost, key=lambda row: (row["log_sequence"], row["code_hash"]))
    return get_hash({"lost": [[row[key] for key in LOST_KEYS] for row in rows]})


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
