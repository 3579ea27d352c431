"""Systems that answer JSON over HTTP, each in a shape of its own: the keys of their table, which `config/DEPARTMENTS.md`
explains to operators, and the connector.
"""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field as Key

from app.connectors.base import ActionOutcome, FailureCode, UntrustedAnswer
from app.connectors.config import ConnectorConfig
from app.connectors.fields import Facts, JsonField
from app.connectors.http.pages import PageShape, PageWalk
from app.connectors.http.request import (
    NO_OTHERS,
    Access,
    Place,
    RequestShape,
    build_request,
    list_body_contradictions,
)
from app.connectors.json_paths import AnyPath, check_content_type, parse_json
from app.connectors.reading import ActionShape, AnswerShape, NoRecord, get_as_of, judge_action, read_records
from app.domain.clearance import DepartmentUnavailable, Reading, Record
from app.domain.json_reading import Json
from app.http_client import Headers, HttpClient, HttpError, NoAnswer

ALL_ROWS = "the system sends all"
MAX_BODY = 256 * 1024
_STATUS_FAULTS: Mapping[int, FailureCode] = {
    401: FailureCode.CREDENTIAL_REFUSED,
    403: FailureCode.CREDENTIAL_REFUSED,
    429: FailureCode.TOO_MANY_REQUESTS,
}


class HttpAction(RequestShape, ActionShape):
    """A request that has something done, and what its answers mean."""

    echo: AnyPath = Key(
        description="path of the student number in the answer: must equal the number asked for"
    )


class HttpJsonConfig(ConnectorConfig, Access, RequestShape, AnswerShape):
    """A system that answers JSON: the question, its answer, and its actions."""

    kind: Literal["http_json"] = Key("http_json", description="a system that answers JSON over HTTP")
    complete: Literal["the system sends all"] | None = Key(
        None,
        description=f'with `many`: `"{ALL_ROWS}"`, in so many words, where its makers vouch for it and it tells no '
        "number of rows",
    )
    pages: PageShape | None = Key(None, description="if there: the rows come in pages")
    fields: Facts[JsonField]
    actions: Mapping[str, HttpAction] = Key({}, description="one table for each action")

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        yield from list_body_contradictions(self, self)
        yield from self._list_page_contradictions()
        for name, action in self.actions.items():
            for key, message in list_body_contradictions(self, action):
                yield f"actions.{name}.{key}", message
        if (self.no_record is NoRecord.MARKED) != bool(self.no_record_mark):
            yield "no_record_mark", 'needs no_record = "marked"' if self.no_record_mark else "is missing"
        if (self.as_of is None) != (self.fresh_for_minutes is None):
            yield "fresh_for_minutes", "is missing" if self.as_of else "needs as_of"
        if self.as_of is None and self.time_zone is not None:
            yield "time_zone", "needs as_of"

    def _list_page_contradictions(self) -> Iterator[tuple[str, str]]:
        """Rows that may be many are believed only if something proves that none of them is missing."""
        proofs = [key for key in ("count", "complete", "pages") if getattr(self, key) is not None]
        if len(proofs) > 1:
            others = ", ".join(proofs[1:])
            yield proofs[0], f"and {others} are set: one of them tells that no row is missing"
        if self.rows == "many" and not proofs:
            yield (
                "rows",
                f'is many: name what proves that no row is missing, count, [.pages] or complete = "{ALL_ROWS}"',
            )
        for key in ("complete", "pages"):
            if key in proofs and self.rows != "many":
                yield key, 'needs rows = "many"'
        if self.pages is not None:
            for key, message in self.pages.list_body_contradictions(self, self):
                yield f"pages.{key}", message


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
