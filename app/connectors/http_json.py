"""The connector for systems that answer JSON over HTTP, each in a shape of its own (see `http_config.py`)."""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import aiohttp
from yarl import URL

from app.connectors.answer import judge_action, read_records
from app.connectors.base import ActionOutcome, Fault, UntrustedAnswer
from app.connectors.body import check_status, read_body
from app.connectors.http_config import HttpJsonConfig
from app.connectors.loop import PerLoop, close_at_exit, forget_at_exit
from app.connectors.request import RequestShape, build_request
from app.connectors.strict_json import Json, check_content_type, parse_json
from app.domain.clearance import DepartmentUnavailable, Reading

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

    def __init__(self, name: str, config: HttpJsonConfig, trust: ssl.SSLContext | bool = True) -> None:
        self.name = name
        self.actions = frozenset(config.actions)
        self._config = config
        self._trust = trust
        self._sessions = PerLoop(self._open_session)

    async def fetch_reading(self, student_number: str) -> Reading:
        """Ask for one student, once more if the connection failed before any answer; see Connector."""
        with self._named_faults():
            try:
                document = await self._ask(self._config.question, student_number)
            except _NoAnswer:
                document = await self._ask(self._config.question, student_number)
            records = read_records(self._config.answer, document, student_number)
        return Reading(self.name, student_number, records, datetime.now(UTC))

    async def perform_action(self, action: str, student_number: str) -> ActionOutcome:
        """Ask once and never again; raises DepartmentUnavailable when there is no answer to judge."""
        request, shape = self._config.actions[action]
        with self._named_faults():
            return judge_action(shape, await self._ask(request, student_number), student_number)

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

    async def _ask(self, shape: RequestShape, student_number: str) -> Json:
        request = build_request(shape, student_number, int(time.time()), secrets.token_hex(16))
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
            raise UntrustedAnswer(Fault.BAD_HTTP) from None
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


def _name_no_answer(cause: Exception) -> Fault:
    if isinstance(cause, aiohttp.ClientSSLError):
        return Fault.TLS
    return Fault.UNREACHABLE if isinstance(cause, aiohttp.ClientConnectorError) else Fault.DISCONNECTED
