"""The authorization code flow (RFC 6749, 4.1) with PKCE (RFC 7636), by Authlib's functions: where the browser is sent,
the request that exchanges the code, what the token endpoint answers. And plain OAuth 2.0 by it, with the odd habits that
campus platforms have; who it is comes from userinfo alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, quote_plus, urlencode

from authlib.common.urls import add_params_to_qs
from authlib.oauth2 import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from pydantic import Field, ValidationInfo, field_validator

from app.config_model import Choice, Flag, Secret, Text, matching
from app.domain.person import Person
from app.http_client import Answer, Request, add_query
from app.identity.base import CheckResult, ProviderMisbehaved, Redirect, SignInRefused, check_state, read_code
from app.identity.claims import find_claim, read_person
from app.identity.diagnostics import NOBODYS_CODE, check_oauth2, collect
from app.identity.http import AnswerFormat, Exchange, check_success, parse_answer
from app.identity.settings import Address, ClaimPath, OptionalPath, ProviderSettings

CLIENT_AUTH = ("client_secret_post", "client_secret_basic")
FORM = "application/x-www-form-urlencoded;charset=UTF-8"
TOKEN_ERRORS = (
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
)


def make_authorization_url(
    address: str, client_id: str, redirect_uri: str, scope: str, state: str, verifier: str = "", **others: str
) -> str:
    """Where the browser is sent to sign in; without a `verifier` there is no PKCE."""
    if verifier:
        others |= {"code_challenge": create_s256_code_challenge(verifier), "code_challenge_method": "S256"}
    url: str = prepare_grant_uri(address, client_id, "code", redirect_uri, scope, state, **others)
    return url


def make_client_auth(
    client_id: str, client_secret: str, method: str | Callable[..., tuple[str, Any, Any]]
) -> ClientAuth:
    """How the client shows who it is: by one of CLIENT_AUTH, or by a function in the way of Authlib's."""
    if method == "client_secret_basic":
        # RFC 6749, 2.3.1: identifier and secret are form-encoded first, which Authlib does not do.
        client_id, client_secret = quote_plus(client_id), quote_plus(client_secret)
    return ClientAuth(client_id, client_secret, method)


def exchange_code(
    exchange: Exchange,
    address: str,
    auth: ClientAuth,
    code: str,
    redirect_uri: str,
    verifier: str,
    method: str = "POST",
) -> Answer:
    """What the token endpoint answers to a code; with the method GET everything stands in the query."""
    body = prepare_token_request("authorization_code", "", redirect_uri, code=code, code_verifier=verifier)
    headers = {"Accept": "application/json"}
    if method == "GET":
        address, headers, _ = auth.prepare(method, add_query(address, dict(parse_qsl(body))), headers, None)
        request = Request(method, address, headers)
    else:
        address, headers, body = auth.prepare(method, address, headers | {"Content-Type": FORM}, body)
        request = Request(method, address, headers, body.encode())
    return exchange.fetch(request, "token", accept_errors=True)


def read_token_answer(body: bytes, status: int) -> dict[str, str]:
    """Read a token endpoint's JSON (RFC 6749, 5.1 and 5.2); only the members that are used are kept."""
    answer = parse_answer(body, "token")
    if "error" in answer or status != 200:
        raise explain_token_error(answer.get("error"))
    kept = {"id_token": answer["id_token"]} if isinstance(answer.get("id_token"), str) else {}
    return {**kept, "access_token": check_token(answer.get("access_token"))}


def write_bearer(token: str) -> dict[str, str]:
    """The header that carries a token. What type a provider gives it is not looked at: some write another, or none,
    and mean this one; a provider of another would refuse it at userinfo.
    """
    return {"Authorization": f"Bearer {token}"}


def check_token(token: object) -> str:
    """Return a usable access token. Raises ProviderMisbehaved for anything else."""
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token.strip():
        raise ProviderMisbehaved("token:no_access_token")
    return token


def explain_token_error(error: object) -> SignInRefused:
    """Name a token endpoint's error. A code that was too old is nobody's fault."""
    code = error if isinstance(error, str) and error in TOKEN_ERRORS else "error"
    return (SignInRefused if code == "invalid_grant" else ProviderMisbehaved)(f"token:{code}")


