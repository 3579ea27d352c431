"""The pages of a mini-app: guide, privacy notice 隐私说明 with the consent to it, 常见问题, clearance, actions, submission;
and the service hall.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from flask import Blueprint, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from app.connectors.base import ActionOutcome
from app.domain.errors import ConsentMissing
from app.domain.person import Person
from app.domain.slip import PrintedField
from app.mini_apps.pages import find_page_name
from app.services.clearance.actions import get_action, take_action
from app.services.clearance.clearances import look_up_awaited, look_up_clearance, look_up_kept
from app.services.clearance.live import get_live_step
from app.services.clearance.submissions import SubmissionRefused, submit
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp
from app.services.sign_in.consents import find_consent, give_consent, require_consent, withdraw_consent
from app.services.slips.records import describe_person, find_unprintable
from app.services.slips.slips import find_slip_number, get_slip_status
from app.web.admission import find_closed_notice
from app.web.auth.access import (
    current_person,
    find_person,
    find_return_page,
    get_keys,
    get_person,
    signed_in_required,
)
from app.web.language import localized, render_template, show_mini_app, show_moment
from app.web.limits import Kind, LiveQueries
from app.web.mini_app.view_data import ClearanceView, describe_asked, view_clearance, view_step
from app.web.page_context import get_installation
from app.web.rosters import list_on_page
from app.web.slip_texts import describe_unprintable, view_state
from app.web.slips import lead_to_new_slip

WANTED, AFRESH = "wanted_page", "asked_afresh"
ASKED = "asked"
"""The outcome of a department that was asked again: what it answered is on the page."""
JUST_SECONDS = 60
notices = Blueprint("notices", __name__)
mini_app_pages = Blueprint("mini_app", __name__)


def open_mini_app(app_path: str) -> tuple[Installation, InstalledMiniApp]:
    """The mini-app at this address. Raises UnknownMiniApp."""
    installation = get_installation()
    return installation, installation.get_mini_app(app_path)


def open_for_leaver(app_path: str) -> tuple[Installation, InstalledMiniApp, Person]:
    """The mini-app for the person who is signed in. Raises NotAStudent or NotGraduating."""
    installation, installed = open_mini_app(app_path)
    person = current_person()
    installed.require_graduate(person)
    list_on_page(installed, person)
    return installation, installed, person


def open_with_consent(app_path: str) -> tuple[Installation, InstalledMiniApp, Person]:
    """The same for every page that asks departments. Raises ConsentMissing before any is asked."""
    installation, installed, person = open_for_leaver(app_path)
    require_consent(installation, installed, person.number)
    return installation, installed.bind(person.number, get_keys()), person


def render_page(installed: InstalledMiniApp, page: str, reader: Person | None = None, **data: object) -> str:
    """The mini-app's own page of this name, or the shared one; with the guidance of its reader, and which steps are for
    this reader, where one is known.
    """
    name = find_page_name(installed.settings.slug, installed.settings.folder, page)
    shown = show_mini_app(installed).mini_app
    decisions = installed.mini_app.decide(reader) if reader else None
    shown = shown.adapt(reader) if reader else shown
    return render_template(name, mini_app=shown, settings=installed.settings, decisions=decisions, **data)


def describe_student(installed: InstalledMiniApp, person: Person) -> tuple[PrintedField, ...]:
    """The person's fields as the pages show them."""
    shown = show_mini_app(installed)
    fields = describe_person(shown, person, shown.mini_app.fields)
    return tuple(replace(field, value=localized(field.value)) for field in fields)


def list_unprintable(installed: InstalledMiniApp, person: Person) -> tuple[str, ...]:
    """The person's characters that no font holds, field by field."""
    return tuple(map(describe_unprintable, find_unprintable(show_mini_app(installed), person)))


@notices.app_errorhandler(ConsentMissing)
def ask_for_consent(fact: ConsentMissing) -> ResponseReturnValue:
    """To the notice, and from there back to the page that was wanted; a form is never repeated."""
    # Not in the address: a page that holds a token repeats no text of its request (compression.py).
    session[WANTED] = find_return_page()
    return redirect(
        url_for("notices.privacy", app_path=fact.app_path), 302 if request.method in ("GET", "HEAD") else 303
    )


