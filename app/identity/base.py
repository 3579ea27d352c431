"""What a kind of sign-in offers, what comes back in the callback's query (RFC 6749, 4.1.2), how a sign-in is refused, and
what a look at a provider found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hmac import compare_digest
from typing import Protocol, runtime_checkable

from app.domain.person import Person


class Severity(StrEnum):
    """What a finding means: it fits, works but should be known, or will not work."""

    FITS = "fits"
    NOTE = "note"
    FAULT = "FAULT"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing that was looked at."""

    fit: Severity
    message: str


class SignInError(Exception):
    """Base of what stops a sign-in. `reason` is a short code for logs and the retry page, such as
    `wrong_state` or `missing_claim:student_number`; it never holds a code, token, secret or personal data.
    CONNECTING.md explains every one. `arrived` are the names of the claims that came, where they were read.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.arrived: tuple[str, ...] = ()


class SignInRefused(SignInError):
    """The sign-in is not valid, was given up, or is not for this service."""


class ProviderMisbehaved(SignInRefused):
    """The provider answered something that must not be believed."""


class ProviderRefused(SignInRefused):
    """The provider itself says that it does not let this sign-in through."""


class SignInUnavailable(SignInError):
    """The provider cannot be reached, or says that it cannot answer now."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where the browser goes to sign in, and what to keep until it comes back; `pending["state"]` is the
    value that comes back in the callback's `state`.
    """

    url: str = field(repr=False)
    pending: dict[str, str] = field(repr=False)


class IdentityProvider(Protocol):
    """A configured provider. Methods may be called from several threads at once."""

    name: str
    label: str
    browsers: re.Pattern[str] | None
    """Is searched in a browser's User-Agent, to take this provider without asking."""

    def begin(self, redirect_uri: str, *, asks_anew: bool = False) -> Redirect:
        """Start a sign-in that comes back to `redirect_uri`; with `asks_anew` the provider is to ask who it is even
        where it knows the browser, if it can be told so. Raises SignInError.
        """

    def finish(self, query: Mapping[str, str], pending: Mapping[str, str], redirect_uri: str) -> Person:
        """Tell who came back with `query`, for what `begin` left pending. Raises SignInError, and
        SeveralIdentities where the person has several and is to choose.
        """

    def sign_out_url(self, return_to: str) -> str | None:
        """Where the browser goes to end the campus session as well, or None. Raises nothing."""

    def check(self, redirect_uri: str) -> list[CheckResult]:
        """What an operator would ask the provider, and what it says. Changes and raises nothing."""


@runtime_checkable
class OpenedFromCampus(Protocol):
    """A provider whose campus app may open this service with a `ticket` or `code` that it got by itself."""

    entry: str
    """The name of that parameter, or "" while such a way in is not configured."""

    def enter(self, query: Mapping[str, str], redirect_uri: str) -> Person:
        """Tell who was sent to `redirect_uri` with `query`. Nothing shows that this browser is theirs.
        Raises what `IdentityProvider.finish` raises.
        """


@runtime_checkable
class EndsSessions(Protocol):
    """A provider that says when a campus session has ended (single logout)."""

    name: str

    def name_session(self, query: Mapping[str, str]) -> str:
        """What it will call the session that begins with this callback."""

    def read_logout(self, form: Mapping[str, str]) -> str | None:
        """The session that a form from it ends, or None if the form is no such message."""


ERROR_CODE = re.compile(r"[A-Za-z0-9_.:/ -]{1,60}")
"""Of RFC 6749's characters (4.1.2.1) those that codes are made of: the rest could be anything, a secret as well."""


def check_state(query: Mapping[str, str], state: str) -> None:
    """Raise SignInRefused unless the callback answers this very sign-in."""
    if not compare_digest(query.get("state", "").encode(), state.encode()):
        raise SignInRefused("wrong_state")


def read_code(query: Mapping[str, str]) -> str:
    """Take the code. Where there is an error instead, raises SignInRefused when the person gave up, else
    SignInUnavailable or ProviderRefused with the provider's own word for it.
    """
    error = query.get("error")
    if error in ("temporarily_unavailable", "server_error"):
        raise SignInUnavailable(f"callback:{error}")
    if error == "access_denied":
        raise SignInRefused("denied")
    if error is not None:
        raise ProviderRefused(f"callback:{error}" if ERROR_CODE.fullmatch(error) else "callback:error")
    if not query.get("code"):
        raise SignInRefused("callback:no_code")
    return query["code"]
