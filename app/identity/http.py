"""One sign-in's conversation with a provider: Authlib's client with the limits that it leaves to us.

No redirect is followed (a 307 would post code and secret elsewhere), everything ends by one deadline, an
answer has a largest size, and no exception carries an address, because some hold a code or a secret.

Which addresses a provider may have.

Reading what a provider answered: JSON, or the JSONP and form-encoded texts of older platforms.

A total deadline for a conversation over HTTP.

`requests` bounds each wait for bytes, not their sum, so that a server which sends a byte now and then holds
a thread for ever. Here a timer shuts the sockets down when the time is over, whatever they wait for.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar, Token
from enum import StrEnum
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, quote_plus, urlsplit

from authlib.common.security import is_secure_transport
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from requests import RequestException, Response, Timeout
from requests.adapters import HTTPAdapter
from requests.auth import _basic_auth_str
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from app.domain.json_reading import JsonReader, refuse_duplicates
from app.identity.base import ProviderMisbehaved, SignInRefused, SignInUnavailable


def is_provider_address(address: object) -> bool:
    """Whether codes and secrets may be sent there: https, or http on this machine."""
    if not isinstance(address, str) or not address.isascii() or not address.isprintable() or " " in address:
        return False
    try:
        parts = urlsplit(address)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_whole and not parts.fragment and not parts.username and is_secure_transport(address)


def is_on_this_machine(address: str) -> bool:
    """Whether an address of the right form names this machine, or the link that it hangs on, in whatever spelling
    the system connects to: 127.1, 0x7f000001, [::ffff:127.0.0.1], 169.254.169.254, localhost.
    """
    host = (urlsplit(address).hostname or "").rstrip(".")
    number = _read_number(host)
    if number is None:
        return host == "localhost" or host.endswith(".localhost")
    if isinstance(number, IPv6Address) and number.ipv4_mapped is not None:
        number = number.ipv4_mapped
    return number.is_loopback or number.is_link_local or number.is_unspecified or int(number) >> 24 == 0


def _read_number(host: str) -> IPv4Address | IPv6Address | None:
    """The number that a host is, by the system's own reading of IPv4 (inet_aton(3)); None for a name."""
    try:
        return ip_address(socket.inet_aton(host))
    except OSError:
        pass
    try:
        return ip_address(host)
    except ValueError:
        return None


TOKEN_ERRORS = (
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
)
# Identifiers of 19 digits are common there, and texts are cleaned one by one where they are used.
_READER = JsonReader(max_digits=40, takes_lone_surrogates=True)
_JSONP = re.compile(r"\s*[A-Za-z_$][\w.$]*\s*\((.*)\)\s*;?\s*", re.DOTALL)


class AnswerFormat(StrEnum):
    """How an answer is written."""

    JSON = "json"
    JSONP = "jsonp"
    FORM = "form"


def parse_answer(body: bytes, what: str, answer_format: AnswerFormat = AnswerFormat.JSON) -> dict[str, Any]:
    """Parse an object in UTF-8 without repeated keys. `what` names the endpoint in the reason.
    Raises ProviderMisbehaved.
    """
    try:
        found = _parse(body.decode("utf-8-sig"), answer_format)
    except (ValueError, RecursionError):
        raise ProviderMisbehaved(f"{what}:not_{answer_format}") from None
    if not isinstance(found, dict):
        raise ProviderMisbehaved(f"{what}:not_{answer_format}")
    return found


def read_token_answer(body: bytes, status: int) -> dict[str, str]:
    """Read a token endpoint's JSON (RFC 6749, 5.1 and 5.2); only the members that are used are kept."""
    answer = parse_answer(body, "token")
    if "error" in answer or status != 200:
        raise explain_token_error(answer.get("error"))
    kept = {"id_token": answer["id_token"]} if isinstance(answer.get("id_token"), str) else {}
    # Some write another type, or none, and mean this one; a provider of another would refuse it at userinfo.
    return {"token_type": "Bearer", **kept, "access_token": check_token(answer.get("access_token"))}


