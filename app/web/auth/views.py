"""The sign-in's addresses. Their callbacks are made from `base_url`, never from what a request claims."""

from __future__ import annotations

from typing import cast

from flask import redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from app.identity.base import IdentityProvider, SignInError
from app.services.clock import get_now
from app.services.sign_in.sign_in import HOME, SignInFailed, begin_sign_in, clean_next, finish_sign_in
from app.web.auth.access import get_person
from app.web.auth.pages import PROVIDER, SIGNED_OUT, ask_identity, auth, get_pages, show_retry, welcome
from app.web.language import localized
from app.web.session import get_session
from app.web.templates import render_template

SIGNED_OUT_SECONDS = 12 * 3600


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
        pending = finish_sign_in(provider, get_session(), request.args, pages.get_callback(name), get_now)
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
            get_session(),
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
