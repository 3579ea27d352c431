"""A student's items as pages of staff show them: each as its rule judges what was last known, without what departments
hold for who may not see that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.domain.clearance import Status, StepState, Waived
from app.domain.slip import PrintedField
from app.domain.step import Step
from app.services.staff.student_states import UNASKED, WAIVABLE, get_status
from app.web.language import lazy_gettext as _l
from app.web.language import show_moment
from app.web.mini_app.statuses import LOOKS, StatusLook
from app.web.mini_app.view_data import list_records

UNASKED_LOOK = StatusLook(_l("尚未查询"), "…")


@dataclass(frozen=True, slots=True)
class ItemView:
    """An item. `since` is since when its status is known, `failing_since` since when its department gives no answer,
    `earlier` what it said before then and when; all in local time. `reasons` are pairs of what is wrong and what to do.
    """

    key: str
    title: str
    department: str
    status: str
    word: str
    sign: str
    since: str
    failing_since: str
    earlier: tuple[str, str] | None
    reasons: tuple[tuple[str, str], ...]
    records: tuple[tuple[PrintedField, ...], ...]
    waived: Waived | None
    may_waive: bool
    may_withdraw: bool


def get_look(status: str) -> StatusLook:
    """How a status of staff's pages looks."""
    return UNASKED_LOOK if status == UNASKED else LOOKS[Status(status)]


def view_item(
    step: Step, state: StepState, *, with_facts: bool, may_ask: bool, is_submitted: bool
) -> ItemView:
    """One item. `with_facts`: whether what the department holds is shown, `may_ask` whether waivers are offered, of which
    none is after submission.
    """
    status = get_status(state)
    look, is_changeable = get_look(status), may_ask and not is_submitted
    explain = step.explain if with_facts else step.explain_without_facts
    return ItemView(
        key=step.key,
        title=step.title,
        department=step.department,
        status=status,
        word=str(look.word),
        sign=look.sign,
        since=_show(state.learnt_at if state.reading else None),
        failing_since=_show(None if state.is_asking else state.failing_since),
        earlier=_view_earlier(state),
        reasons=_leave_out_actions(step, explain(state.finding, state.reading)),
        records=list_records(step, state.reading) if with_facts else (),
        waived=_view_waived(state.waived, with_reason=with_facts),
        may_waive=is_changeable and status in WAIVABLE,
        may_withdraw=is_changeable and state.waived is not None,
    )


def _leave_out_actions(step: Step, reasons: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Of a step at which students act themselves what to do next is said to them: nobody else can do it here."""
    return tuple(dict.fromkeys((what, "" if step.actions else to_do) for what, to_do in reasons))


def _view_waived(waived: Waived | None, *, with_reason: bool) -> Waived | None:
    """Why somebody need not do something may tell what is nobody's business."""
    return waived if waived is None or with_reason else Waived("", waived.granted_by)


def _view_earlier(state: StepState) -> tuple[str, str] | None:
    known = state.last_known
    if known is None or state.waived:
        return None
    return str(LOOKS[known.finding.status].word), show_moment(known.reading.learnt_at)


def _show(moment: datetime | None) -> str:
    return show_moment(moment) if moment else ""
