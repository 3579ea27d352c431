"""The connector for systems that answer JSON over HTTP, each in a shape of its own (see `config.py`)."""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from app.connectors.base import ActionOutcome, FailureCode, UntrustedAnswer
from app.connectors.http.config import HttpJsonConfig
from app.connectors.http.pages import PageShape, PageWalk
from app.connectors.http.request import NO_OTHERS, Place, RequestShape, build_request
from app.connectors.json_paths import check_content_type, parse_json
from app.connectors.reading import get_as_of, judge_action, read_records
from app.domain.clearance import DepartmentUnavailable, Reading, Record
from app.domain.json_reading import Json
from app.http_client import Headers, HttpClient, HttpError, NoAnswer

MAX_BODY = 256 * 1024

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


def _check_head(status: int, headers: Headers) -> bool:
    check_status(status)
    check_content_type(", ".join(headers.getall("Content-Type", [])))
    return True


class HttpJsonConnector:
    """One system. Has no deadline of its own: it runs inside a GuardedConnector."""

    def __init__(self, config: HttpJsonConfig) -> None:
        self.name = config.name
        self.actions = frozenset(config.actions)
        self._config = config
        trust = ssl.create_default_context(cafile=config.ca_file) if config.ca_file else True
        self._client = HttpClient(trust, MAX_BODY)

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
        await self._client.close()

    @contextmanager
    def _named_faults(self) -> Iterator[None]:
        """Turn what is raised inside into DepartmentUnavailable, without its text or cause."""
        try:
            yield
        except (HttpError, UntrustedAnswer) as error:
            raise DepartmentUnavailable(self.name, FailureCode(error.fault)) from None

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
        except NoAnswer:
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
        answer = await self._client.send(request, _check_head)
        return parse_json(answer.body)
