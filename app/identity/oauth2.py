"""Plain OAuth 2.0, with the odd habits that campus platforms have; who it is comes from userinfo alone.

What can be set for a plain OAuth 2.0 platform.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from authlib.common.urls import add_params_to_qs, add_params_to_uri

from app.domain.json_reading import PATH_PATTERN
from app.domain.person import NumberForm, Person
from app.identity.base import CheckResult, ProviderMisbehaved, Redirect, check_state, read_code
from app.identity.claims import ClaimPaths, find_claim, read_claim_paths, read_person
from app.identity.diagnostics import NOBODYS_CODE, check_oauth2, collect
from app.identity.http import (
    CLIENT_AUTH,
    DEADLINE_SECONDS,
    AnswerFormat,
    Exchange,
    check_success,
    check_token,
    explain_token_error,
    is_provider_address,
    parse_answer,
)
from app.tables import Table

NAME_PATTERN = r"[A-Za-z_][A-Za-z0-9_.-]{0,39}"

Choice = TypeVar("Choice", bound=StrEnum)


class TokenPlacement(StrEnum):
    """Where userinfo expects the access token."""

    HEADER = "header"
    QUERY = "query"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class OAuth2Settings:
    """`[sign_in.<name>]` with kind = "oauth2". Paths are dotted; `success_field` "" means that there is none;
    `entry` is "" or "code".
    """

    name: str
    label: str
    authorize_url: str
    token_url: str
    userinfo_url: str
    client_id: str
    client_id_name: str
    client_secret: str = field(repr=False)
    client_secret_name: str
    client_auth: str
    scope: str
    pkce: bool
    token_method: str
    token_format: AnswerFormat
    token_path: str
    token_placement: TokenPlacement
    token_name: str
    userinfo_format: AnswerFormat
    userinfo_path: str
    success_field: str
    success_value: str
    entry: str
    deadline_seconds: float
    claims: ClaimPaths


def read_oauth2_settings(name: str, table: Table, numbers: NumberForm) -> OAuth2Settings:
    """Read the section of a provider, noting what is wrong."""
    settings = OAuth2Settings(
        name=name,
        label=table.text("label"),
        authorize_url=_read_address(table, "authorize_url"),
        token_url=_read_address(table, "token_url"),
        userinfo_url=_read_address(table, "userinfo_url"),
        client_id=table.text("client_id"),
        client_id_name=table.text("client_id_name", "client_id", pattern=NAME_PATTERN),
        client_secret=table.secret("client_secret"),
        client_secret_name=table.text("client_secret_name", "client_secret", pattern=NAME_PATTERN),
        client_auth=table.text("client_auth", CLIENT_AUTH[0], choices=CLIENT_AUTH),
        scope=table.text("scope", ""),
        pkce=table.flag("pkce", True),
        token_method=table.text("token_method", "POST", choices=("POST", "GET")),
        token_format=_read_choice(table, "token_format", AnswerFormat.JSON),
        token_path=table.text("token_path", "access_token", pattern=PATH_PATTERN),
        token_placement=_read_choice(table, "token_placement", TokenPlacement.HEADER),
        token_name=table.text("token_name", "access_token", pattern=NAME_PATTERN),
        userinfo_format=_read_choice(table, "userinfo_format", AnswerFormat.JSON),
        userinfo_path=table.text("userinfo_path", "", pattern=PATH_PATTERN),
        success_field=table.text("success_field", ""),
        success_value=table.text("success_value", ""),
        entry=table.text("entry", "", choices=("code",)),
        deadline_seconds=table.number("deadline_seconds", DEADLINE_SECONDS, least=0.1, most=30),
        claims=read_claim_paths(table, numbers),
    )
    if "openid" in settings.scope.split():
        table.fault("scope", 'asks for openid: use kind = "oidc", which checks the id_token')
    if bool(settings.success_field) != bool(settings.success_value):
        table.fault("success_field", "and success_value need each other")
    table.close()
    return settings


def _read_address(table: Table, key: str) -> str:
    address = table.text(key)
    if address and not is_provider_address(address):
        table.fault(key, "must be an https address (http only on this machine)")
    return address


def _read_choice(table: Table, key: str, default: Choice) -> Choice:
    kind = type(default)
    text = table.text(key, default, choices=tuple(kind))
    return kind(text) if text in tuple(kind) else default


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

    def check(self, redirect_uri: str) -> list[CheckResult]:
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