def check_token(token: object) -> str:
    """Return a usable access token. Raises ProviderMisbehaved for anything else."""
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token.strip():
        raise ProviderMisbehaved("token:no_access_token")
    return token


def explain_token_error(error: object) -> SignInRefused:
    """Name a token endpoint's error. A code that was too old is nobody's fault."""
    code = error if isinstance(error, str) and error in TOKEN_ERRORS else "error"
    return (SignInRefused if code == "invalid_grant" else ProviderMisbehaved)(f"token:{code}")


def check_success(answer: Mapping[str, Any], what: str, field: str, value: str) -> None:
    """Raise SignInRefused if the answer has the field and another value in it: some platforms report their
    errors with status 200, and leave the field out when all is well.
    """
    if field and field in answer and _as_text(answer[field]) != value:
        raise SignInRefused(f"{what}:refused")


def _parse(text: str, answer_format: AnswerFormat) -> Any:
    if answer_format is AnswerFormat.FORM:
        return refuse_duplicates(parse_qsl(text.strip(), strict_parsing=True, max_num_fields=50))
    if answer_format is AnswerFormat.JSONP:
        wrapped = _JSONP.fullmatch(text)
        if wrapped is None:
            raise ValueError("no function call")
        text = wrapped[1]
    return _READER.read(text)


def _as_text(value: object) -> str:
    """A success value as it is written in the configuration."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class Deadline:
    """`with Deadline(seconds):` bounds everything that a `DeadlineAdapter` does inside the block."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends_at = 0.0
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._previous: Token[Deadline | None] | None = None

    def __enter__(self) -> Self:
        self._ends_at = time.monotonic() + self._seconds
        self._previous = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._previous is not None:
            _current.reset(self._previous)
        with self._lock:
            while self._sockets:
                self._sockets.pop().close()

    @property
    def is_over(self) -> bool:
        """Whether the time is over, and what was read since may be cut short."""
        return time.monotonic() >= self._ends_at

    @property
    def remaining(self) -> float:
        """Seconds left, never zero: sockets take zero for "do not wait"."""
        return max(self._ends_at - time.monotonic(), 0.001)

    def watch(self, connection: socket.socket) -> None:
        """Shut `connection` down when the time is over. A duplicate is kept, because TLS takes the original."""
        with self._lock:
            self._sockets.append(socket.socket(fileno=os.dup(connection.fileno())))
        if self._timer is None:
            self._timer = threading.Timer(self.remaining, self._shut_down)
            self._timer.daemon = True
            self._timer.start()
        if self.is_over:
            self._shut_down()

    def _shut_down(self) -> None:
        with self._lock:
            for connection in self._sockets:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


class _Watched:
    def _new_conn(self) -> socket.socket:
        connection: socket.socket = super()._new_conn()  # type: ignore[misc]
        deadline = _current.get()
        if deadline is not None:
            deadline.watch(connection)
        return connection


class _HttpConnection(_Watched, HTTPConnection):
    pass


