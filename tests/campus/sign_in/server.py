"""Puts Authlib's authorization server together: code flow, PKCE, id_token, issuer, userinfo, sign-out."""

from __future__ import annotations

import hashlib
import os
import time
from typing import Any, ClassVar

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core import OpenIDCode, UserInfo, UserInfoEndpoint
from authlib.oidc.rpinitiated import EndSessionEndpoint, EndSessionRequest
from flask import Flask, request
from joserfc.jwk import KeySet, RSAKey

from tests.campus.accounts import Account, find_account
from tests.campus.sign_in.records import Client, Code, Records, Token

SCOPES = ("openid", "profile")
SESSION_COOKIE = "campus_session"


class Provider:
    """A running provider: its issuer, client, signing key, records and Authlib's server."""

    def __init__(self, app: Flask, issuer: str, client: Client) -> None:
        # Authlib refuses plain http; this program never listens on anything but loopback.
        os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
        self.issuer = issuer
        self.client = client
        self.records = Records()
        self.keys = KeySet([RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)])
        self.issuer_parameter = _Issuer(issuer)
        self.server = AuthorizationServer(app, self._find_client, self._save_token)
        self.server.register_grant(_grant_for(self), [RequiredPkce(), _IdToken(self)])
        self.server.register_extension(self.issuer_parameter)
        self.server.register_endpoint(_create_userinfo(self))
        self.server.register_endpoint(_EndSession(self))

    def signed_in(self) -> Account | None:
        """Return the person whom this browser is already signed in as."""
        number = self.records.sessions.get(request.cookies.get(SESSION_COOKIE, ""))
        return find_account(number) if number else None

    def _find_client(self, client_id: str) -> Client | None:
        return self.client if client_id == self.client.client_id else None

    def _save_token(self, token: dict[str, Any], oauth_request: OAuth2Request) -> None:
        expires_at = time.time() + token["expires_in"]
        record = Token(oauth_request.user.number, token["scope"], expires_at, self.client)
        self.records.tokens.put(token["access_token"], record)


def user_claims(person: Account, scope: str) -> UserInfo:
    """Return the claims about a person. `sub` is no student number, as with real providers."""
    sub = "cumt-" + hashlib.sha256(person.number.encode()).hexdigest()[:20]
    return UserInfo(sub=sub, **(person.claims() if "profile" in scope.split() else {"number": person.number}))


class RequiredPkce(CodeChallenge):  # type: ignore[misc]
    """PKCE with S256 only, required of every client."""

    SUPPORTED_CODE_CHALLENGE_METHOD: ClassVar[list[str]] = ["S256"]

    def validate_code_challenge(self, grant: AuthorizationCodeGrant, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if not data.get("code_challenge"):
            raise InvalidRequestError("Missing 'code_challenge'")
        if data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("'code_challenge_method' must be S256")
        super().validate_code_challenge(grant, redirect_uri)


class _Issuer(IssuerParameter):  # type: ignore[misc]
    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def get_issuer(self) -> str:
        return self._issuer


def _grant_for(provider: Provider) -> type[AuthorizationCodeGrant]:
    """Return the grant's class; Authlib makes an object of it for every request."""
    codes = provider.records.codes

    class Grant(AuthorizationCodeGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = ["client_secret_basic", "client_secret_post"]

        def save_authorization_code(self, code: str, oauth_request: OAuth2Request) -> None:
            data = oauth_request.payload.data
            challenge = data["code_challenge"], data["code_challenge_method"]
            redirect_uri, scope = data["redirect_uri"], oauth_request.scope
            number = oauth_request.user.number
            codes.put(
                code, Code(code, number, redirect_uri, scope, data.get("nonce"), *challenge, time.time())
            )

        def query_authorization_code(self, code: str, _client: Client) -> Code | None:
            found = codes.pop(code)
            return found if found and not found.is_expired() else None

        def delete_authorization_code(self, authorization_code: Code) -> None:
            """Nothing to do: a code is forgotten as soon as it is looked at."""

        def authenticate_user(self, authorization_code: Code) -> Account | None:
            return find_account(authorization_code.number)

    return Grant


class _IdToken(OpenIDCode):  # type: ignore[misc]
    def __init__(self, provider: Provider) -> None:
        super().__init__(require_nonce=True)
        self._provider = provider

    def resolve_client_private_key(self, _client: Client) -> KeySet:
        return self._provider.keys

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        return {"iss": self._provider.issuer, "aud": client.get_client_id()}

    def get_encode_header(self, _client: Client) -> dict[str, Any]:
        return {"alg": "RS256", "kid": self._provider.keys.keys[0].kid}

    def exists_nonce(self, _nonce: str, _request: OAuth2Request) -> bool:
        """Never: whether a nonce comes back twice is the client's to check, and a double tap must not fail."""
        return False

    def generate_user_info(self, user: Account, scope: str) -> UserInfo:
        return user_claims(user, scope)


def _create_userinfo(provider: Provider) -> UserInfoEndpoint:
    class Validator(BearerTokenValidator):  # type: ignore[misc]
        def authenticate_token(self, token_string: str) -> Token | None:
            return provider.records.tokens.get(token_string)

    class Endpoint(UserInfoEndpoint):  # type: ignore[misc]
        def generate_user_info(self, user: Account, scope: str) -> UserInfo:
            return user_claims(user, scope)

    protector = ResourceProtector()
    protector.register_token_validator(Validator())
    return Endpoint(resource_protector=protector)


class _EndSession(EndSessionEndpoint):  # type: ignore[misc]
    def __init__(self, provider: Provider) -> None:
        super().__init__(provider.server)
        self._provider = provider

    def get_server_jwks(self) -> KeySet:
        return self._provider.keys

    def is_post_logout_redirect_uri_legitimate(self, *_details: object) -> bool:
        """Take a known client's word: it drops its tokens after signing in and has no hint to show."""
        return True

    def end_session(self, _end_session_request: EndSessionRequest) -> None:
        self._provider.records.sessions.pop(request.cookies.get(SESSION_COOKIE, ""))
