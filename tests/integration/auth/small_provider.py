"""A small OpenID Connect provider that is right by default and wrong wherever a test says so."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from app.domain.person import NumberForm, Person
from app.identity.oidc import OidcProvider
from app.identity.registry import build_providers
from tests.integration.auth.small_server import Answer, Asked, SmallServer, json_answer

CALLBACK = "https://lixiao.example.edu/sign-in/campus/callback"
CLIENT_ID = "lixiao"
CLIENT_SECRET = "s3cret+%&= /with?signs"
ACCESS_TOKEN = "access-token-value-1234567890"
CODE = "code-value-1234567890"
CLAIMS = {"sub": "u-17", "number": "TS23000002", "name": "李文静"}
REAL_KEY = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "one"})
OTHER_KEY = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "one"})


class SmallProvider(SmallServer):
    """`claims` are merged into the id_token, None removes one; the rest replaces what the name says."""

    def __init__(self) -> None:
        super().__init__()
        self.issuer = self.url
        self.nonce = ""
        self.keys: list[RSAKey] = [REAL_KEY]
        self.signing_key: Any = REAL_KEY
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "one"}
        self.claims: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = dict(CLAIMS)
        self.document: dict[str, Any] = {}
        self.token: dict[str, Any] = {}
        self.callback: dict[str, str | None] = {}
        self.answers |= {
            "/.well-known/openid-configuration": lambda asked: json_answer(self.describe()),
            "/jwks": lambda asked: json_answer(KeySet(self.keys).as_dict(private=False)),
            "/token": self.exchange,
            "/userinfo": self.tell,
        }

    def describe(self) -> dict[str, Any]:
        """The discovery document."""
        addresses = {
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/end",
        }
        flags = {"authorization_response_iss_parameter_supported": True}
        return _merge({"issuer": self.issuer, **addresses, **flags}, self.document)

    def come_back(self, address: str) -> dict[str, str]:
        """Sign somebody in at the authorization address; the callback's query."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert asked["redirect_uri"] == CALLBACK
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        self.nonce = asked["nonce"]
        self.challenge = asked["code_challenge"]
        return _merge({"code": CODE, "state": asked["state"], "iss": self.issuer}, self.callback)

    def exchange(self, asked: Asked) -> Answer:
        """The token endpoint; checks what any provider checks."""
        verifier = asked.form.get("code_verifier", "")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if (asked.form.get("code"), asked.form.get("redirect_uri"), challenge) != (
            CODE,
            CALLBACK,
            self.challenge,
        ):
            return json_answer({"error": "invalid_grant"}, 400)
        if (asked.form.get("client_id"), asked.form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return json_answer({"error": "invalid_client"}, 401)
        token = {
            "access_token": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": self.sign(),
        }
        return json_answer(_merge(token, self.token))

    def sign(self) -> str:
        """The id_token."""
        now = int(time.time())
        half = hashlib.sha256(ACCESS_TOKEN.encode()).digest()[:16]
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": CLAIMS["sub"],
            "exp": now + 300,
            "iat": now,
            "nonce": self.nonce,
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
        }
        algorithms = [self.header["alg"]]
        return jwt.encode(self.header, _merge(claims, self.claims), self.signing_key, algorithms=algorithms)

    def tell(self, asked: Asked) -> Answer:
        """The userinfo endpoint."""
        if asked.headers.get("Authorization") != f"Bearer {ACCESS_TOKEN}":
            return json_answer({"error": "invalid_token"}, 401)
        return json_answer(self.userinfo)


def make_client(issuer: str, **options: object) -> OidcProvider:
    """The product's provider, configured for a small one."""
    faults: list[str] = []
    section = {
        "label": "统一身份认证",
        "issuer": issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "deadline_seconds": 5,
        "claims": {"student_number": "number", "name": "name"},
    }
    client = build_providers({"campus": {"kind": "oidc", **section, **options}}, NumberForm(), faults)[
        "campus"
    ]
    assert not faults
    return client


def sign_in(provider: SmallProvider, **options: object) -> Person:
    """One whole sign-in with a client that has not met the provider before."""
    client = make_client(provider.issuer, **options)
    redirect = client.begin(CALLBACK)
    return client.finish(provider.come_back(redirect.url), redirect.pending, CALLBACK)


def _merge(data: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (data | changes).items() if value is not None}
