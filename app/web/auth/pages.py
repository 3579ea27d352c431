"""The sign-in's pages: begin, come back, be opened from the campus app, say who one is, and sign out, here or there.

Callbacks are made from `base_url`, never from what a request claims.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from flask import Blueprint, abort, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from app import metrics
from app.domain.person import Person, Role
from app.domain.slip import mask_name
from app.extensions import csrf
from app.identity.base import (
    EndsSessions,
    IdentityProvider,
    OpenedFromCampus,
    ProviderMisbehaved,
    ProviderRefused,
    SignInError,
    SignInRefused,
    SignInUnavailable,
)
from app.services.clock import get_now
from app.services.sign_in.sessions import end_campus_session
from app.services.sign_in.sign_in import (
    ARRIVED,
    HOME,
    PendingSignIn,
    SignInFailed,
    assign_role,
    begin_sign_in,
    clean_next,
    confirm_pending,
    enter_from_campus,
    finish_sign_in,
    keep_pending,
    read_pending,
)
from app.web.auth.access import FORM_WAS_LOST, LOST_TEXT, PERSON, get_person, keep_keys
from app.web.language import gettext, localized, render_template
from app.web.language import lazy_gettext as _l
from app.web.rosters import list_at_sign_in
from app.web.session import get_session

PROVIDER = "provider"
SIGNED_OUT = "lixiao_signed_out"
"""The cookie of a browser whose last account was signed out here, and maybe not at the campus."""
RETRY_SECONDS = "10"
EXPIRED = (
    "unknown_state",
    "expired_state",
    "wrong_state",
    "expired_confirmation",
    "token:invalid_grant",
    "validate:invalid_ticket",
)
"""The reasons of which it is true that the sign-in is too old, or another browser's."""

auth = Blueprint("auth", __name__)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SignInPages:
    """What the pages need of the configuration; `roles` are those given to single numbers."""

    base_url: str
    providers: Mapping[str, IdentityProvider]
    roles: Mapping[str, Role]

    def find_provider(self, user_agent: str) -> IdentityProvider | None:
        """The provider to go to without asking: the only one, or the first that is for this browser."""
        if len(self.providers) == 1:
            return next(iter(self.providers.values()))
        fitting = (one for one in self.providers.values() if one.browsers and one.browsers.search(user_agent))
        return next(fitting, None)

    def get_provider(self, name: str) -> IdentityProvider:
        """The provider of this name. Raises NotFound."""
        return self.providers[name] if name in self.providers else abort(404)

    def get_callback(self, name: str) -> str:
        """The address that the provider sends the browser back to."""
        return self.base_url + url_for("auth.callback", name=name)

    def get_entry(self, name: str) -> str:
        """The address at which the campus app may open this service by itself."""
        return self.base_url + url_for("auth.enter", name=name)


def get_pages() -> SignInPages:
    """The pages' configuration."""
    return cast("SignInPages", current_app.extensions["sign_in"])


def welcome(provider: IdentityProvider, pending: PendingSignIn) -> ResponseReturnValue:
    """Begin the session of the one person who arrived."""
    person = assign_role(pending.people[0], get_pages().roles)
    log_outcome(provider, "signed_in")
    lost_text = session.get(LOST_TEXT)
    get_session().sign_in(person.number, pending.campus_session)
    session[PERSON] = person.to_json()
    list_at_sign_in(person)
    keep_keys(person.keys)
    session[PROVIDER] = provider.name
    generate_csrf()  # kept with the session: no page need write it there for its sign-out form
    if pending.has_interrupted:
        session[FORM_WAS_LOST] = True
        if lost_text:
            session[LOST_TEXT] = lost_text
    response = redirect(pending.next_page, 302 if request.method == "GET" else 303)
    if SIGNED_OUT in request.cookies:
        response.delete_cookie(SIGNED_OUT)
    return response


def ask_identity(provider: IdentityProvider, pending: PendingSignIn) -> ResponseReturnValue:
    """No session begins before the person has said who they are."""
    try:
        keep_pending(get_session().pending, provider.name, pending, get_now())
    except SignInError as fault:
        return show_retry(provider, fault, pending.next_page)
    log_outcome(provider, "asked_who")
    return redirect(url_for("auth.confirm", name=provider.name))


