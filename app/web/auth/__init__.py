"""Signing in at the campus and signing out."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, g
from flask_wtf.csrf import CSRFError

from app.identity.base import IdentityProvider
from app.settings import Settings
from app.web.auth.access import FORM_WAS_LOST, answer_csrf_error, find_account
from app.web.auth.pages import SignInPages, auth


def init_auth(app: Flask, settings: Settings, providers: Mapping[str, IdentityProvider]) -> None:
    """Bind the sign-in pages for these providers, and what a form does whose session has ended. Templates get
    `form_was_lost`: true once, on the page after a sign-in that interrupted a form; and `find_account`.
    """
    app.extensions["sign_in"] = SignInPages(settings.service.base_url, providers, settings.roles)
    app.register_blueprint(auth)
    app.register_error_handler(CSRFError, answer_csrf_error)
    app.context_processor(lambda: {FORM_WAS_LOST: g.get(FORM_WAS_LOST, False)})
    app.jinja_env.globals["find_account"] = find_account
