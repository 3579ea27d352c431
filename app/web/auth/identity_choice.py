"""Ways in and out that do not begin here: opened from the campus app, asked who one is, and signed out there."""

from __future__ import annotations

from flask import abort, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from app.domain.slip import mask_name
from app.extensions import csrf
from app.identity.base import EndsSessions, IdentityProvider, OpenedFromCampus, SignInError, SignInRefused
from app.services.clock import get_now
from app.services.sign_in.pending import ARRIVED, confirm_pending, read_pending
from app.services.sign_in.sessions import end_campus_session
from app.services.sign_in.sign_in import HOME, enter_from_campus
from app.web.auth.access import get_person
from app.web.auth.pages import ask_identity, auth, get_pages, log_outcome, show_retry, welcome
from app.web.language import localized
from app.web.session import get_session
from app.web.templates import render_template


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


@auth.get("/sign-in/<name>/confirm")
def confirm(name: str) -> ResponseReturnValue:
    """Show who arrived, masked, and ask."""
    provider = get_pages().get_provider(name)
    pending = read_pending(get_session(), provider.name, get_now())
    if pending is None:
        return redirect(url_for("auth.sign_in"))
    people = [(mask_name(person.name), person.number[-4:], person.level) for person in pending.people]
    return render_template("auth/confirm.html", people=people, label=localized(provider.label), name=name)


@auth.post("/sign-in/<name>/confirm")
def begin_session(name: str) -> ResponseReturnValue:
    """Begin the session of the person who was chosen."""
    provider = get_pages().get_provider(name)
    pending = confirm_pending(get_session(), provider.name, request.form.get("choice", ""), get_now())
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
    if ARRIVED in session:
        return redirect(url_for("auth.confirm", name=provider.name))
    return show_retry(provider, fault, HOME)