@notices.get("/<mini_app:app_path>/privacy")
def privacy(app_path: str) -> ResponseReturnValue:
    """隐私说明, for everybody; those whom the mini-app is for agree here, or take their consent back."""
    installation, installed = open_mini_app(app_path)
    person = get_person() if installation.settings.privacy.consent else None
    is_addressed = person is not None and person.role in installed.settings.roles
    given_at = find_consent(installed, person.number) if person and is_addressed else None
    return render_page(
        installed,
        "privacy",
        asks_consent=installation.settings.privacy.consent,
        is_asked=is_addressed and given_at is None,
        given_at=show_moment(given_at) if given_at else "",
        retention=installation.settings.retention,
    )


@notices.post("/<mini_app:app_path>/consent")
@signed_in_required(page=lambda app_path: url_for("notices.privacy", app_path=app_path))
def consent(app_path: str) -> ResponseReturnValue:
    """Agree to the notice, and go on to the page that was wanted."""
    _, installed, person = open_for_leaver(app_path)
    give_consent(installed, person.number)
    return redirect(session.pop(WANTED, None) or url_for("mini_app.clearance", app_path=app_path), 303)


@notices.post("/<mini_app:app_path>/consent/withdrawal")
@signed_in_required(page=lambda app_path: url_for("notices.privacy", app_path=app_path))
def withdraw(app_path: str) -> ResponseReturnValue:
    """Take the consent back."""
    _, installed, person = open_for_leaver(app_path)
    withdraw_consent(installed, person.number)
    return redirect(url_for("notices.privacy", app_path=app_path), 303)


@notices.get("/<mini_app:app_path>/faq")
def faq(app_path: str) -> ResponseReturnValue:
    """常见问题."""
    _, installed = open_mini_app(app_path)
    return render_page(installed, "faq", find_person())


@mini_app_pages.get("/")
def hall() -> ResponseReturnValue:
    """The open mini-apps; with one only, its guide."""
    installation = get_installation()
    if len(installation.mini_apps) == 1:
        return redirect(url_for("mini_app.guide", app_path=next(iter(installation.mini_apps))))
    shown = [show_mini_app(installed) for installed in installation.mini_apps.values()]
    return render_template("hall/hall.html", mini_apps=shown)


@mini_app_pages.get("/<mini_app:app_path>/", strict_slashes=False)
def guide(app_path: str) -> ResponseReturnValue:
    """服务指南."""
    _, installed = open_mini_app(app_path)
    closed = find_closed_notice(installed)
    return render_page(installed, "guide", find_person(), is_open=closed is None, closed=closed)


@mini_app_pages.get("/<mini_app:app_path>/clearance")
@signed_in_required
def clearance(app_path: str) -> ResponseReturnValue:
    """离校信息查询: the basic information, and every item; with `?wait=1` after all were asked, with
    `?wait=archive,finance` as soon as one of these has answered.
    """
    installation, installed, person = open_with_consent(app_path)
    wanted = request.args.get("wait", "").split(",")
    awaited = [key for key in installed.mini_app.step_keys if key in wanted]
    queries = LiveQueries(person)
    wait_for_all = wanted == ["1"]
    # What a form left behind is for the page that it leads to, not for one that is open and waits.
    notice = None if awaited else session.pop("notice", None)
    view = _look_up(
        installation,
        installed,
        person,
        queries,
        wait_for_all=wait_for_all,
        awaited=awaited,
        is_afresh=not awaited and bool(session.pop(AFRESH, False)),
        is_just_asked=not wait_for_all and is_just_asked(notice),
    )
    if notice and notice["outcome"] == ASKED:
        notice = describe_asked(view, notice["step"])
    closed = None if view.slip_number else find_closed_notice(installed)
    return render_page(installed, "clearance", view=view, notice=notice, limited=queries.wait, closed=closed)


def is_just_asked(notice: dict[str, Any] | None) -> bool:
    """Whether this is the page after one department was asked again. Whose page never came asks anew later on."""
    if notice is None or notice["outcome"] != ASKED:
        return False
    return bool(get_now().timestamp() - notice["at"] < JUST_SECONDS)


def _look_up(
    installation: Installation,
    installed: InstalledMiniApp,
    person: Person,
    queries: LiveQueries,
    *,
    wait_for_all: bool,
    awaited: Collection[str] = (),
    is_afresh: bool = False,
    is_just_asked: bool = False,
) -> ClearanceView:
    number = find_slip_number(installed, person.number)
    decisions = installed.mini_app.decide(person)
    if is_just_asked:
        states = look_up_kept(installation, installed, person.number, decisions)
    elif awaited:
        states = look_up_awaited(installation, installed, person.number, awaited, queries.may_ask, decisions)
    else:
        states = look_up_clearance(
            installation,
            installed,
            person.number,
            wait_for_all=wait_for_all,
            is_afresh=is_afresh,
            may_ask=queries.may_ask,
            decisions=decisions,
        )
    fields = describe_student(installed, person)
    state = view_state(get_slip_status(installation, number)) if number else None
    unprintable = () if number else list_unprintable(installed, person)
    return view_clearance(show_mini_app(installed), person, fields, states, number, state, unprintable)


