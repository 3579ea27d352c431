"""Plain OAuth 2.0, with the odd habits that campus platforms have; who it is comes from userinfo alone."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from authlib.common.urls import add_params_to_qs, add_params_to_uri

from app.domain.person import Person
from app.domain.student_number import NumberForm
from app.identity.answers import check_success, check_token, explain_token_error, parse_answer
from app.identity.base import ProviderMisbehaved, Redirect
from app.identity.callback import check_state, read_code
from app.identity.checks import NOBODYS_CODE, collect
from app.identity.claims import find_claim, read_person
from app.identity.exchange import Exchange
from app.identity.finding import Finding
from app.identity.oauth2_check import check_oauth2
from app.identity.oauth2_settings import OAuth2Settings, TokenPlacement, read_oauth2_settings
from app.tables import Table


def read_oauth2(name: str, table: Table, numbers: NumberForm) -> OAuth2Provider:
    """Read the section of a provider, noting what is wrong."""
    return OAuth2Provider(read_oauth2_settings(name, table, numbers))


class OAuth2Provider:
    """An `IdentityProvider`."""

    def __init__(self, settings: OAuth2Settings) -> None:
        self.name = settings.name
        self.label = settings.label
        self.entry = settings.entry
        self._settings = settings

    def begin(self, redirect_uri: str, *, asks_anew: bool = False) -> Redirect:
        """Make the authorization address, with a state and PKCE of its own. OAuth 2.0 has no word for asking anew."""
        settings = self._settings
        pending = {name: secrets.token_urlsafe(32) for name in ("state", "verifier")}
        named = (
            {} if settings.client_id_name == "client_id" else {settings.client_id_name: settings.client_id}
        )
        with self._open(redirect_uri) as exchange:
            url, _ = exchange.create_authorization_url(
                settings.authorize_url,
                state=pending["state"],
                code_verifier=pending["verifier"] if settings.pkce else None,
                **named,
            )
        return Redirect(url, pending)

    def finish(self, query: Mapping[str, str], pending: Mapping[str, str], redirect_uri: str) -> Person:
        """Exchange the code, ask who it is, and drop the token."""
        check_state(query, pending["state"])
        verifier = {"code_verifier": pending["verifier"]} if self._settings.pkce else {}
        return self._identify(read_code(query), redirect_uri, **verifier)

    def enter(self, query: Mapping[str, str], redirect_uri: str) -> Person:
        """Exchange a code that the campus app got for this address by itself, without PKCE."""
        return self._identify(read_code(query), redirect_uri)

    def _identify(self, code: str, redirect_uri: str, **verifier: str) -> Person:
        with self._open(redirect_uri) as exchange:
            token = self._fetch_token(exchange, code, **verifier)
            return read_person(self._get_userinfo(exchange, token["access_token"]), self._settings.claims)

    def sign_out_url(self, return_to: str) -> str | None:
        """Plain OAuth 2.0 has no common way to end the campus session."""
        return None

    def check(self, redirect_uri: str) -> list[Finding]:
        """Ask what `flask sign-in check` tells."""
        settings = self._settings
        with self._open(redirect_uri) as exchange:

            def exchange_code() -> object:
                verifier = {"code_verifier": "v" * 43} if settings.pkce else {}
                return self._fetch_token(exchange, NOBODYS_CODE, **verifier)

            return collect(
                check_oauth2(
                    exchange,
                    self.begin(redirect_uri).url,
                    settings.userinfo_url,
                    exchange_code,
                    settings.client_auth,
                )
            )

    def _fetch_token(self, exchange: Exchange, code: str, **verifier: str) -> dict[str, str]:
        settings = self._settings
        return exchange.fetch_token(settings.token_url, code=code, method=settings.token_method, **verifier)

    def _open(self, redirect_uri: str) -> Exchange:
        settings = self._settings
        exchange = Exchange(
            settings.deadline_seconds,
            settings.client_auth,
            self._read_token,
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            scope=settings.scope,
            redirect_uri=redirect_uri,
        )
        exchange.register_client_auth_method(("client_secret_post", self._add_credentials))
        return exchange

    def _add_credentials(
        self, _client: Any, method: str, uri: str, headers: Any, body: Any
    ) -> tuple[str, Any, Any]:
        """Identifier and secret under this platform's names: in the query of a GET, else in the form."""
        settings = self._settings
        pairs = [
            (settings.client_id_name, settings.client_id),
            (settings.client_secret_name, settings.client_secret),
        ]
        if method == "GET":
            return add_params_to_uri(uri, pairs), headers, body
        body = add_params_to_qs(body or "", pairs)
        headers["Content-Length"] = str(len(body))
        return uri, headers, body

    def _read_token(self, body: bytes, status: int) -> dict[str, str]:
        settings = self._settings
        answer = parse_answer(body, "token", settings.token_format)
        if "error" in answer or status != 200:
            raise explain_token_error(answer.get("error"))
        check_success(answer, "token", settings.success_field, settings.success_value)
        return {"token_type": "Bearer", "access_token": check_token(find_claim(answer, settings.token_path))}

    def _get_userinfo(self, exchange: Exchange, token: str) -> Mapping[str, Any]:
        settings = self._settings
        named = {settings.token_name: token}
        if settings.token_placement is TokenPlacement.HEADER:
            response = exchange.get(settings.userinfo_url)
        elif settings.token_placement is TokenPlacement.QUERY:
            response = exchange.get(settings.userinfo_url, params=named, withhold_token=True)
        else:
            response = exchange.post(settings.userinfo_url, data=named, withhold_token=True)
        body = exchange.read_body(response, "userinfo")
        answer = parse_answer(body, "userinfo", settings.userinfo_format)
        check_success(answer, "userinfo", settings.success_field, settings.success_value)
        user = find_claim(answer, settings.userinfo_path) if settings.userinfo_path else answer
        if not isinstance(user, Mapping):
            raise ProviderMisbehaved("userinfo:nobody")
        return user