class _HttpsConnection(_Watched, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class DeadlineAdapter(HTTPAdapter):
    """requests' adapter whose connections obey the `Deadline` that they are opened in."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Set up the pools with connections that can be watched."""
        super().init_poolmanager(*arguments, ssl_context=get_tls_context(), **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def cert_verify(self, *_arguments: Any) -> None:
        """Nothing to set: the shared context verifies; requests would load its authorities again each time."""


@cache
def get_tls_context() -> ssl.SSLContext:
    """How servers are verified: by the system's authorities, where a campus adds its own, and certifi's.
    Loading them takes 10 ms and more, so it is done once.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


MAX_ANSWER_BYTES = 512 * 1024
DEADLINE_SECONDS = 5.0
CLIENT_AUTH = ("client_secret_post", "client_secret_basic")


# At level DEBUG urllib3 writes every address, and an address may hold a code or a secret.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


class Exchange(OAuth2Session):  # type: ignore[misc]
    """Authlib's session, used as a context manager so that its deadline, connections and tokens end with it.
    All methods raise SignInError and nothing else of the network.
    """

    def __init__(
        self,
        seconds: float,
        client_auth: str,
        read_token: Callable[[bytes, int], dict[str, str]] = read_token_answer,
        **options: Any,
    ) -> None:
        super().__init__(token_endpoint_auth_method=client_auth, code_challenge_method="S256", **options)
        self.register_client_auth_method(("client_secret_basic", _encode_basic))
        self.trust_env = False
        self.headers.update({"Accept": "application/json", "Accept-Encoding": "identity"})
        for scheme in ("http://", "https://"):
            self.mount(scheme, DeadlineAdapter())
        self._deadline = Deadline(seconds)
        self._read_token = read_token

    def __enter__(self) -> Self:
        self._deadline.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.token_auth.set_token(None)
        self.close()
        self._deadline.__exit__(kind, error, trace)

    def request(self, method: str, url: str, **options: Any) -> Response:
        """Send a request within what is left of the deadline; the body waits for `read_body`."""
        options.update(allow_redirects=False, stream=True, timeout=self._deadline.remaining)
        try:
            response: Response = super().request(method, url, **options)
        except (RequestException, OAuthError, ValueError) as error:
            raise self._explain(error) from None
        return response

    def fetch_token(self, url: str, **options: Any) -> dict[str, str]:
        """Exchange a code for tokens."""
        try:
            tokens: dict[str, str] = super().fetch_token(url, **options)
        except (OAuthError, ValueError, TypeError, KeyError):
            raise ProviderMisbehaved("token:error") from None
        return tokens

    def get_json(self, url: str, what: str, **options: Any) -> dict[str, Any]:
        """Fetch a JSON object. `what` names the endpoint in the reason of a fault."""
        return parse_answer(self.read_body(self.get(url, **options), what), what)

    def read_body(self, response: Response, what: str, accept_errors: bool = False) -> bytes:
        """Read an answer's body. Anything but 200 is a fault; with `accept_errors`, 4xx have a body too."""
        with response:
            status = response.status_code
            if status >= 500 or status == 429:
                raise SignInUnavailable(f"{what}:http_{status}")
            if status != 200 and not (accept_errors and 400 <= status < 500):
                raise ProviderMisbehaved(f"{what}:http_{status}")
            return self._read_pieces(response, what)

    def _read_pieces(self, response: Response, what: str) -> bytes:
        body = bytearray()
        try:
            for piece in response.iter_content(16 * 1024):
                body += piece
                if len(body) > MAX_ANSWER_BYTES:
                    raise ProviderMisbehaved(f"{what}:too_big")
        except RequestException as error:
            raise self._explain(error) from None
        # A connection shut down by the deadline may look like the end of the body.
        if self._deadline.is_over:
            raise SignInUnavailable("timeout")
        return bytes(body)

    def parse_response_token(self, response: Response) -> dict[str, str]:
        """Take the token answer; Authlib calls this. When the token expires is of no interest."""
        kept = self._read_token(self.read_body(response, "token", accept_errors=True), response.status_code)
        self.token_auth.set_token(kept)
        return kept

    def _explain(self, error: Exception) -> SignInUnavailable:
        is_late = isinstance(error, Timeout) or self._deadline.is_over
        return SignInUnavailable("timeout" if is_late else "unreachable")


def _encode_basic(client: Any, _method: str, uri: str, headers: Any, body: Any) -> tuple[str, Any, Any]:
    """RFC 6749, 2.3.1: identifier and secret are form-encoded first, which Authlib does not do."""
    headers["Authorization"] = _basic_auth_str(quote_plus(client.client_id), quote_plus(client.client_secret))
    return uri, headers, body
