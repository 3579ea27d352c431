"""Signs in at the campus as a relying party does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from tests.campus.client import CampusClient
from tests.campus.credentials import DEMO

CALLBACK = "http://127.0.0.1:8000/sign-in/campus/callback"


@dataclass(frozen=True)
class SignIn:
    """One sign-in as a relying party starts it."""

    campus: CampusClient
    verifier: str
    nonce: str

    def address(self, **changes: str | None) -> str:
        """Return the authorization address; a parameter changed to None is left out."""
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": DEMO.client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid profile",
            "state": "the-state",
            "nonce": self.nonce,
            "code_challenge": create_s256_code_challenge(self.verifier),
            "code_challenge_method": "S256",
            **changes,
        }
        given = {name: value for name, value in parameters.items() if value is not None}
        return f"{self.campus.issuer}/authorize?{urlencode(given)}"

    def code(self, number: str = "TS23000009") -> str:
        """Sign in and return the code."""
        return query_of(self.campus.sign_in(self.address(), number))["code"]

    def exchange(self, code: str, **changes: str) -> requests.Response:
        """Return the token endpoint's answer; `changes` replace fields of the form."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
            "client_id": DEMO.client_id,
            "client_secret": DEMO.client_secret,
        }
        return requests.post(f"{self.campus.issuer}/token", form | changes, timeout=30)


def query_of(address: str) -> dict[str, str]:
    """Return the parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def get(address: str, **options: Any) -> requests.Response:
    """Return the answer at an address, following no redirect."""
    return requests.get(address, timeout=30, allow_redirects=False, **options)
