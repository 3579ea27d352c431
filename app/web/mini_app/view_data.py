"""Plain view data for the pages of a mini-app: everything a template shows, ready as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.connectors.base import FailureCode
from app.domain.applies import list_told
from app.domain.clearance import PASSING, CachedResult, FactValue, Reading, Status, StepState, Waived
from app.domain.office import Link
from app.domain.person import Person
from app.domain.slip import PrintedField
from app.domain.step import FactSpec, Step
from app.services.clearance.judging import TOO_OFTEN
from app.services.clearance.unasked import UNDECIDED
from app.services.installation import InstalledMiniApp
from app.web.language import gettext, localized, show_day, show_moment
from app.web.mini_app.statuses import CHECKING, LOOKS, get_shown_status
from app.web.offices import OfficeView, view_office
from app.web.page_context import get_installation, url_for
from app.web.slip_texts import SlipStateView

NO_ENTRY = (FailureCode.NO_ENTRY, FailureCode.NOT_COMPLETE)
"""The faults of a desk that has recorded nothing of a person."""
BLANK = "…"
AT_ONCE = timedelta(minutes=1)
"""How far apart answers may be that count as of one time."""


@dataclass(frozen=True, slots=True)
class ReasonView:
    """One thing that is missing, and what to do about it."""

    message: str
    next_step: str


@dataclass(frozen=True, slots=True)
class ActionView:
    """An action that is offered now."""

    key: str
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class EarlierView:
    """What a department that does not answer now said before, and when (local time)."""

    word: str
    learnt_at: str
    records: tuple[tuple[PrintedField, ...], ...]


@dataclass(frozen=True, slots=True)
class AheadView:
    """A step that must pass before another one is asked."""

    key: str
    title: str


@dataclass(frozen=True, slots=True)
class StepView:
    """A step as the page shows it. `records` holds the facts, one tuple for each record of the system;
    `own_time` is when its department answered (local time), where that is not the page's time; `reasons` is empty
    unless the step is outstanding or pending; `earlier`, `failing_since` and `stale_as_of` are there only for a step that cannot
    be asked now; status `checking` means that the department's answer is still awaited. `kept_as_of` is the time of an
    earlier answer that is shown because the person had departments asked too often. `number_label` is what the person's
    number is called. `ahead` are the steps before it that do not pass yet; `refresh_url` is empty where no department
    would be asked, `desk_code_url` where nothing is to be done at a counter.
    """

    key: str
    title: str
    department: str
    status: str
    word: str
    sign: str
    records: tuple[tuple[PrintedField, ...], ...]
    note: str
    reasons: tuple[ReasonView, ...]
    office: OfficeView
    links: tuple[Link, ...]
    own_time: str
    refresh_url: str
    actions: tuple[ActionView, ...]
    earlier: EarlierView | None
    failing_since: str
    stale_as_of: str
    kept_as_of: str
    waived: Waived | None
    number_label: str
    ahead: tuple[AheadView, ...] = ()
    desk_code_url: str = ""


@dataclass(frozen=True, slots=True)
class ClearanceView:
    """The clearance page: the person's fields, the steps in order, when their departments were asked (local time), and
    how far the person is. `unprintable` names what no font holds of a person who has no slip yet.
    """

    fields: tuple[PrintedField, ...]
    steps: tuple[StepView, ...]
    asked_at: str
    slip_number: str | None
    slip_state: SlipStateView | None
    unprintable: tuple[str, ...] = ()

    @property
    def is_checking(self) -> bool:
        """Whether a department's answer is still awaited."""
        return any(step.status == CHECKING for step in self.steps)

    @property
    def passed(self) -> tuple[StepView, ...]:
        """The steps that are for this student and pass."""
        return tuple(step for step in self.steps if step.status in (Status.CLEARED, Status.WAIVED))

    @property
    def awaited(self) -> tuple[StepView, ...]:
        """The steps whose departments are being asked."""
        return tuple(step for step in self.steps if step.status == CHECKING)

    @property
    def left(self) -> tuple[StepView, ...]:
        """What is left to do: first what a department said no to, then what only waiting helps."""
        return self.outstanding + self.unavailable + self.pending + self.waiting

    @property
    def missing(self) -> tuple[StepView, ...]:
        """The steps that are not known to pass."""
        return tuple(step for step in self.steps if step.status not in PASSING)

    @property
    def not_required(self) -> tuple[StepView, ...]:
        """The steps that are not for this student."""
        return tuple(step for step in self.steps if step.status == Status.NOT_REQUIRED)

    @property
    def required(self) -> tuple[StepView, ...]:
        """The steps that are for this student: those that are counted."""
        return tuple(step for step in self.steps if step.status != Status.NOT_REQUIRED)

    @property
    def waiting(self) -> tuple[StepView, ...]:
        """The steps that are not asked before others pass."""
        return tuple(step for step in self.steps if step.status == Status.WAITING)

    @property
    def outstanding(self) -> tuple[StepView, ...]:
        """The steps of which a department said that they do not pass."""
        return tuple(step for step in self.steps if step.status == Status.OUTSTANDING)

    @property
    def pending(self) -> tuple[StepView, ...]:
        """The steps on which a department is still to decide."""
        return tuple(step for step in self.steps if step.status == Status.PENDING)

    @property
    def kept(self) -> tuple[StepView, ...]:
        """The steps that show an earlier answer, and were not asked now."""
        return tuple(step for step in self.steps if step.kept_as_of)

    @property
    def unavailable(self) -> tuple[StepView, ...]:
        """The steps that cannot be asked now, of which nothing is known."""
        return tuple(step for step in self.steps if step.status == Status.UNAVAILABLE)


