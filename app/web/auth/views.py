"""The sign-in's addresses. Their callbacks are made from `base_url`, never from what a request claims."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from flask import Blueprint, abort, current_app, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from app.identity.base import IdentityProvider, ProviderMisbehaved, SignInFault, SignInUnavailable
from app.services.clock import get_now
from app.services.sign_in import HOME, SignedIn, SignInFailed, begin_sign_in, clean_next, finish_sign_in
from app.web.auth.access import FORM_WAS_LOST, PERSON, get_person
from app.web.session import get_session

PROVIDER = "provider"
RETRY_SECONDS = "10"

auth = Blueprint("auth", __name__)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SignInPages:
    """What the pages need of the configuration."""

    base_url: str
    providers: Mapping[str, IdentityProvider]

    def get_provider(self, name: str) -> IdentityProvider:
        """The provider of this name. Raises NotFound."""
        return self.providers[name] if name in self.providers else abort(404)

    def get_callback(self, name: str) -> str:
        """The address that the provider sends the browser back to."""
        return self.base_url + url_for("auth.callback", name=name)


@auth.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    """Straight to the provider; with several, choose one."""
    next_page, providers = _get_next(), _get_pages().providers
    if get_person() is not None:
        return redirect(next_page)
    if len(providers) == 1:
        return _begin(next(iter(providers.values())), next_page)
    choices = [
        (provider.label, url_for("auth.begin", name=name, next=next_page, lost=request.args.get("lost")))
        for name, provider in providers.items()
    ]
    return render_template("auth/choose.html", choices=choices)


@auth.get("/sign-in/<name>")
def begin(name: str) -> ResponseReturnValue:
    """To this provider."""
    return _begin(_get_pages().get_provider(name), _get_next())


@auth.get("/sign-in/<name>/callback")
def callback(name: str) -> ResponseReturnValue:
    """Back from the provider. HEAD uses nothing up; a repeat after success leads home, still signed in."""
    pages = _get_pages()
    provider = pages.get_provider(name)
    if request.method == "HEAD":
        return ""
    try:
        signed_in = finish_sign_in(provider, get_session(), request.args, pages.get_callback(name), get_now)
    except SignInFailed as failure:
        return _show_retry(provider, cast("SignInFault", failure.__cause__), failure.next_page)
    except SignInFault as fault:
        if get_person() is not None:
            return redirect(HOME)
        return _show_retry(provider, fault, HOME)
    return _welcome(provider, signed_in)


@auth.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session here, and the campus session too where that is configured."""
    pages = _get_pages()
    provider = pages.providers.get(session.get(PROVIDER, ""))
    get_session().end()
    address = provider.sign_out_url(f"{pages.base_url}{HOME}") if provider else None
    return _leave_after_form(address) if address else redirect(HOME, 303)


sign_out.form_page = lambda: HOME  # type: ignore[attr-defined]


def _begin(provider: IdentityProvider, next_page: str) -> ResponseReturnValue:
    if request.method == "HEAD":
        return ""
    callback_address = _get_pages().get_callback(provider.name)
    is_lost = "lost" in request.args
    try:
        address = begin_sign_in(provider, get_session(), next_page, callback_address, get_now, is_lost)
    except SignInFault as fault:
        return _show_retry(provider, fault, next_page)
    return _leave_after_form(address) if is_lost else redirect(address)


def _leave_after_form(address: str) -> ResponseReturnValue:
    """To another host after a form was sent. Browsers hold every redirect that follows a form to the policy's
    `form-action 'self'`, so they get a page in between that goes on by itself.
    """
    if "text/html" not in request.headers.get("Accept", ""):
        return redirect(address, 303)
    page = render_template("auth/onward.html", address=address, is_signing_out=request.method == "POST")
    return page, 200, {"Refresh": f"0; url={address}"}


def _welcome(provider: IdentityProvider, signed_in: SignedIn) -> ResponseReturnValue:
    _log_outcome(provider, "signed_in")
    get_session().sign_in(signed_in.person.number)
    session[PERSON] = signed_in.person.to_json()
    session[PROVIDER] = provider.name
    if signed_in.has_interrupted:
        session[FORM_WAS_LOST] = True
    return redirect(signed_in.next_page)


def _show_retry(provider: IdentityProvider, fault: SignInFault, next_page: str) -> ResponseReturnValue:
    _log_outcome(provider, fault.reason)
    status = 400
    if isinstance(fault, SignInUnavailable):
        status = 503
    elif isinstance(fault, ProviderMisbehaved):
        status = 502
    page = render_template(
        "auth/retry.html",
        label=provider.label,
        reason=fault.reason,
        status=status,
        again=url_for("auth.begin", name=provider.name, next=next_page),
    )
    return page, status, {"Retry-After": RETRY_SECONDS} if status == 503 else {}


def _log_outcome(provider: IdentityProvider, outcome: str) -> None:
    facts = {"provider": provider.name, "outcome": outcome, "request_id": g.get("request_id", "")}
    log.info("sign-in at %s: %s", provider.name, outcome, extra=facts)


def _get_next() -> str:
    return clean_next(request.args.get("next", HOME))


def _get_pages() -> SignInPages:
    return cast("SignInPages", current_app.extensions["sign_in"])
