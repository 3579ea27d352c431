"""What a kind of sign-in offers, and how it says no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from app.domain.person import Person


class SignInFault(Exception):
    """Base of what stops a sign-in. `reason` is a short code for logs and the retry page, such as
    `wrong_state` or `missing_claim:student_number`; it never holds a code, token, secret or personal data.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SignInRefused(SignInFault):
    """The sign-in is not valid, was given up, or is not for this service."""


class ProviderMisbehaved(SignInRefused):
    """The provider answered something that must not be believed."""


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

    def begin(self, redirect_uri: str) -> Redirect:
        """Start a sign-in that comes back to `redirect_uri`. Raises SignInFault."""

    def finish(self, query: Mapping[str, str], pending: Mapping[str, str], redirect_uri: str) -> Person:
        """Tell who came back with `query`, for what `begin` left pending. Raises SignInFault."""

    def sign_out_url(self, return_to: str) -> str | None:
        """Where the browser goes to end the campus session as well, or None. Raises nothing."""
