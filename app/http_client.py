"""The one HTTP client, for departments and for sign-in providers; it works in the background loop.

No redirect is followed (a 307 would post code and secret elsewhere), no proxy or password of the environment is used,
no cookie is kept, nothing is asked twice by itself, and an answer has a largest size that holds before and after
decompression. No exception carries an address, because some hold a code or a secret. How long a call may take is its
caller's to say: by `event_loop.run`, or by a time-out around `send`.
"""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, urlencode

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from app.domain.exchanges import Exchange, record_question
from app.event_loop import PerLoop, close_at_exit, forget_at_exit
from app.http_reasons import find_reason

USER_AGENT = "lixiao"
IDLE_SECONDS = 15
DNS_SECONDS = 60
_GZIP_WINDOW = 16 + zlib.MAX_WBITS

Headers = CIMultiDictProxy[str]
WantsBody = Callable[[int, Headers], bool]
"""Whether the body of an answer with this status and these headers is to be read; it may raise what it likes."""


class HttpFault(StrEnum):
    """Why there is no answer that can be used."""

    UNREACHABLE = "unreachable"
    TLS = "tls"
    DISCONNECTED = "disconnected"
    BAD_HTTP = "bad_http"
    TOO_LARGE = "too_large"
    ENCODING = "encoding"


class HttpError(Exception):
    """There is no answer that can be used."""

    def __init__(self, fault: HttpFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class NoAnswer(HttpError):
    """The connection failed before the first byte of an answer: what changes nothing may be asked once more."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request ready to be sent; `url` is percent-encoded. Holds secrets: never logged."""

    method: str
    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, decompressed; the body is empty if it was not wanted."""

    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)


class HttpClient:
    """Connections to whom `trust` vouches for, True for the system's authorities, with answers of at most `max_body`
    bytes. They are kept for the next request until `close`, or the end of the process.
    """

    def __init__(
        self,
        trust: ssl.SSLContext | bool,
        max_body: int,
        accept_encoding: str = "gzip",
        accept: str = "application/json",
    ) -> None:
        self._trust = trust
        self._max_body = max_body
        self._headers = {
            "User-Agent": USER_AGENT,
            "Accept": accept,
            "Accept-Encoding": accept_encoding,
        }
        self._sessions = PerLoop(self._open_session)

    async def send(self, request: Request, wants_body: WantsBody) -> Answer:
        """Send a request once. Raises HttpError, and what `wants_body` raises."""
        exchange = record_question(f"{request.method} {request.url}", request.headers, request.body or b"")
        call = self._sessions.get().request(
            request.method,
            _read_url(request.url),
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
        )
        try:
            response = await call
        except (aiohttp.InvalidURL, UnicodeError):
            raise NoAnswer(HttpFault.UNREACHABLE) from None
        except aiohttp.ClientResponseError:
            raise HttpError(HttpFault.BAD_HTTP) from None
        except (aiohttp.ClientConnectionError, OSError) as error:
            if exchange is not None:
                exchange.error, exchange.reason = str(error), find_reason(error)
            raise NoAnswer(_name_no_answer(error)) from None
        # Leaving the block drops the connection unless the answer was read to its end.
        async with response:
            headers = response.headers
            recorded = None if exchange is None else await self._record(exchange, response)
            if not wants_body(response.status, headers):
                return Answer(response.status, headers, b"")
            body = await self._read_body(response) if recorded is None else recorded
            return Answer(response.status, headers, body)

    async def close(self) -> None:
        """Close the running loop's connections."""
        session = self._sessions.pop()
        if session is not None:
            await session.close()
            forget_at_exit(self)

    async def _record(self, exchange: Exchange, response: aiohttp.ClientResponse) -> bytes:
        """Note the answer with its body, wanted or not: it may say what is wrong."""
        exchange.answer_head = f"HTTP {response.status} {response.reason or ''}".strip()
        exchange.answer_headers = dict(response.headers)
        exchange.answer_body = await self._read_body(response)
        return exchange.answer_body

    async def _read_body(self, response: aiohttp.ClientResponse) -> bytes:
        raw = bytearray()
        try:
            async for chunk in response.content.iter_any():
                raw += chunk
                if len(raw) > self._max_body:
                    raise HttpError(HttpFault.TOO_LARGE)
        except (aiohttp.ClientError, OSError):
            raise HttpError(HttpFault.DISCONNECTED) from None
        return decompress(bytes(raw), response.headers.getall("Content-Encoding", []), self._max_body)

    def _open_session(self) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            # How many calls may go out at once is for the caller to say, whose waiting is seen and named.
            connector=aiohttp.TCPConnector(
                limit=0, ssl=self._trust, keepalive_timeout=IDLE_SECONDS, ttl_dns_cache=DNS_SECONDS
            ),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            auto_decompress=False,
            trust_env=False,
        )
        # aiohttp repeats a GET by itself: an action would be done twice, a nonce or a ticket used twice.
        session._retry_connection = False  # noqa: SLF001
        close_at_exit(self)
        return session


def add_query(url: str, fields: Mapping[str, str | int]) -> str:
    """The address with further fields in its query."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(fields, quote_via=quote)}" if fields else url


def decompress(raw: bytes, encodings: list[str], max_body: int) -> bytes:
    """The body behind its Content-Encoding: none or gzip. Raises HttpError for any other, and for one that is larger
    than `max_body` bytes.
    """
    if not encodings:
        return raw
    if [name.strip().lower() for name in encodings] != ["gzip"]:
        raise HttpError(HttpFault.ENCODING)
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        body = inflater.decompress(raw, max_body + 1)
    except zlib.error:
        raise HttpError(HttpFault.ENCODING) from None
    if len(body) > max_body:
        raise HttpError(HttpFault.TOO_LARGE)
    if not inflater.eof or inflater.unused_data:
        raise HttpError(HttpFault.ENCODING)
    return body


def _read_url(url: str) -> URL:
    try:
        return URL(url, encoded=True)
    except ValueError:
        raise NoAnswer(HttpFault.UNREACHABLE) from None


def _name_no_answer(cause: Exception) -> HttpFault:
    if isinstance(cause, aiohttp.ClientSSLError):
        return HttpFault.TLS
    if isinstance(cause, aiohttp.ClientConnectorError):
        return HttpFault.UNREACHABLE
    return HttpFault.DISCONNECTED
