"""How the statuses of steps are shown: word, sign and, after a department was asked again, the tone of what it said. Their
colours are in `app/static/base.css`, by the status's own name; a slip's words in `app/services/slips/records.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.domain.clearance import Status, StepState
from app.web.language import lazy_gettext as _l

CHECKING = "checking"
"""The status of a step whose department is still being asked."""


@dataclass(frozen=True, slots=True)
class StatusLook:
    """`outcome` is how the answer is shown that somebody asked for: as the outcome of an action."""

    word: Any
    sign: str
    outcome: str = "unknown"


LOOKS = {
    Status.CLEARED: StatusLook(_l("通过"), "✓", "confirmed"),
    Status.OUTSTANDING: StatusLook(_l("未通过"), "✕", "refused"),
    Status.PENDING: StatusLook(_l("待审核"), "◎"),
    Status.WAITING: StatusLook(_l("待前项办结"), "○"),
    Status.UNAVAILABLE: StatusLook(_l("暂时无法查询"), "!"),
    Status.WAIVED: StatusLook(_l("豁免"), "✓", "confirmed"),
    Status.NOT_REQUIRED: StatusLook(_l("无需办理"), "—", "confirmed"),
    CHECKING: StatusLook(_l("正在查询"), "…"),
}


def get_shown_status(state: StepState) -> str:
    """The status as the page marks it."""
    return CHECKING if state.is_asking else str(state.status)
