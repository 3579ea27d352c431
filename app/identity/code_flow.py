"""The authorization code flow (RFC 6749, 4.1) with PKCE (RFC 7636), by Authlib's functions: where the browser is sent,
the request that exchanges the code, and what the token endpoint answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote_plus

from authlib.oauth2 import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from app.http_client import Answer, Request, add_query
from app.identity.base import ProviderMisbehaved, SignInRefused
from app.identity.http import Exchange, parse_answer

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