def view_clearance(
    installed: InstalledMiniApp,
    person: Person,
    fields: tuple[PrintedField, ...],
    states: Mapping[str, StepState],
    slip_number: str | None,
    slip_state: SlipStateView | None = None,
    unprintable: tuple[str, ...] = (),
) -> ClearanceView:
    """The whole page's data."""
    asked_at = find_common_time(state.learnt_at for state in states.values() if _is_askable(state))
    steps = tuple(
        view_step(
            installed,
            person,
            step,
            states[step.key],
            page_time=asked_at,
            is_submitted=slip_number is not None,
        )
        for step in installed.mini_app.steps
    )
    return ClearanceView(fields, steps, _show_moment(asked_at), slip_number, slip_state, unprintable)


def describe_asked(view: ClearanceView, step_key: str) -> dict[str, str]:
    """What is said of a step whose department was just asked again, by the state that the page shows."""
    step = next(step for step in view.steps if step.key == step_key)
    message = gettext("“%(title)s”已重新查询：%(word)s", title=step.title, word=step.word)
    return {"step": step_key, "outcome": LOOKS[step.status].outcome, "message": message}


def find_common_time(moments: Iterable[datetime | None]) -> datetime | None:
    """The moment at which the most of these were, give or take a minute; of several the last."""
    known = [moment for moment in moments if moment]
    return max(
        known,
        key=lambda moment: (sum(abs(moment - other) < AT_ONCE for other in known), moment),
        default=None,
    )


def view_step(
    installed: InstalledMiniApp,
    person: Person,
    step: Step,
    state: StepState,
    *,
    page_time: datetime | None = None,
    is_submitted: bool = False,
) -> StepView:
    """One step's data; nothing is offered to do once the student has submitted."""
    path, status = installed.mini_app.path, get_shown_status(state)
    step = step.adapt(list_told(person), installed.mini_app.person)
    office = step.get_office(state.reading or _get_earlier(state), person.college)
    is_askable = _is_askable(state)
    is_own_time = is_askable and (page_time is None or abs(state.learnt_at - page_time) >= AT_ONCE)
    return StepView(
        key=step.key,
        title=step.title,
        department=step.department,
        status=status,
        word=str(LOOKS[status].word),
        sign=LOOKS[status].sign,
        records=_list_blanks(step, state) if state.is_asking else list_records(step, state.reading),
        note=_get_note(installed, step, state, office.contact),
        reasons=tuple(ReasonView(*told) for told in step.explain(state.finding, state.reading)),
        office=view_office(office),
        links=step.links,
        own_time=_show_moment(state.learnt_at) if is_own_time else "",
        refresh_url=url_for("mini_app.refresh", app_path=path, step_key=step.key) if is_askable else "",
        actions=() if is_submitted else _list_actions(path, step, state),
        earlier=_view_earlier(step, state.last_known),
        failing_since=_show_moment(state.failing_since),
        stale_as_of=_show_moment(state.stale_as_of),
        kept_as_of=_show_moment(state.learnt_at) if state.is_kept else "",
        waived=state.waived,
        number_label=installed.mini_app.number_label,
        desk_code_url=_find_desk_code(installed, step, state) if not is_submitted else "",
        ahead=tuple(AheadView(key, installed.get_step(key).title) for key in state.waits_for),
    )


