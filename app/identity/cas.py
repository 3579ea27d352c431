"""CAS: a ticket in the callback, validated by asking the server (CAS Protocol 3.0, with 2.0 to fall back on).

CAS knows no state, so a random value stands in the service address; the server binds the ticket to that
address, and it is validated with the same one, byte for byte. python-cas is not used: it follows redirects,
has no deadline and no largest answer, and believes any namespace.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator

from app.config_model import Flag
from app.domain.person import Person
from app.http_client import add_query
from app.identity.base import CheckResult, ProviderMisbehaved, Redirect, SignInRefused, check_state
from app.identity.cas_xml import read_session_index, read_validation
from app.identity.claims import read_person
from app.identity.diagnostics import check_cas, collect
from app.identity.http import Exchange
from app.identity.settings import Address, ProviderSettings

VALIDATE = {
    "3": ("/p3/serviceValidate",),
    "2": ("/serviceValidate",),
    "auto": ("/p3/serviceValidate", "/serviceValidate"),
}
NO_SUCH_ADDRESS = frozenset(
    f"validate:http_{status}" for status in (301, 302, 303, 307, 308, 401, 403, 404, 405, 410)
)
"""How a server, or what stands before it, answers at an address of protocol 3 that it does not have."""
# A proxy's ticket, PT-, is not for a browser (CAS Protocol 3.0, 3.1 and 3.7; hosts add a dot and a name).
TICKET = re.compile(r"ST-[A-Za-z0-9._-]{1,253}")


class CasSettings(ProviderSettings):
    """`[sign_in.<name>]` with kind = "cas"."""

    kind: Literal["cas"] = Field(description="`cas`")
    url: Address = Field(description="the address before `/login`, e.g. `https://id.example.edu.cn/cas`")
    version: Literal["3", "2", "auto"] = Field(
        "auto",
        description="`3`, `2`, or `auto`: 3, and 2 where something else stands at `/p3/serviceValidate`: 404, 401, 405, a "
        "redirect",
    )
    entry: Literal["", "ticket"] = Field(
        "",
        description="`ticket`: the campus app may open `<base_url>/sign-in/<name>/entry` with one that it got by itself; "
        "the person confirms who they are before the session begins; no such way in without",
    )
    end_campus_session: Flag = Field(
        False,
        description="signing out here ends the campus session too; without it 换一个账号登录 asks the campus for a password "
        "anew (`renew=true`)",
    )

    @field_validator("url")
    @classmethod
    def strip_slash(cls, url: str) -> str:
        """Addresses are made by adding to it."""
        return url.rstrip("/")

    def make_provider(self) -> CasProvider:
        """The provider that is configured so."""
        return CasProvider(self)


class CasProvider:
    """An `IdentityProvider` that ends sessions too."""

    def __init__(self, settings: CasSettings) -> None:
        self.name = settings.name
        self.label = settings.label
        self.browsers = settings.browsers
        self.entry = settings.entry
        self._settings = settings

    def begin(self, redirect_uri: str, *, asks_anew: bool = False) -> Redirect:
        """Make the login address, with a service address of this sign-in's own; `renew` is CAS Protocol 3.0, 2.1.1."""
        state = secrets.token_urlsafe(32)
        login = self._make_login(make_service(redirect_uri, state))
        return Redirect(f"{login}&renew=true" if asks_anew else login, {"state": state})

    def finish(self, query: Mapping[str, str], pending: Mapping[str, str], redirect_uri: str) -> Person:
        """Ask the server whom the ticket is for."""
        check_state(query, pending["state"])
        return self._validate(query, make_service(redirect_uri, pending["state"]))

    def enter(self, query: Mapping[str, str], redirect_uri: str) -> Person:
        """Ask whom a ticket is for that the campus app got for this address by itself."""
        return self._validate(query, redirect_uri)

    def sign_out_url(self, return_to: str) -> str | None:
        """The server's logout address, if it is to be used."""
        if not self._settings.end_campus_session:
            return None
        return add_query(f"{self._settings.url}/logout", {"service": return_to})

    def name_session(self, query: Mapping[str, str]) -> str:
        """What the server will call this session when it ends it: the ticket."""
        return query.get("ticket", "")

    def read_logout(self, form: Mapping[str, str]) -> str | None:
        """The session that a logout request names, or None if it is no such request."""
        return read_session_index(form.get("logoutRequest", ""))

    def check(self, redirect_uri: str) -> list[CheckResult]:
        """Ask what `flask sign-in check` tells."""
        service = make_service(redirect_uri, secrets.token_urlsafe(32))
        exchange = Exchange(self._settings.deadline_seconds)
        return collect(
            check_cas(
                exchange, self._make_login, service, lambda ticket: self._fetch_validation(service, ticket)
            )
        )

    def _make_login(self, service: str) -> str:
        return add_query(f"{self._settings.url}/login", {"service": service})

    def _validate(self, query: Mapping[str, str], service: str) -> Person:
        ticket = query.get("ticket", "")
        if not TICKET.fullmatch(ticket):
            raise SignInRefused("callback:no_ticket")
        body = self._fetch_validation(service, ticket)
        return read_person(read_validation(body), self._settings)

    def _fetch_validation(self, service: str, ticket: str) -> bytes:
        """What the server says of a ticket. With version "auto", a server without the newer address is asked
        at the older one: the ticket is not used up by an address that validates nothing. Raises SignInError.
        """
        *newer, last = VALIDATE[self._settings.version]
        exchange = Exchange(self._settings.deadline_seconds)
        for path in newer:
            try:
                return self._ask(exchange, path, service, ticket)
            except ProviderMisbehaved as fault:
                if fault.reason not in NO_SUCH_ADDRESS:
                    raise
        return self._ask(exchange, last, service, ticket)

    def _ask(self, exchange: Exchange, path: str, service: str, ticket: str) -> bytes:
        address = add_query(self._settings.url + path, {"service": service, "ticket": ticket})
        return exchange.get(address, "validate", {"Accept": "application/xml, text/xml"}).body


def make_service(redirect_uri: str, state: str) -> str:
    """The service address of one sign-in. Of letters that every server leaves as they are."""
    return f"{redirect_uri}?state={state}"
