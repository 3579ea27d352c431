"""`/staff/grants` 授权: who may do what until when. A head lets a colleague stand in, an administrator gives and ends any
grant; others read their own. What was typed stands on the page again where it was not accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from app.domain.days import DayOutOfReach, read_day
from app.domain.decisions import MAX_REASON, MalformedReason, NobodysNumber, read_decider, read_reason
from app.domain.errors import NotFound, UnknownMiniApp, UnknownStep
from app.domain.giving import (
    DELEGABLE,
    MAX_DELEGATED_DAYS,
    CannotGive,
    Offer,
    find_next_friday,
    get_last_day,
    may_end,
)
from app.domain.person import MAX_LENGTH, MalformedNumber
from app.domain.staff import Grant, Right, Scope, StaffRole
from app.services.clock import get_now
from app.services.staff.doubts import Doubt, Doubtful, list_colleges
from app.services.staff.giving import (
    MAX_COLLEGE,
    MAX_PERIOD,
    Decider,
    end_grants,
    give_grant,
    read_scope,
)
from app.services.staff.granted import Granted, find_grant, list_granted
from app.services.staff.grants import find_names
from app.web.auth.access import current_person
from app.web.language import gettext, show_mini_app
from app.web.page_context import get_installation, url_for
from app.web.staff.access import get_grants, require, staff_required
from app.web.staff.grant_texts import DOUBTS, ROLES, STANDS_IN, describe_fault, describe_scope
from app.web.staff.home import render_staff

staff_grants = Blueprint("staff_grants", __name__)

GIVE = "give"
KEPT = ("number", "role", "own", "place", "college", "period", "until", "reason")
"""Fields that are on the page again as they were typed."""
SHORT_FORM = frozenset({"number", "role", "until", "reason"})
"""Those of a head's form where something can be mended."""


class FieldFault(Exception):
    """Something on a form is to be mended: at this field ("" for the form as a whole), and how."""

    def __init__(self, field: str, message: str, *, doubts: tuple[Doubt, ...] = ()) -> None:
        super().__init__(field)
        self.field = field
        self.message = message
        self.doubts = doubts


@dataclass(frozen=True, slots=True)
class FormState:
    """What a form shows that was not accepted: its name, what was typed, and what is to be mended where."""

    name: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)
    field: str = ""
    message: str = ""
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A grant as the page shows it: its role and scope in words, the last day (None: no end), whether the reader may
    extend and end it, and the days between which it may be extended.
    """

    granted: Granted
    role: str
    place: str
    last_day: date | None
    may_end: bool
    may_extend: bool
    earliest: date
    latest: date | None


@dataclass(frozen=True, slots=True)
class OwnPlace:
    """A grant of the reader's own from which a colleague may stand in: its id, where, and the latest last day."""

    id: int
    title: str
    roles: tuple[StaffRole, ...]
    latest: date


@staff_grants.get("/staff/grants")
@staff_required
def show() -> ResponseReturnValue:
    """The grants that the reader may see, and the form to give one."""
    return _show_page()


@staff_grants.post("/staff/grants")
@staff_required
def give() -> ResponseReturnValue:
    """Give a grant; a head lets a colleague stand in."""
    # Outside what one has a step does not exist, nor does the form for who gives nothing.
    scope = _read_scope()
    if isinstance(scope, FieldFault):
        require(Right.GRANT, Scope())
        return _show_page(_keep(GIVE, scope))
    require(Right.DELEGATE, scope)

    def act() -> str:
        role = _read_role()
        offer = Offer(_read_number(), role, scope, _read_until(), _read_reason())
        # Where one's own grant holds is nothing that one typed.
        is_own = {Doubt.COLLEGE, Doubt.PERIOD} if request.form.get("own") else set()
        accepts = is_own | {doubt for doubt in Doubt if request.form.get(doubt) == "1"}
        given = give_grant(get_installation(), offer, _get_decider(), accepts=accepts)
        return _make_address("extended" if given.is_extended else "given", given.grant.id)

    return _do(GIVE, act)


@staff_grants.post("/staff/grants/<int(max=2147483647):grant_id>/extend")
@staff_required
def extend(grant_id: int) -> ResponseReturnValue:
    """Let a grant hold until a later day."""
    grant = _require_grant(grant_id)

    def act() -> str:
        offer = Offer(grant.staff_number, grant.role, grant.scope, _read_until(), _read_reason())
        given = give_grant(get_installation(), offer, _get_decider(), accepts=tuple(Doubt))
        return _make_address("extended", given.grant.id)

    return _do(f"extend-{grant_id}", act)