def show_retry(provider: IdentityProvider, fault: SignInError, next_page: str) -> ResponseReturnValue:
    """Say why a sign-in came to nothing, with one button that starts again."""
    log_outcome(provider, fault.reason, arrived=fault.arrived)
    status = 400
    if isinstance(fault, SignInUnavailable):
        status = 503
    elif isinstance(fault, ProviderMisbehaved | ProviderRefused):
        status = 502
    story = _choose_story(fault)
    page = render_template(
        "auth/retry.html",
        label=localized(provider.label),
        reason=fault.reason,
        story=story,
        # The campus knows an account of no use already, and would bring it back.
        again=url_for(
            "auth.begin", name=provider.name, next=next_page, switch=1 if story == "no_identity" else None
        ),
    )
    return page, status, {"Retry-After": RETRY_SECONDS} if status == 503 else {}


def log_outcome(provider: IdentityProvider, outcome: str, *, arrived: tuple[str, ...] = ()) -> None:
    """Count and log what came of a sign-in: a short code and the names of the claims that arrived, nothing about the
    person. What stands behind the code's colon may be a provider's own word, or a stranger's: it is logged only.
    """
    metrics.sign_ins.labels(provider.name, outcome.partition(":")[0]).inc()
    facts = {"provider": provider.name, "outcome": outcome, "request_id": g.get("request_id", "")}
    if arrived:
        facts["arrived"] = ", ".join(arrived)
    log.info("sign-in at %s: %s", provider.name, outcome, extra=facts)


def _choose_story(fault: SignInError) -> str:
    """Which of the page's explanations is true of this fault."""
    if fault.reason == "denied":
        return "denied"
    if fault.reason == "unknown_role" or fault.reason.startswith("missing_claim:"):
        return "no_identity"
    if isinstance(fault, SignInUnavailable):
        return "unavailable"
    if isinstance(fault, ProviderMisbehaved):
        return "misbehaved"
    return "expired" if fault.reason in EXPIRED else "refused"


@auth.get("/sign-in/<name>/entry")
def enter(name: str) -> ResponseReturnValue:
    """Opened by the campus app, with a ticket or code that this browser did not ask for. Anybody can make a
    link with their own ticket, so the person is named and asked first. HEAD uses nothing up.
    """
    pages = get_pages()
    provider = pages.get_provider(name)
    if not isinstance(provider, OpenedFromCampus) or not provider.entry:
        abort(404)
    if request.method == "HEAD":
        return ""
    if not request.args.get(provider.entry):
        return redirect(url_for("auth.begin", name=name))
    try:
        pending = enter_from_campus(provider, request.args, pages.get_entry(name))
    except SignInError as fault:
        return _repeat_entry(provider, fault)
    person = get_person()
    if person is not None and person.number in {one.number for one in pending.people}:
        return redirect(HOME)
    return ask_identity(provider, pending)


def _name_identity(person: Person, *, names_role: bool) -> str:
    """What tells an identity from the person's others, beside name and number."""
    role = str(ROLE_WORDS[person.role]) if names_role else ""
    return gettext("、").join(dict.fromkeys(word for word in (role, person.level) if word))


@auth.get("/sign-in/<name>/confirm")
def confirm(name: str) -> ResponseReturnValue:
    """Show who arrived, masked, and ask."""
    provider = get_pages().get_provider(name)
    pending = read_pending(get_session().pending, provider.name, get_now())
    if pending is None:
        return redirect(url_for("auth.sign_in"))
    has_several_roles = len({person.role for person in pending.people}) > 1
    people = [
        (mask_name(person.name), person.number[-4:], _name_identity(person, names_role=has_several_roles))
        for person in pending.people
    ]
    return render_template("auth/confirm.html", people=people, label=localized(provider.label), name=name)


@auth.post("/sign-in/<name>/confirm")
def begin_session(name: str) -> ResponseReturnValue:
    """Begin the session of the person who was chosen."""
    provider = get_pages().get_provider(name)
    pending = confirm_pending(get_session().pending, provider.name, request.form.get("choice", ""), get_now())
    if pending is None:
        return show_retry(provider, SignInRefused("expired_confirmation"), HOME)
    return welcome(provider, pending)


begin_session.form_page = lambda: url_for("auth.sign_in")  # type: ignore[attr-defined]


@auth.post("/sign-in/<name>/callback")
def end_session(name: str) -> ResponseReturnValue:
    """Single logout: the campus session of one ticket has ended."""
    provider = get_pages().providers.get(name)
    named = provider.read_logout(request.form) if isinstance(provider, EndsSessions) else None
    if provider is None or named is None:
        abort(400)
    if end_campus_session(provider.name, named):
        log_outcome(provider, "ended_by_campus")
    return "", 204


# The provider posts this, not a browser, and has no CSRF token. What it may do hangs on the ticket that it
# names, which only the provider and the one browser know; it ends that ticket's session and nothing else.
csrf.exempt(end_session)