@mini_app_pages.post("/<mini_app:app_path>/clearance/<step_key>/refresh")
@signed_in_required(page=lambda app_path, step_key: url_for(".clearance", app_path=app_path))
def refresh(app_path: str, step_key: str) -> ResponseReturnValue:
    """Ask one department again, then show the page at its item, which says what came of it."""
    installation, installed, person = open_with_consent(app_path)
    LiveQueries(person).require()
    get_live_step(installation, installed, step_key, person.number, installed.mini_app.decide(person))
    session["notice"] = {"step": step_key, "outcome": ASKED, "at": get_now().timestamp()}
    return redirect(url_for(".clearance", app_path=app_path, _anchor=step_key), 303)


@mini_app_pages.post("/<mini_app:app_path>/clearance/refresh")
@signed_in_required(page=lambda app_path: url_for(".clearance", app_path=app_path))
def refresh_all(app_path: str) -> ResponseReturnValue:
    """Ask every department again: the page that is shown next does so, and has each answer as it comes."""
    open_with_consent(app_path)
    session[AFRESH] = True
    return redirect(url_for(".clearance", app_path=app_path, _anchor="progress"), 303)


@mini_app_pages.get("/<mini_app:app_path>/clearance/<step_key>/<action_key>")
@signed_in_required
def confirm_action(app_path: str, step_key: str, action_key: str) -> ResponseReturnValue:
    """An action's confirmation page, when the department's present answer calls for the action."""
    installation, installed, person = open_with_consent(app_path)
    shown = show_mini_app(installed)
    step, action = get_action(shown, step_key, action_key)
    LiveQueries(person).require()
    decisions = installed.mini_app.decide(person)
    state = get_live_step(installation, installed, step_key, person.number, decisions)
    if not action.is_offered(state.finding):
        return redirect(url_for(".clearance", app_path=app_path, _anchor=step_key))
    return render_page(installed, "action", step=view_step(shown, person, step, state), action=action)


@mini_app_pages.post("/<mini_app:app_path>/clearance/<step_key>/<action_key>")
@signed_in_required
def act(app_path: str, step_key: str, action_key: str) -> ResponseReturnValue:
    """Take the action, and show the item as the department holds it afterwards."""
    installation, installed, person = open_with_consent(app_path)
    _, action = get_action(show_mini_app(installed), step_key, action_key)
    LiveQueries(person, Kind.ACT).require()
    outcome, _ = take_action(installation, installed, person, step_key, action_key)
    message = {
        ActionOutcome.CONFIRMED: action.done,
        ActionOutcome.REFUSED: action.refused,
        ActionOutcome.UNKNOWN: action.unknown,
    }
    session["notice"] = {"step": step_key, "outcome": str(outcome), "message": message[outcome]}
    return redirect(url_for(".clearance", app_path=app_path, _anchor=step_key), 303)


@mini_app_pages.get("/<mini_app:app_path>/submission")
@signed_in_required
def check_answers(app_path: str) -> ResponseReturnValue:
    """The check-your-answers page, which says that one can submit only once."""
    installation, installed, person = open_with_consent(app_path)
    queries = LiveQueries(person)
    view = _look_up(installation, installed, person, queries, wait_for_all=True)
    if view.slip_number:
        return redirect(url_for("slips.slip", number=view.slip_number))
    installed.require_open(installation.get_local_time(get_now()).date())
    return render_page(installed, "submission", view=view, is_refused=False, limited=queries.wait)


@mini_app_pages.post("/<mini_app:app_path>/submission")
@signed_in_required
def submit_departure(app_path: str) -> ResponseReturnValue:
    """Submit; the first time and every other time it leads to the same slip."""
    installation, installed, person = open_with_consent(app_path)
    try:
        number = submit(installation, installed, person, LiveQueries(person, Kind.SUBMIT).require)
    except SubmissionRefused as refused:
        fields = describe_student(installed, person)
        view = view_clearance(show_mini_app(installed), person, fields, refused.states, None)
        return render_page(installed, "submission", view=view, is_refused=True, limited=""), 422
    return lead_to_new_slip(number)