@staff_grants.post("/staff/grants/<int(max=2147483647):grant_id>/end")
@staff_required
def end(grant_id: int) -> ResponseReturnValue:
    """End a grant, with those that were given from it."""
    _require_grant(grant_id)

    def act() -> str:
        end_grants(get_installation(), [grant_id], _get_decider(), _read_reason())
        return _make_address("ended", grant_id)

    return _do(f"end-{grant_id}", act)


def _require_grant(grant_id: int) -> Grant:
    """A grant within what the reader may give. Raises NotFound, or GrantEnded."""
    grant = find_grant(grant_id)
    if grant is None:
        raise NotFound
    require(Right.DELEGATE, grant.scope)
    return grant


def _do(name: str, act: Callable[[], str]) -> ResponseReturnValue:
    """Do what a form asks and go to the list, or show the form again with what is to be mended."""
    try:
        return redirect(act(), 303)
    except FieldFault as fault:
        return _show_page(_keep(name, fault))
    except CannotGive as fault:
        own_field, message = describe_fault(fault)
        return _show_page(_keep(name, FieldFault(own_field, message)))
    except Doubtful as fact:
        first = next(doubt for doubt in fact.doubts if request.form.get(doubt) != "1")
        own_field, message = DOUBTS[first]
        return _show_page(_keep(name, FieldFault(own_field, str(message), doubts=fact.doubts)))


def _keep(name: str, fault: FieldFault) -> FormState:
    typed = {key: request.form[key] for key in (*KEPT, *Doubt) if key in request.form}
    return FormState(name, typed, fault.field, fault.message, fault.doubts)


def _make_address(done: str, grant_id: int) -> str:
    return f"{url_for('staff_grants.show', done=done)}#grant-{grant_id}"


def _get_decider() -> Decider:
    person = current_person()
    return Decider(person.number, person.role)


def _read_scope() -> Scope | FieldFault:
    """Where the grant is to hold: as one of the reader's own, or by `place` (a mini-app's slug, and a step behind a
    slash) or `mini_app` and `step`, college and period. Raises NotFound for another's grant.
    """
    form = request.form
    if form.get("own"):
        # One that has ended names its scope too: whoever asks for that is told so.
        had = [*get_grants().standing, *(one.grant for one in get_grants().ended)]
        own = [one for one in had if one.allows(Right.DELEGATE) and str(one.id) == form["own"]]
        if not own:
            raise NotFound
        return own[0].scope
    mini_app, _, step = form.get("place", "").partition("/")
    mini_app, step = mini_app or form.get("mini_app", ""), step or form.get("step", "")
    try:
        return read_scope(get_installation(), mini_app, step, form.get("college", ""), form.get("period", ""))
    except CannotGive as fault:
        return FieldFault(*describe_fault(fault))
    except (UnknownMiniApp, UnknownStep):
        return FieldFault("place", gettext("没有这个服务或环节，请重新选择范围。"))


def _read_role() -> StaffRole:
    try:
        return StaffRole(request.form.get("role", ""))
    except ValueError:
        raise FieldFault("role", gettext("请选择角色。")) from None


def _read_number() -> str:
    try:
        # As it may be copied from a card or a list: 0042 0013.
        number = "".join(request.form.get("number", "").split())
        return read_decider(number, get_installation().settings.conventions)
    except NobodysNumber:
        raise FieldFault("number", gettext("这不是某一个人的工号，请填写同事的工号。")) from None
    except MalformedNumber:
        raise FieldFault("number", gettext("请填写工号：只有字母和数字，位数与工作证上一致。")) from None


def _read_until() -> date | None:
    text = request.form.get("until", "").strip()
    try:
        return read_day(text) if text else None
    except DayOutOfReach:
        raise FieldFault("until", gettext("没有这么远的日期，请核对年份。")) from None
    except ValueError:
        raise FieldFault("until", gettext("请按“年-月-日”填写日期，例如 2026-06-12。")) from None


def _read_reason() -> str:
    try:
        return read_reason(request.form.get("reason", ""), get_installation().settings.conventions)
    except MalformedReason:
        message = gettext(
            "请用文字填写原因，1 至 %(most)s 字。只有空格、标点，或“无”这样的字，不算原因。", most=MAX_REASON
        )
        raise FieldFault("reason", message) from None


