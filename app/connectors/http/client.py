"""The connector for systems that answer JSON over HTTP, each in a shape of its own (see `config.py`).

Reads an answer's body up to a limit that holds before and after decompression.
"""

from __future__ import annotations

import secrets
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import aiohttp
from yarl import URL

from app.connectors.base import ActionOutcome, FailureCode, UntrustedAnswer
from app.connectors.http.config import HttpJsonConfig
from app.connectors.http.pages import PageShape, PageWalk
from app.connectors.http.request import NO_OTHERS, Place, RequestShape, build_request
from app.connectors.json_paths import check_content_type, parse_json
from app.connectors.reading import get_as_of, judge_action, read_records
from app.domain.clearance import DepartmentUnavailable, Reading, Record
from app.domain.json_reading import Json
from app.event_loop import PerLoop, close_at_exit, forget_at_exit

MAX_BODY = 256 * 1024

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_STATUS_FAULTS: Mapping[int, FailureCode] = {
    401: FailureCode.CREDENTIAL_REFUSED,
    403: FailureCode.CREDENTIAL_REFUSED,
    429: FailureCode.TOO_MANY_REQUESTS,
}


def check_status(status: int) -> None:
    """Raise UntrustedAnswer for every status but 200, whatever the body says."""
    if status == 200:
        return
    if status in _STATUS_FAULTS:
        raise UntrustedAnswer(_STATUS_FAULTS[status])
    if 300 <= status < 400:
        raise UntrustedAnswer(FailureCode.REDIRECT)
    raise UntrustedAnswer(FailureCode.SERVER_ERROR if status >= 500 else FailureCode.HTTP_STATUS)


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, decompressed, of at most 256 KiB; raises UntrustedAnswer."""
    raw = bytearray()
    try:
        async for chunk in response.content.iter_any():
            raw += chunk
            if len(raw) > MAX_BODY:
                raise UntrustedAnswer(FailureCode.TOO_LARGE)
    except (aiohttp.ClientError, OSError):
        raise UntrustedAnswer(FailureCode.DISCONNECTED) from None
    return decompress(bytes(raw), response.headers.getall("Content-Encoding", []))


def decompress(raw: bytes, encodings: list[str]) -> bytes:
    """The body behind its Content-Encoding: none or gzip; raises UntrustedAnswer for any other."""
    if not encodings:
        return raw
    if [name.strip().lower() for name in encodings] != ["gzip"]:
        raise UntrustedAnswer(FailureCode.ENCODING)
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        body = inflater.decompress(raw, MAX_BODY + 1)
    except zlib.error:
        raise UntrustedAnswer(FailureCode.ENCODING) from None
    if len(body) > MAX_BODY:
        raise UntrustedAnswer(FailureCode.TOO_LARGE)
    if not inflater.eof or inflater.unused_data:
        raise UntrustedAnswer(FailureCode.ENCODING)
    return body


USER_AGENT = "lixiao"
IDLE_SECONDS = 15
DNS_SECONDS = 60


class _NoAnswer(Exception):
    """The connection failed before the first byte of an answer."""

    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.fault = _name_no_answer(cause)


class HttpJsonConnector:
    """One system. Has no deadline of its own: it runs inside a GuardedConnector."""

    def __init__(self, config: HttpJsonConfig) -> None:
        self.name = config.name
        self.actions = frozenset(config.actions)
        self._config = config
        self._trust = ssl.create_default_context(cafile=config.ca_file) if config.ca_file else True
        self._sessions = PerLoop(self._open_session)

    async def fetch_reading(self, student_number: str) -> Reading:
        """Ask for one student, once more if the connection failed before any answer; see Connector."""
        shape, pages = self._config, self._config.pages
        with self._named_faults():
            if pages is not None:
                records, as_of = await self._walk(pages, student_number)
            else:
                document = await self._ask_again(student_number)
                records = read_records(shape, document, student_number)
                as_of = get_as_of(shape, document, datetime.now(UTC))
        now = datetime.now(UTC)
        shape.require_fresh(self.name, as_of, now)
        return Reading(self.name, student_number, records, now)

    async def perform_action(self, action: str, student_number: str) -> ActionOutcome:
        """Ask once and never again; raises DepartmentUnavailable when there is no answer to judge."""
        shape = self._config.actions[action]
        with self._named_faults():
            return judge_action(shape, shape.echo, await self._ask(shape, student_number), student_number)

    async def close(self) -> None:
        """See Connector."""
        session = self._sessions.pop()
        if session is not None:
            await session.close()
            forget_at_exit(self)

    @contextmanager
    def _named_faults(self) -> Iterator[None]:
        """Turn what is raised inside into DepartmentUnavailable, without its text or cause."""
        try:
            yield
        except (_NoAnswer, UntrustedAnswer) as error:
            raise DepartmentUnavailable(self.name, error.fault) from None

    async def _walk(self, pages: PageShape, student_number: str) -> tuple[tuple[Record, ...], datetime]:
        """The records of all pages, and the oldest moment that one of them gives for its data."""
        shape = self._config
        walk = PageWalk(shape, pages, student_number)
        oldest = datetime.now(UTC)
        for page in range(pages.first, pages.first + pages.most):
            document = await self._ask_again(student_number, pages.make_fields(page))
            oldest = min(oldest, get_as_of(shape, document, datetime.now(UTC)))
            if walk.take(document, page):
                return walk.read_records(), oldest
        raise UntrustedAnswer(FailureCode.TOO_LARGE)

    async def _ask_again(
        self, student_number: str, others: Mapping[Place, Mapping[str, str | int]] = NO_OTHERS
    ) -> Json:
        """The answer to the question, asked twice if the connection failed before any answer."""
        try:
            return await self._ask(self._config, student_number, others)
        except _NoAnswer:
            return await self._ask(self._config, student_number, others)

    async def _ask(
        self,
        shape: RequestShape,
        student_number: str,
        others: Mapping[Place, Mapping[str, str | int]] = NO_OTHERS,
    ) -> Json:
        request = build_request(
            self._config, shape, student_number, int(time.time()), secrets.token_hex(16), others
        )
        call = self._sessions.get().request(
            request.method,
            URL(request.url, encoded=True),
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
        )
        try:
            response = await call
        except aiohttp.ClientResponseError:
            raise UntrustedAnswer(FailureCode.BAD_HTTP) from None
        except (aiohttp.ClientConnectionError, OSError) as error:
            raise _NoAnswer(error) from None
        # Leaving the block drops the connection unless the answer was read to its end.
        async with response:
            check_status(response.status)
            check_content_type(", ".join(response.headers.getall("Content-Type", [])))
            return parse_json(await read_body(response))

    def _open_session(self) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            # The limit of calls is the guard's, whose waiting is seen and named.
            connector=aiohttp.TCPConnector(
                limit=0, ssl=self._trust, keepalive_timeout=IDLE_SECONDS, ttl_dns_cache=DNS_SECONDS
            ),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"},
            auto_decompress=False,
            trust_env=False,
        )
        # aiohttp repeats a GET by itself: an action would be done twice, a nonce used twice.
        session._retry_connection = False  # noqa: SLF001
        close_at_exit(self)
        return session


def _name_no_answer(cause: Exception) -> FailureCode:
    if isinstance(cause, aiohttp.ClientSSLError):
        return FailureCode.TLS
    return (
        FailureCode.UNREACHABLE
        if isinstance(cause, aiohttp.ClientConnectorError)
        else FailureCode.DISCONNECTED
    )
