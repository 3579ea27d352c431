"""What the provider remembers: its client, codes, tokens and signed-in browsers."""

from __future__ import annotations

import ipaddress
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Container, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin
from authlib.oidc.core import AuthorizationCodeMixin

from tests.campus.accounts import Account, find_account
from tests.campus.signatures import is_same

CODE_SECONDS = 60
MAX_RECORDS = 20_000
_CALLBACK_PATH = re.compile(r"/sign-in/[a-z0-9_-]+/callback")

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """A mapping that keeps the latest 20,000 entries; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, Value] = OrderedDict()

    def put(self, key: Key, value: Value) -> None:
        """Remember a value and forget the oldest one when there are too many."""
        with self._lock:
            self._entries[key] = value
            if len(self._entries) > MAX_RECORDS:
                self._entries.popitem(last=False)

    def get(self, key: Key) -> Value | None:
        """Return the value, or None."""
        return self._entries.get(key)

    def pop(self, key: Key) -> Value | None:
        """Return the value, or None, and forget it."""
        with self._lock:
            return self._entries.pop(key, None)


def is_loopback_url(url: str) -> bool:
    """Tell whether an http or https address points at this machine and carries nothing hidden."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or parts.username is not None or parts.fragment:
        return False
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class LoopbackUrls(Container[object]):
    """Every loopback address: where a browser may be sent after signing out."""

    def __contains__(self, url: object) -> bool:
        return isinstance(url, str) and is_loopback_url(url)


class Client(ClientMixin):  # type: ignore[misc]
    """The one relying party."""

    id_token_signed_response_alg = "RS256"

    def __init__(self, client_id: str, client_secret: str, redirect_uris: tuple[str, ...] = ()) -> None:
        self.client_id = client_id
        self._secret = client_secret
        self._redirect_uris = redirect_uris
        self.client_metadata: dict[str, Any] = {"post_logout_redirect_uris": LoopbackUrls()}

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """There is none: the request always names its own."""

    def get_allowed_scope(self, scope: str | None) -> str:
        return " ".join(name for name in (scope or "").split() if name in ("openid", "profile"))

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Accept the addresses given at the start, and on loopback every `/sign-in/<name>/callback`."""
        if redirect_uri in self._redirect_uris:
            return True
        parts = urlsplit(redirect_uri)
        is_callback = _CALLBACK_PATH.fullmatch(parts.path) is not None and not parts.query
        return is_callback and is_loopback_url(redirect_uri)

    def check_client_secret(self, client_secret: str) -> bool:
        return is_same(client_secret, self._secret)

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass(frozen=True)
class Code(AuthorizationCodeMixin):  # type: ignore[misc]
    """An authorization code, good for one exchange within a minute."""

    code: str
    number: str
    redirect_uri: str
    scope: str
    nonce: str | None
    code_challenge: str
    code_challenge_method: str
    issued_at: float

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(self.issued_at)

    def is_expired(self) -> bool:
        return time.time() > self.issued_at + CODE_SECONDS


@dataclass(frozen=True)
class Token(TokenMixin):  # type: ignore[misc]
    """An access token and whose it is."""

    number: str
    scope: str
    expires_at: float
    client: Client

    def get_scope(self) -> str:
        return self.scope

    def is_expired(self) -> bool:
        return time.time() > self.expires_at

    def is_revoked(self) -> bool:
        return False

    def get_user(self) -> Account | None:
        return find_account(self.number)

    def get_client(self) -> Client:
        return self.client


class Records:
    """Codes, tokens and browser sessions of a running provider."""

    def __init__(self) -> None:
        self.codes: Recent[str, Code] = Recent()
        self.tokens: Recent[str, Token] = Recent()
        self.sessions: Recent[str, str] = Recent()

    def start_session(self, number: str) -> str:
        """Remember that a browser is signed in as `number` and return its cookie's value."""
        session_id = secrets.token_urlsafe(24)
        self.sessions.put(session_id, number)
        return session_id