def _list_delegable() -> list[Grant]:
    """The reader's own grants from which a colleague may stand in."""
    return [
        one
        for one in get_grants().list(Right.DELEGATE)
        if one.role in DELEGABLE and one.delegated_from is None
    ]


def _show_page(state: FormState | None = None) -> ResponseReturnValue:
    installation, grants, now = get_installation(), get_grants(), get_now()
    today = installation.get_local_time(now).date()
    listed = list_granted(installation, grants, now)
    standing = [_make_row(one, today) for one in listed.standing]
    told = (*listed.standing, *listed.ended)
    names = find_names(
        {one.granted_by for one in told}
        | {one.ended_by for one in listed.ended}
        | {one.grant.staff_number for one in told if not one.grant.name}
    )
    is_administrator = grants.allows(Right.GRANT)
    own_places = [] if is_administrator else [_make_place(one, today) for one in _list_delegable()]
    page = render_staff(
        "staff/grants.html",
        standing=standing,
        ended=[_make_row(one, today) for one in listed.ended],
        is_administrator=is_administrator,
        is_onward=not own_places and not is_administrator and bool(grants.list(Right.DELEGATE)),
        own_places=own_places,
        places=_list_places() if is_administrator else [],
        colleges=list_colleges() if is_administrator else [],
        configured=_list_configured() if is_administrator else [],
        roles=ROLES,
        stands_in=STANDS_IN,
        names=names,
        show_person=lambda number: f"{names[number]} {number}" if number in names else number,
        state=_place_state(state, standing),
        done=request.args.get("done", ""),
        today=today,
        friday=_choose_day(own_places, today),
        lengths={
            "number": MAX_LENGTH,
            "reason": MAX_REASON,
            "college": MAX_COLLEGE,
            "period": MAX_PERIOD,
        },
    )
    return page, 422 if state else 200


def _place_state(state: FormState | None, standing: list[GrantRow]) -> FormState:
    """What a form shows; what is to be mended on one that is not on the page any more is told above all."""
    if state is None:
        return FormState()
    if state.name == GIVE:
        is_there = get_grants().allows(Right.GRANT) or state.field in SHORT_FORM
    else:
        managed = {str(row.granted.grant.id) for row in standing if row.may_end}
        is_there = state.name.partition("-")[2] in managed
    return state if is_there else replace(state, field="")


def _make_row(granted: Granted, today: date) -> GrantRow:
    grants, grant = get_grants(), granted.grant
    zone = get_installation().settings.service.time_zone
    last_day = get_last_day(grant.valid_until, zone) if grant.valid_until else None
    latest = None if grants.allows(Right.GRANT) else today + timedelta(days=MAX_DELEGATED_DAYS)
    is_ones = grants.allows(Right.GRANT) or grant.delegated_from in {one.id for one in _list_delegable()}
    earliest = max(today, last_day + timedelta(days=1)) if last_day else today
    return GrantRow(
        granted,
        str(ROLES[grant.role]),
        describe_scope(grant.scope),
        last_day,
        may_end=granted.ended_at is None and may_end(grants, grant),
        may_extend=last_day is not None and is_ones and (latest is None or earliest <= latest),
        earliest=earliest,
        latest=latest,
    )


def _make_place(own: Grant, today: date) -> OwnPlace:
    zone = get_installation().settings.service.time_zone
    latest = today + timedelta(days=MAX_DELEGATED_DAYS)
    if own.valid_until is not None:
        latest = min(latest, get_last_day(own.valid_until, zone))
    roles = tuple(role for role in StaffRole if role in DELEGABLE[own.role])
    return OwnPlace(own.id, describe_scope(own.scope), roles, latest)


def _choose_day(places: list[OwnPlace], today: date) -> date:
    """The next Friday, or the last day that is possible."""
    return min([find_next_friday(today), *(place.latest for place in places)])


def _list_places() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """The services with their steps, each by what the form sends and its title."""
    shown = [show_mini_app(one).mini_app for one in get_installation().mini_apps.values()]
    return [
        (app.slug, app.title, [(f"{app.slug}/{step.key}", step.title) for step in app.steps]) for app in shown
    ]


def _list_configured() -> list[str]:
    """The numbers of administrators that the configuration names."""
    roles = get_installation().settings.roles
    return sorted(number for number, role in roles.items() if role == "administrator")