def _repeat_entry(provider: IdentityProvider, fault: SignInError) -> ResponseReturnValue:
    """A page fetched twice shows its ticket twice: what the first one led to counts."""
    if get_person() is not None:
        return redirect(HOME)
    if ARRIVED in get_session().pending:
        return redirect(url_for("auth.confirm", name=provider.name))
    return show_retry(provider, fault, HOME)


SIGNED_OUT_SECONDS = 12 * 3600
ROLE_WORDS = {
    Role.STUDENT: _l("学生"),
    Role.POSTDOC: _l("博士后"),
    Role.TEACHER: _l("教职工"),
    Role.CLERK: _l("离校办理人员"),
    Role.GUARD: _l("门卫"),
    Role.ADMINISTRATOR: _l("管理员"),
}
"""What tells identities of one person apart that differ in their roles."""


@auth.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    """Straight to the provider; with several, to the one that is for this browser, or choose one. With
    `?choose=1` one may always choose.
    """
    next_page, providers = _get_next(), get_pages().providers
    if get_person() is not None:
        return redirect(next_page)
    provider = get_pages().find_provider(request.user_agent.string)
    if provider is not None and "choose" not in request.args:
        return _begin(provider, next_page)
    lost, switch = request.args.get("lost"), request.args.get("switch")
    choices = [
        (
            localized(provider.label),
            url_for("auth.begin", name=name, next=next_page, lost=lost, switch=switch),
        )
        for name, provider in providers.items()
    ]
    return render_template("auth/choose.html", choices=choices)


@auth.get("/sign-in/<name>")
def begin(name: str) -> ResponseReturnValue:
    """To this provider."""
    return _begin(get_pages().get_provider(name), _get_next())


@auth.get("/sign-in/<name>/callback")
def callback(name: str) -> ResponseReturnValue:
    """Back from the provider. HEAD uses nothing up; a repeat after success leads home, still signed in."""
    pages = get_pages()
    provider = pages.get_provider(name)
    if request.method == "HEAD":
        return ""
    try:
        pending = finish_sign_in(
            provider, get_session().pending, request.args, pages.get_callback(name), get_now
        )
    except SignInFailed as failure:
        return show_retry(provider, cast("SignInError", failure.__cause__), failure.next_page)
    except SignInError as fault:
        if get_person() is not None:
            return redirect(HOME)
        return show_retry(provider, fault, HOME)
    return welcome(provider, pending) if len(pending.people) == 1 else ask_identity(provider, pending)


@auth.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session here, and the campus session too where that is configured. Where it is not, the campus would bring
    the same account back without a word: so this browser's next sign-in asks anew, at once for who wants another
    account (`switch`).
    """
    pages = get_pages()
    provider = pages.providers.get(session.get(PROVIDER, ""))
    get_session().end()
    address = provider.sign_out_url(f"{pages.base_url}{HOME}") if provider else None
    if address:
        return _leave_after_form(address, "signing_out")
    if "switch" in request.form:
        return _leave_after_form(url_for("auth.sign_in", switch=1), "switching")
    response = redirect(HOME, 303)
    response.set_cookie(
        SIGNED_OUT,
        "1",
        max_age=SIGNED_OUT_SECONDS,
        secure=pages.base_url.startswith("https:"),
        httponly=True,
        samesite="Lax",
    )
    return response


sign_out.form_page = lambda: HOME  # type: ignore[attr-defined]


def _begin(provider: IdentityProvider, next_page: str) -> ResponseReturnValue:
    if request.method == "HEAD":
        return ""
    callback_address = get_pages().get_callback(provider.name)
    is_lost = "lost" in request.args
    try:
        address = begin_sign_in(
            provider,
            get_session().pending,
            next_page,
            callback_address,
            get_now,
            has_interrupted=is_lost,
            asks_anew="switch" in request.args or SIGNED_OUT in request.cookies,
        )
    except SignInError as fault:
        return show_retry(provider, fault, next_page)
    return _leave_after_form(address, "lost") if is_lost else redirect(address)


def _leave_after_form(address: str, story: str) -> ResponseReturnValue:
    """To another host after a form was sent. Browsers hold every redirect that follows a form to the policy's
    `form-action 'self'`, so they get a page in between that goes on by itself.
    """
    if "text/html" not in request.headers.get("Accept", ""):
        return redirect(address, 303)
    page = render_template("auth/onward.html", address=address, story=story)
    return page, 200, {"Refresh": f"0; url={address}"}


def _get_next() -> str:
    return clean_next(request.args.get("next", HOME))
