"""What a kind of sign-in offers, and how it says no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from app.domain.person import Person
from app.identity.finding import Finding


class SignInFault(Exception):
    """Base of what stops a sign-in. `reason` is a short code for logs and the retry page, such as
    `wrong_state` or `missing_claim:student_number`; it never holds a code, token, secret or personal data.
    CONNECTING.md explains every one. `arrived` are the names of the claims that came, where they were read.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.arrived: tuple[str, ...] = ()


class SignInRefused(SignInFault):
    """The sign-in is not valid, was given up, or is not for this service."""


class ProviderMisbehaved(SignInRefused):
    """The provider answered something that must not be believed."""


class ProviderRefused(SignInRefused):
    """The provider itself says that it does not let this sign-in through."""


class SignInUnavailable(SignInFault):
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

    def begin(self, redirect_uri: str, *, asks_anew: bool = False) -> Redirect:
        """Start a sign-in that comes back to `redirect_uri`; with `asks_anew` the provider is to ask who it is even
        where it knows the browser, if it can be told so. Raises SignInFault.
        """

    def finish(self, query: Mapping[str, str], pending: Mapping[str, str], redirect_uri: str) -> Person:
        """Tell who came back with `query`, for what `begin` left pending. Raises SignInFault, and
        SeveralIdentities where the person has several and is to choose.
        """

    def sign_out_url(self, return_to: str) -> str | None:
        """Where the browser goes to end the campus session as well, or None. Raises nothing."""

    def check(self, redirect_uri: str) -> list[Finding]:
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
