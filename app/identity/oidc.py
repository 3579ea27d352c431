"""OpenID Connect: discovery, code flow with PKCE, a checked id_token, and userinfo about the same person."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeVar

from pydantic import Field, field_validator

from app.config_model import Flag, Secret, Text
from app.domain.person import Person
from app.http_client import add_query
from app.identity.base import (
    CheckResult,
    ProviderMisbehaved,
    Redirect,
    SignInError,
    SignInUnavailable,
    check_state,
    read_code,
)
from app.identity.claims import read_person
from app.identity.diagnostics import NOBODYS_CODE, check_oidc, collect
from app.identity.http import Exchange, parse_answer
from app.identity.oauth2 import (
    CLIENT_AUTH,
    exchange_code,
    make_authorization_url,
    make_client_auth,
    read_token_answer,
    write_bearer,
)
from app.identity.oidc_tokens import (
    Expected,
    Metadata,
    PublicKey,
    read_id_token,
    read_keys,
    read_metadata,
    read_signed_userinfo,
)
from app.identity.settings import Address, ProviderSettings

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """Kept for `lifetime` seconds, and longer while it cannot be fetched again. After a failure nobody asks
    again for `pause` seconds. One thread fetches; the others wait for it.
    """

    def __init__(self, lifetime: float, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lifetime = lifetime
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._value: Value | None = None
        self._failure: SignInError | None = None
        self._fetched_at = self._tried_at = float("-inf")

    def get(self, fetch: Callable[[], Value]) -> Value:
        """Return the value. Raises what `fetch` raises if there is none."""
        with self._lock:
            if self._value is not None and self._clock() < self._fetched_at + self._lifetime:
                return self._value
            return self._try(fetch)

    def get_newer(self, fetch: Callable[[], Value], at_most_every: float) -> Value:
        """Return the value, fetched again unless that was done in the last `at_most_every` seconds."""
        with self._lock:
            if self._value is not None and self._clock() < self._tried_at + at_most_every:
                return self._value
            return self._try(fetch)

    def _try(self, fetch: Callable[[], Value]) -> Value:
        if self._failure is None or self._clock() >= self._tried_at + self._pause:
            self._fetch(fetch)
        if self._value is not None:
            return self._value
        raise self._repeat_failure()

    def _repeat_failure(self) -> SignInError:
        """A fresh exception for each caller: an exception shared by threads would gather their tracebacks."""
        failure = self._failure or SignInUnavailable("unreachable")
        return type(failure)(failure.reason)

    def _fetch(self, fetch: Callable[[], Value]) -> None:
        try:
            self._value, self._failure = fetch(), None
            self._fetched_at = self._clock()
        except SignInError as failure:
            self._failure = failure
        self._tried_at = self._clock()


LIFETIME_SECONDS = 3600
PAUSE_SECONDS = 2
NEW_KEYS_SECONDS = 30
SIGNED_KIND = "application/jwt"
USERINFO_KINDS = f"application/json, {SIGNED_KIND}"


class OidcSettings(ProviderSettings):
    """`[sign_in.<name>]` with kind = "oidc"."""

    kind: Literal["oidc"] = Field(description="`oidc`")
    issuer: Address = Field(description="its address; everything else is discovered")
    client_id: Text = Field(description="from the provider's registration")
    client_secret: Secret = Field(description="from the provider's registration")
    client_auth: Literal["", "client_secret_post", "client_secret_basic"] = Field(
        "",
        description="`client_secret_post` or `client_secret_basic`; without it the first, unless the provider's document "
        "lists the second alone",
    )
    scope: Text = Field("openid", description="e.g. `openid profile`")
    userinfo: Flag = Field(
        True,
        description="whether the userinfo endpoint is asked, if there is one; `false` for ADFS and others whose id_token "
        "has all claims, and whose userinfo knows nothing but `sub`",
    )
    end_campus_session: Flag = Field(
        False,
        description="signing out here ends the campus session too; without it 换一个账号登录 asks the campus for a password "
        "anew (`prompt=login`)",
    )

    @field_validator("scope")
    @classmethod
    def check_scope(cls, scope: str) -> str:
        """Without the word there is no id_token."""
        if "openid" not in scope.split():
            raise ValueError("must contain openid")
        return scope

    def make_provider(self) -> OidcProvider:
        """The provider that is configured so."""
        return OidcProvider(self)


class OidcProvider:
    """An `IdentityProvider`; nothing is fetched before it is needed."""

    def __init__(self, settings: OidcSettings) -> None:
        self.name = settings.name
        self.label = settings.label
        self.browsers = settings.browsers
        self._settings = settings
        self._metadata: Remembered[Metadata] = Remembered(LIFETIME_SECONDS, PAUSE_SECONDS)
        self._keys: Remembered[tuple[PublicKey, ...]] = Remembered(LIFETIME_SECONDS, PAUSE_SECONDS)

    def begin(self, redirect_uri: str, *, asks_anew: bool = False) -> Redirect:
        """Make the authorization address, with state, nonce and PKCE of its own; `prompt` is OpenID Connect Core 1.0,
        3.1.2.1.
        """
        pending = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        exchange = self._open()
        url = make_authorization_url(
            self._get_metadata(exchange).authorization_endpoint,
            self._settings.client_id,
            redirect_uri,
            self._settings.scope,
            pending["state"],
            pending["verifier"],
            nonce=pending["nonce"],
            **({"prompt": "login"} if asks_anew else {}),
        )
        return Redirect(url, pending)

    def finish(self, query: Mapping[str, str], pending: Mapping[str, str], redirect_uri: str) -> Person:
        """Exchange the code, check the answers and tell who it is; the tokens are dropped."""
        check_state(query, pending["state"])
        exchange = self._open()
        metadata = self._get_metadata(exchange)
        check_issuer(query, metadata)
        token = self._fetch_tokens(exchange, metadata, read_code(query), redirect_uri, pending["verifier"])
        if "id_token" not in token:
            raise ProviderMisbehaved("id_token:missing")
        expected = Expected(metadata, self._settings.client_id, pending["nonce"], token["access_token"])
        claims = self._read_signed(
            exchange, metadata, lambda keys: read_id_token(token["id_token"], keys, expected)
        )
        userinfo = self._get_userinfo(exchange, metadata, token["access_token"], claims)
        return read_person(claims | userinfo, self._settings)

    def sign_out_url(self, return_to: str) -> str | None:
        """The provider's end-session address (RP-Initiated Logout 1.0), if it has one and is to be used."""
        if not self._settings.end_campus_session:
            return None
        try:
            exchange = self._open()
            address = self._get_metadata(exchange).end_session_endpoint
        except SignInError:
            return None
        fields = {"client_id": self._settings.client_id, "post_logout_redirect_uri": return_to}
        return add_query(address, fields) if address else None

    def check(self, redirect_uri: str) -> list[CheckResult]:
        """Ask what `flask sign-in check` tells."""
        settings = self._settings
        exchange = self._open()

        def show_code(metadata: Metadata) -> object:
            return self._fetch_tokens(exchange, metadata, NOBODYS_CODE, redirect_uri, "v" * 43)

        scopes = tuple(settings.scope.split())
        return collect(
            check_oidc(
                exchange,
                settings.issuer,
                self._choose_client_auth,
                scopes,
                lambda: self.begin(redirect_uri).url,
                show_code,
                settings.userinfo,
            )
        )

    def _choose_client_auth(self, metadata: Metadata) -> str:
        """As configured, or else in the form, unless the provider says that it reads the header alone."""
        return self._settings.client_auth or CLIENT_AUTH[metadata.takes_secret_in_header_only]

    def _open(self) -> Exchange:
        return Exchange(self._settings.deadline_seconds)

    def _fetch_tokens(
        self, exchange: Exchange, metadata: Metadata, code: str, redirect_uri: str, verifier: str
    ) -> dict[str, str]:
        settings, method = self._settings, self._choose_client_auth(metadata)
        auth = make_client_auth(settings.client_id, settings.client_secret, method)
        answer = exchange_code(exchange, metadata.token_endpoint, auth, code, redirect_uri, verifier)
        return read_token_answer(answer.body, answer.status)

    def _get_metadata(self, exchange: Exchange) -> Metadata:
        issuer = self._settings.issuer
        address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        return self._metadata.get(lambda: read_metadata(exchange.get_json(address, "discovery"), issuer))

    def _read_signed(
        self,
        exchange: Exchange,
        metadata: Metadata,
        read: Callable[[tuple[PublicKey, ...]], dict[str, Any]],
    ) -> dict[str, Any]:
        """What `read` takes from something signed. Once more with newer keys where no key fits: the provider may
        have changed them, and some do so without changing their names.
        """

        def fetch() -> tuple[PublicKey, ...]:
            return read_keys(exchange.get_json(metadata.jwks_uri, "keys"))

        held = self._keys.get(fetch)
        try:
            return read(held)
        except ProviderMisbehaved as error:
            newer = held
            if error.reason.endswith((":key", ":signature")):
                newer = self._keys.get_newer(fetch, NEW_KEYS_SECONDS)
            if newer is held:
                raise
        return read(newer)

    def _get_userinfo(
        self, exchange: Exchange, metadata: Metadata, token: str, claims: Mapping[str, Any]
    ) -> dict[str, Any]:
        if not metadata.userinfo_endpoint or not self._settings.userinfo:
            return {}
        headers = {"Accept": USERINFO_KINDS, **write_bearer(token)}
        answer = exchange.get(metadata.userinfo_endpoint, "userinfo", headers)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == SIGNED_KIND:
            text, client_id = answer.body.decode("ascii", "replace"), self._settings.client_id
            userinfo = self._read_signed(
                exchange, metadata, lambda keys: read_signed_userinfo(text, keys, metadata, client_id)
            )
        else:
            userinfo = parse_answer(answer.body, "userinfo")
        if userinfo.get("sub") != claims["sub"]:
            raise ProviderMisbehaved("userinfo:sub")
        return userinfo


def check_issuer(query: Mapping[str, str], metadata: Metadata) -> None:
    """Raise ProviderMisbehaved if the callback is another provider's, or hides whose it is (RFC 9207)."""
    issuer = query.get("iss")
    if issuer != metadata.issuer and (issuer is not None or metadata.names_issuer_in_callback):
        raise ProviderMisbehaved("callback:iss")