Name = Annotated[Text, matching(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")]
"""The name of a parameter."""


class TokenPlacement(StrEnum):
    """Where userinfo expects the access token."""

    HEADER = "header"
    QUERY = "query"
    BODY = "body"


class OAuth2Settings(ProviderSettings):
    """`[sign_in.<name>]` with kind = "oauth2"."""

    kind: Literal["oauth2"] = Field(description="`oauth2`")
    authorize_url: Address = Field(description="the page where people sign in")
    token_url: Address = Field(description="where a code is exchanged for a token")
    userinfo_url: Address = Field(description="where a token is exchanged for who it is")
    client_id: Text = Field(description="from the provider's registration")
    client_id_name: Name = Field("client_id", description="what the platform calls the parameter")
    client_secret: Secret = Field(description="from the provider's registration")
    client_secret_name: Name = Field("client_secret", description="what the platform calls the parameter")
    client_auth: Literal["client_secret_post", "client_secret_basic"] = Field(
        "client_secret_post", description="`client_secret_post` or `client_secret_basic`"
    )
    scope: str = Field("", description="e.g. `get_user_info`; one with `openid` is for `oidc`")
    pkce: Flag = Field(True, description="whether the code is bound to this sign-in (RFC 7636)")
    token_method: Literal["POST", "GET"] = Field(
        "POST", description="how the code is exchanged: `POST` or `GET`"
    )
    token_format: Choice[AnswerFormat] = Field(
        AnswerFormat.JSON, description="how the token's answer is written: `json`, `jsonp` or `form`"
    )
    token_path: ClaimPath = Field("access_token", description="where the token stands in its answer")
    token_placement: Choice[TokenPlacement] = Field(
        TokenPlacement.HEADER, description="where userinfo expects the token: `header`, `query` or `body`"
    )
    token_name: Name = Field(
        "access_token", description="what userinfo calls the token's parameter, in a query or body"
    )
    userinfo_format: Choice[AnswerFormat] = Field(
        AnswerFormat.JSON, description="how userinfo's answer is written: `json`, `jsonp` or `form`"
    )
    userinfo_path: OptionalPath = Field(
        "", description="where the person stands in userinfo's answer; without it: at its top"
    )
    success_value: str = Field("", description="what `success_field` says of success, e.g. `0`")
    success_field: str = Field(
        "",
        validate_default=True,
        description="the field by which an answer says whether it is one, e.g. `errcode`",
    )
    entry: Literal["", "code"] = Field(
        "",
        description="`code`: the campus app may open `<base_url>/sign-in/<name>/entry` with one that it got by itself; the "
        "person confirms who they are before the session begins; no such way in without",
    )

    @field_validator("scope")
    @classmethod
    def check_scope(cls, scope: str) -> str:
        """An id_token must not go unchecked."""
        if "openid" in scope.split():
            raise ValueError('asks for openid: use kind = "oidc", which checks the id_token')
        return scope

    @field_validator("success_field")
    @classmethod
    def check_success_value(cls, field: str, info: ValidationInfo) -> str:
        """A field without what it says, or the other way round, tells nothing."""
        if bool(field) != bool(info.data.get("success_value", field)):
            raise ValueError("and success_value need each other")
        return field

    def make_provider(self) -> OAuth2Provider:
        """The provider that is configured so."""
        return OAuth2Provider(self)


class OAuth2Provider:
    """An `IdentityProvider`."""

    def __init__(self, settings: OAuth2Settings) -> None:
        self.name = settings.name
        self.label = settings.label
        self.browsers = settings.browsers
        self.entry = settings.entry
        self._settings = settings

    def begin(self, redirect_uri: str, *, asks_anew: bool = False) -> Redirect:
        """Make the authorization address, with a state and PKCE of its own. OAuth 2.0 has no word for asking anew."""
        settings = self._settings
        pending = {name: secrets.token_urlsafe(32) for name in ("state", "verifier")}
        named = (
            {} if settings.client_id_name == "client_id" else {settings.client_id_name: settings.client_id}
        )
        url = make_authorization_url(
            settings.authorize_url,
            settings.client_id,
            redirect_uri,
            settings.scope,
            pending["state"],
            pending["verifier"] if settings.pkce else "",
            **named,
        )
        return Redirect(url, pending)

    def finish(self, query: Mapping[str, str], pending: Mapping[str, str], redirect_uri: str) -> Person:
        """Exchange the code, ask who it is, and drop the token."""
        check_state(query, pending["state"])
        return self._identify(
            read_code(query), redirect_uri, pending["verifier"] if self._settings.pkce else ""
        )

    def enter(self, query: Mapping[str, str], redirect_uri: str) -> Person:
        """Exchange a code that the campus app got for this address by itself, without PKCE."""
        return self._identify(read_code(query), redirect_uri)

    def _identify(self, code: str, redirect_uri: str, verifier: str = "") -> Person:
        exchange = Exchange(self._settings.deadline_seconds)
        token = self._fetch_token(exchange, code, redirect_uri, verifier)
        return read_person(self._get_userinfo(exchange, token), self._settings)

    def sign_out_url(self, return_to: str) -> str | None:
        """Plain OAuth 2.0 has no common way to end the campus session."""
        return None

    def check(self, redirect_uri: str) -> list[CheckResult]:
        """Ask what `flask sign-in check` tells."""
        settings = self._settings
        exchange = Exchange(settings.deadline_seconds)

        def show_code() -> object:
            verifier = "v" * 43 if settings.pkce else ""
            return self._fetch_token(exchange, NOBODYS_CODE, redirect_uri, verifier)

        return collect(
            check_oauth2(
                exchange,
                self.begin(redirect_uri).url,
                settings.userinfo_url,
                show_code,
                settings.client_auth,
            )
        )

    def _fetch_token(self, exchange: Exchange, code: str, redirect_uri: str, verifier: str) -> str:
        settings = self._settings
        method = (
            self._add_credentials if settings.client_auth == "client_secret_post" else settings.client_auth
        )
        auth = make_client_auth(settings.client_id, settings.client_secret, method)
        answer = exchange_code(
            exchange, settings.token_url, auth, code, redirect_uri, verifier, settings.token_method
        )
        return self._read_token(answer.body, answer.status)

    def _add_credentials(
        self, client: ClientAuth, method: str, uri: str, headers: Any, body: Any
    ) -> tuple[str, Any, Any]:
        """Identifier and secret under this platform's names: in the query of a GET, else in the form."""
        named = {
            self._settings.client_id_name: client.client_id,
            self._settings.client_secret_name: client.client_secret,
        }
        if method == "GET":
            return add_query(uri, named), headers, body
        return uri, headers, add_params_to_qs(body, named)

    def _read_token(self, body: bytes, status: int) -> str:
        settings = self._settings
        answer = parse_answer(body, "token", settings.token_format)
        if "error" in answer or status != 200:
            raise explain_token_error(answer.get("error"))
        check_success(answer, "token", settings.success_field, settings.success_value)
        return check_token(find_claim(answer, settings.token_path))

    def _get_userinfo(self, exchange: Exchange, token: str) -> Mapping[str, Any]:
        settings = self._settings
        answer = parse_answer(
            exchange.fetch(self._ask_userinfo(token), "userinfo").body, "userinfo", settings.userinfo_format
        )
        check_success(answer, "userinfo", settings.success_field, settings.success_value)
        user = find_claim(answer, settings.userinfo_path) if settings.userinfo_path else answer
        if not isinstance(user, Mapping):
            raise ProviderMisbehaved("userinfo:nobody")
        return user

    def _ask_userinfo(self, token: str) -> Request:
        address, named = self._settings.userinfo_url, {self._settings.token_name: token}
        match self._settings.token_placement:
            case TokenPlacement.HEADER:
                return Request("GET", address, write_bearer(token))
            case TokenPlacement.QUERY:
                return Request("GET", add_query(address, named), {})
            case TokenPlacement.BODY:
                return Request("POST", address, {"Content-Type": FORM}, urlencode(named).encode())
