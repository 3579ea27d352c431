"""What an operator would ask an OpenID Connect provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from app.identity.answers import parse_answer
from app.identity.base import ProviderMisbehaved
from app.identity.checks import NOBODYS_CODE, check_client, check_clock, check_page
from app.identity.discovery import Metadata, read_keys, read_metadata
from app.identity.exchange import Exchange
from app.identity.finding import Finding, Fit


def check_oidc(
    exchange: Exchange,
    issuer: str,
    choose_client_auth: Callable[[Metadata], str],
    scopes: tuple[str, ...],
    begin: Callable[[], str],
    asks_userinfo: bool,
) -> Iterator[Finding]:
    """Look at discovery, issuer, clock, keys, PKCE, RFC 9207, the way of authentication, and our client.
    `begin` makes the address of a sign-in. Raises SignInFault where the provider's answer ends the look.
    """
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    response = exchange.get(address, withhold_token=True)
    date = response.headers.get("Date")
    document = parse_answer(exchange.read_body(response, "discovery"), "discovery")
    yield Finding(Fit.FITS, "the discovery document is there")
    yield check_clock(date, datetime.now(UTC))
    if document.get("issuer") != issuer:
        yield Finding(Fit.FAULT, "the document's issuer is not, letter by letter, the configured one")
        return
    metadata = read_metadata(document, issuer)
    keys = read_keys(exchange.get_json(metadata.jwks_uri, "keys", withhold_token=True))
    yield Finding(Fit.FITS, f"the issuer is the configured one; {len(keys)} signing key(s) can be used")
    client_auth = exchange.token_endpoint_auth_method = choose_client_auth(metadata)
    yield from _read_promises(document, client_auth, scopes)
    if asks_userinfo and not metadata.userinfo_endpoint:
        yield Finding(Fit.NOTE, "there is no userinfo endpoint: every claim must stand in the id_token")
    yield check_page(exchange, begin(), "the authorization endpoint")
    yield check_client(
        lambda: exchange.fetch_token(metadata.token_endpoint, code=NOBODYS_CODE, code_verifier="v" * 43),
        client_auth,
    )


def _read_promises(
    document: Mapping[str, Any], client_auth: str, scopes: tuple[str, ...]
) -> Iterator[Finding]:
    has_pkce = "S256" in _list(document, "code_challenge_methods_supported")
    yield (
        Finding(Fit.FITS, "PKCE with S256 is supported")
        if has_pkce
        else Finding(Fit.NOTE, "PKCE is not promised; the nonce alone ties the answer to the browser")
    )
    if document.get("authorization_response_iss_parameter_supported") is True:
        yield Finding(Fit.FITS, "the callback names its issuer (RFC 9207), which is checked")
    else:
        yield Finding(Fit.NOTE, "the callback does not name its issuer (RFC 9207)")
    # Not told means this one (OpenID Connect Discovery 1.0, 3).
    methods = _list(document, "token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if client_auth not in methods:
        yield Finding(Fit.FAULT, f"client_auth is {client_auth}, and the provider takes {', '.join(methods)}")
    unknown = [scope for scope in scopes if scope not in (_list(document, "scopes_supported") or scopes)]
    if unknown:
        yield Finding(Fit.NOTE, f"the provider does not name these scopes: {', '.join(unknown)}")


def _list(document: Mapping[str, Any], name: str) -> list[str]:
    value = document.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item.isprintable() for item in value):
        raise ProviderMisbehaved(f"discovery:{name}")
    return value