def _find_desk_code(installed: InstalledMiniApp, step: Step, state: StepState) -> str:
    """Where the code is that opens the item for a clerk, while there is something to be done at a counter."""
    is_open = step.key in installed.desks and not state.is_asking and state.status not in PASSING
    return url_for("desk_codes.show", app_path=installed.mini_app.path) if is_open else ""


def _is_askable(state: StepState) -> bool:
    """Whether a department is asked about the step: it is for the student as far as is known, and waits for no other."""
    return state.status not in (Status.NOT_REQUIRED, Status.WAITING) and state.fault != UNDECIDED


def _get_earlier(state: StepState) -> Reading | None:
    return state.last_known.reading if state.last_known else None


def _show_moment(moment: datetime | None) -> str:
    return show_moment(moment) if moment else ""


def _view_earlier(step: Step, known: CachedResult | None) -> EarlierView | None:
    if known is None:
        return None
    learnt_at = _show_moment(known.reading.learnt_at)
    return EarlierView(str(LOOKS[known.finding.status].word), learnt_at, list_records(step, known.reading))


def list_records(step: Step, reading: Reading | None) -> tuple[tuple[PrintedField, ...], ...]:
    """What a department holds, a tuple of labelled facts for each record."""
    if reading is None:
        return ()
    return tuple(
        tuple(
            PrintedField(fact.key, fact.label, _show_fact(fact, record.get(fact.key))) for fact in step.facts
        )
        for record in reading.records
    )


def _show_fact(fact: FactSpec, value: FactValue) -> str:
    return show_day(value) if isinstance(value, date) else localized(fact.format(value))


def _list_blanks(step: Step, state: StepState) -> tuple[tuple[PrintedField, ...], ...]:
    """The place of the answer that is awaited, so that nothing moves when it comes; unless an earlier one is shown."""
    if state.last_known is not None:
        return ()
    return (tuple(PrintedField(fact.key, fact.label, BLANK) for fact in step.facts),)


def _get_note(installed: InstalledMiniApp, step: Step, state: StepState, contact: str) -> str:
    if state.status is Status.NOT_REQUIRED:
        return step.not_required_says
    if state.status is Status.WAITING:
        return ""
    if state.fault == UNDECIDED and state.waived is None:
        return _tell_undecided(installed, state)
    if state.fault == TOO_OFTEN and state.waived is None:
        return gettext("您查询得过于频繁，这一项这次没有查询。请稍后重新查询。")
    if state.missing_key in installed.person_keys and state.waived is None:
        key = installed.person_keys[state.missing_key]
        return gettext(
            "学校没有提供您的%(label)s，该部门按它查询，所以这一项查不到，这不代表未通过。请退出后重新登录再查；仍查不到的，请联系%(contact)s。",
            label=localized(key.label),
            contact=localized(key.contact),
        )
    if state.fault in NO_ENTRY and state.waived is None:
        return gettext(
            "%(department)s还没有登记您的情况，所以这一项现在没有结果，这不代表未通过。请联系%(contact)s。",
            department=step.department,
            contact=contact,
        )
    if state.reading is None and state.waived is None and not state.is_asking:
        return gettext(
            "部门系统暂时没有给出可靠的答复，这不代表未通过。请稍后重新查询；一直查不到的，请联系该部门核对记录。"
        )
    if state.reading is None:
        return ""
    if not state.reading.records:
        return step.no_record_says
    return step.cleared_says if state.status is Status.CLEARED else ""


def _tell_undecided(installed: InstalledMiniApp, state: StepState) -> str:
    """What the sign-in does not tell, and whom to ask."""
    names = gettext("、").join(map(installed.mini_app.label_field, state.unknown))
    return gettext(
        "统一身份认证没有提供您的“%(names)s”，或提供的内容无法识别，所以不能判断这一项是否需要您办理，也没有向部门查询。"
        "这不代表未通过。请联系所在学院更正后重新登录，或联系：%(support)s",
        names=names,
        support=localized(get_installation().settings.service.support),
    )


def _list_actions(path: str, step: Step, state: StepState) -> tuple[ActionView, ...]:
    return tuple(
        ActionView(
            action.key,
            action.title,
            url_for("mini_app.confirm_action", app_path=path, step_key=step.key, action_key=action.key),
        )
        for action in step.list_offered(state.finding)
    )
