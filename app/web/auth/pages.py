"""What the sign-in's pages share: the providers, how a session begins, and the page that offers another try."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from flask import Blueprint, abort, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from app.domain.person import Role
from app.identity.base import (
    IdentityProvider,
    ProviderMisbehaved,
    ProviderRefused,
    SignInError,
    SignInUnavailable,
)
from app.services.clock import get_now
from app.services.sign_in.pending import keep_pending
from app.services.sign_in.sign_in import PendingSignIn, assign_role
from app.web.auth.access import FORM_WAS_LOST, PERSON
from app.web.language import localized
from app.web.session import get_session
from app.web.templates import render_template

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
    get_session().sign_in(person.number, pending.campus_session)
    session[PERSON] = person.to_json()
    session[PROVIDER] = provider.name
    generate_csrf()  # kept with the session: no page need write it there for its sign-out form
    if pending.has_interrupted:
        session[FORM_WAS_LOST] = True
    response = redirect(pending.next_page, 302 if request.method == "GET" else 303)
    if SIGNED_OUT in request.cookies:
        response.delete_cookie(SIGNED_OUT)
    return response


def ask_identity(provider: IdentityProvider, pending: PendingSignIn) -> ResponseReturnValue:
    """No session begins before the person has said who they are."""
    log_outcome(provider, "asked_who")
    keep_pending(get_session(), provider.name, pending, get_now())
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
    """Log what came of a sign-in: a short code and the names of the claims that arrived, nothing about the person."""
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
