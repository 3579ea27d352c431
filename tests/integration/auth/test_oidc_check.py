"""What `flask sign-in check` finds at OpenID providers that promise less, or other things."""

from __future__ import annotations

from app.identity.base import Severity
from tests.integration.auth.small_provider import CALLBACK, SmallProvider, make_client
from tests.integration.auth.small_server import Answer

PROMISES = {
    "code_challenge_methods_supported": ["S256"],
    "token_endpoint_auth_methods_supported": ["client_secret_post"],
}


def check(provider: SmallProvider, **options: object) -> dict[str, Severity]:
    """What is said of the provider, and what it means."""
    provider.challenge = ""
    provider.answers["/authorize"] = lambda asked: Answer(b"<html>", kind="text/html")
    findings = make_client(provider.issuer, **options).check(CALLBACK)
    return {finding.message: finding.fit for finding in findings}


def get_fit(found: dict[str, Severity], text: str) -> Severity:
    (fit,) = [fit for message, fit in found.items() if text in message]
    return fit


def test_a_provider_that_promises_all_fits(provider: SmallProvider) -> None:
    provider.document = PROMISES
    assert set(check(provider).values()) == {Severity.FITS}


def test_what_is_not_promised_is_noted_and_does_not_stop_the_sign_in(provider: SmallProvider) -> None:
    provider.document = PROMISES | {
        "code_challenge_methods_supported": None,
        "authorization_response_iss_parameter_supported": None,
        "scopes_supported": ["openid"],
    }
    found = check(provider, scope="openid profile")
    for text in ("PKCE is not promised", "does not name its issuer", "scopes: profile"):
        assert get_fit(found, text) is Severity.NOTE
    assert Severity.FAULT not in found.values()


def test_another_way_of_authentication_is_a_fault_and_not_told_means_basic(provider: SmallProvider) -> None:
    provider.document = PROMISES | {"token_endpoint_auth_methods_supported": None}
    assert get_fit(check(provider), "client_auth is client_secret_post") is Severity.FAULT


def test_missing_keys_a_foreign_issuer_and_odd_promises_are_faults(provider: SmallProvider) -> None:
    provider.keys = []
    assert get_fit(check(provider), "keys:none") is Severity.FAULT
    provider.document = {"issuer": "https://other.example.edu"}
    assert get_fit(check(provider), "letter by letter") is Severity.FAULT
    provider.document = {"code_challenge_methods_supported": "S256"}
    assert Severity.FAULT in check(provider).values()


def test_a_callback_that_is_not_registered_is_a_fault(provider: SmallProvider) -> None:
    provider.document = PROMISES
    client = make_client(provider.issuer)
    provider.challenge = ""
    provider.answers["/authorize"] = lambda asked: Answer(b"invalid redirect_uri", 400, "text/html")
    found = {finding.message: finding.fit for finding in client.check(CALLBACK)}
    assert get_fit(found, "is our address registered?") is Severity.FAULT


def test_the_check_shows_no_secret_and_asks_only_what_a_sign_in_asks(provider: SmallProvider) -> None:
    told = "\n".join(check(provider))
    assert "s3cret" not in told
    assert set(provider.paths()) <= {"/.well-known/openid-configuration", "/jwks", "/authorize", "/token"}
