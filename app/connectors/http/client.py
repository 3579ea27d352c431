"""Systems that answer JSON or XML over HTTP, each in a shape of its own: the keys of their table, which `config/DEPARTMENTS.md`
explains to operators, and the connector.
"""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Literal

from pydantic import Field as Key
from pydantic import model_validator

from app.config_model import Flag
from app.connectors.base import ActionOutcome, FailureCode, UntrustedAnswer
from app.connectors.config import ConnectorConfig
from app.connectors.field_keys import FieldType, JsonType
from app.connectors.fields import Facts, JsonField
from app.connectors.http.answers import (
    AnswerForm,
    AnswerText,
    Format,
    InsideTexts,
    list_inside_contradictions,
    read_rows_format,
)
from app.connectors.http.cursor import CursorShape
from app.connectors.http.pages import PageShape
from app.connectors.http.places import NOTHING, Claim, Placed, merge
from app.connectors.http.request import Access, RequestShape, build_request, list_request_contradictions
from app.connectors.http.token import TokenKeeper, TokenShape
from app.connectors.http.walk import WalkShape
from app.connectors.json_paths import AnyPath, all_hold
from app.connectors.reading import (
    ActionShape,
    AnswerShape,
    NoRecord,
    NumberAs,
    check_number_as,
    get_as_of,
    judge_action,
    read_records,
)
from app.domain.clearance import DepartmentUnavailable, Reading, Record
from app.domain.json_reading import Json, Path
from app.http_client import Answer, Headers, HttpClient, HttpError, NoAnswer

ALL_ROWS = "the system sends all"
PROOFS = ("count", "complete", "pages", "cursor")
WAYS = ("count", "[.pages]", "[.cursor]")
"""What tells of rows that may be many that none is missing."""
MAX_BODY = 256 * 1024
_STATUS_FAULTS: Mapping[int, FailureCode] = {
    403: FailureCode.CREDENTIAL_REFUSED,
    429: FailureCode.TOO_MANY_REQUESTS,
}


class HttpAction(RequestShape, ActionShape):
    """A request that has something done, and what its answers mean."""

    inside: InsideTexts = ()
    echo: AnyPath = Key(
        description="path of the student number in the answer: must equal the number asked for"
    )
    repeat_after_401: Flag = Key(
        False,
        description="with `[.token]`, true: the makers vouch that a 401, or `expired`, proves that nothing was done, so that "
        "the action is asked for once more with a new token; false: what became of it is told as unknown",
    )


class HttpConfig(ConnectorConfig, Access, RequestShape, AnswerShape, AnswerText):
    """A system that is asked over HTTP: the question, its answer, and its actions."""

    kind: Literal["http_json", "http_xml"] = Key(
        description="`http_json` for a system that answers JSON, `http_xml` for one that answers XML"
    )
    inside: InsideTexts = ()
    complete: Literal["the system sends all"] | None = Key(
        None,
        description=f'with `many`: `"{ALL_ROWS}"`, in so many words, where its makers vouch for it and it tells no '
        "number of rows",
    )
    pages: PageShape | None = Key(None, description="if there: the rows come in pages")
    cursor: CursorShape | None = Key(
        None, description="if there: the rows come behind one cursor after another"
    )
    fields: Facts[JsonField]
    actions: Mapping[str, HttpAction] = Key({}, description="one table for each action")

    @property
    def format(self) -> Format:
        """How its answers are written."""
        return Format.XML if self.kind == "http_xml" else Format.JSON

    def get_form(self, request: RequestShape) -> AnswerForm:
        """How the answer to the question, or to one of its actions, is built."""
        inside = request.inside if isinstance(request, HttpConfig | HttpAction) else ()
        return AnswerForm(self.format, inside, request.soap)

    def look_up_rows(self, document: Json) -> Json:
        """See AnswerShape."""
        form = self.get_form(self)
        return form.look_up_rows(document, self.rows_path, self.no_record, self._understood)

    @cached_property
    def _understood(self) -> frozenset[Path]:
        """The paths of an answer that are compared with something, whatever rows it has."""
        walk = self.walk
        marks = [*self.success, *self.no_record_mark, *(walk.last if walk else ())]
        paths = {self.echo, self.count, self.as_of, *(mark.path for mark in marks)}
        if walk is not None:
            paths |= set(walk.read_paths)
        return frozenset(path for path in paths if path is not None)

    def look_up_number(self, document: Json, path: Path) -> Json:
        """See AnswerShape."""
        return self.take_number(self.get_form(self).look_up_number(document, path))

    @model_validator(mode="before")
    @classmethod
    def _count_in_texts(cls, table: object) -> object:
        """In XML a number is a text, so that it need not be said of each fact."""
        if not isinstance(table, dict) or read_rows_format(table) is not Format.XML:
            return table
        fields = table.get("fields")
        if not isinstance(fields, Mapping):
            return table
        return table | {"fields": {fact: _write_as_text(field) for fact, field in fields.items()}}

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        # What needs the fewest keys comes first, as a wrong one ends the list.
        yield from self._list_key_contradictions()
        yield from self._list_page_contradictions()
        yield from super().list_contradictions()
        yield from list_request_contradictions(self, self, list(self._list_walk_claims()))
        yield from self._list_answer_contradictions()
        for name, action in self.actions.items():
            for key, message in self._list_action_contradictions(action):
                yield f"actions.{name}.{key}", message
            if action.repeat_after_401 and self.token is None:
                yield f"actions.{name}.repeat_after_401", "needs [.token]"
        yield from check_number_as(self.number_as, self.conventions)

    def _list_key_contradictions(self) -> Iterator[tuple[str, str]]:
        """What is wrong between a few keys of the table itself."""
        if (self.no_record is NoRecord.MARKED) != bool(self.no_record_mark):
            yield "no_record_mark", 'needs no_record = "marked"' if self.no_record_mark else "is missing"
        if self.no_record_mark and all(
            any(sure.implies(mark) for sure in self.success) for mark in self.no_record_mark
        ):
            yield (
                "no_record_mark",
                "holds in every success: it must name what only an answer without a record has",
            )
        if (self.as_of is None) != (self.fresh_for_minutes is None):
            yield "fresh_for_minutes", "is missing" if self.as_of else "needs as_of"
        if self.as_of is None and self.time_zone is not None:
            yield "time_zone", "needs as_of"
        if self.as_of is None and self.moment_formats:
            yield "moment_formats", "needs as_of"

    def _list_action_contradictions(self, action: HttpAction) -> Iterator[tuple[str, str]]:
        yield from list_request_contradictions(self, action)
        yield from list_inside_contradictions(action.inside)
        yield from self._list_soap_contradictions(action)
        for key in ("confirmed", "already", "refused"):
            yield from self.get_form(action).list_mark_contradictions(key, getattr(action, key))

    def _list_soap_contradictions(self, request: RequestShape) -> Iterator[tuple[str, str]]:
        if request.soap is not None and self.format is not Format.XML:
            yield "soap", "needs kind http_xml"

    def _list_answer_contradictions(self) -> Iterator[tuple[str, str]]:
        """What can never be read of an answer as it is written."""
        form = self.get_form(self)
        yield from list_inside_contradictions(self.inside)
        yield from self._list_soap_contradictions(self)
        yield from form.list_rows_contradictions(self.rows_path)
        for key in ("success", "no_record_mark"):
            yield from form.list_mark_contradictions(key, getattr(self, key))
        for key, walk in (("pages", self.pages), ("cursor", self.cursor)):
            if walk is not None:
                yield from form.list_mark_contradictions(f"{key}.last", walk.last)
        if self.token is not None:
            yield from form.list_mark_contradictions("token.expired", self.token.expired)
        numbers = [self.rows_path] if self.record_number is not None else []
        if self.number_as is NumberAs.INTEGER and Format.XML in map(form.find_format, [self.echo, *numbers]):
            yield "number_as", "is integer, and in XML everything is a text"
        if form.find_format(self.rows_path) is Format.XML:
            for fact, field in self.fields.items():
                if field.json_type is JsonType.NUMBER and field.type is not FieldType.FLAG:
                    yield f"fields.{fact}.json", "is number, and in XML everything is a text"
                if field.type is FieldType.FLAG and field.values is None:
                    yield (
                        f"fields.{fact}.type",
                        "is flag, and in XML everything is a text: give values, or use text",
                    )

    def _list_page_contradictions(self) -> Iterator[tuple[str, str]]:
        """Rows that may be many are believed only if something proves that none of them is missing."""
        proofs = [key for key in PROOFS if getattr(self, key) is not None]
        if len(proofs) > 1:
            others = ", ".join(proofs[1:])
            yield proofs[0], f"and {others} are set: one of them tells that no row is missing"
        if self.rows == "many" and not proofs:
            yield (
                "rows",
                f'is many: name what proves that no row is missing, {", ".join(WAYS)} or complete = "{ALL_ROWS}"',
            )
        for key in PROOFS[1:]:
            if key in proofs and self.rows != "many":
                yield key, 'needs rows = "many"'

    @property
    def walk(self) -> WalkShape | None:
        """How further rows are asked for, if one answer does not hold all."""
        return self.pages or self.cursor

    def _list_walk_claims(self) -> Iterator[Claim]:
        if self.walk is not None:
            yield from self.walk.list_claims()


class Unauthorized(UntrustedAnswer):
    """The system says that whoever asks is not signed in, or no longer."""

    def __init__(self) -> None:
        super().__init__(FailureCode.CREDENTIAL_REFUSED)


def _write_as_text(field: object) -> object:
    """A count is a number in JSON alone, and so is a day in a format of its own."""
    if isinstance(field, dict) and (field.get("type") == FieldType.COUNT or "formats" in field):
        return {"json": JsonType.STRING.value} | field
    return field


def check_status(status: int) -> None:
    """Raise UntrustedAnswer for every status but 200, whatever the body says."""
    if status == 200:
        return
    if status == 401:
        raise Unauthorized
    if status in _STATUS_FAULTS:
        raise UntrustedAnswer(_STATUS_FAULTS[status])
    if 300 <= status < 400:
        raise UntrustedAnswer(FailureCode.REDIRECT)
    raise UntrustedAnswer(FailureCode.SERVER_ERROR if status >= 500 else FailureCode.HTTP_STATUS)


def _wants_body(text: AnswerText, form: AnswerForm, status: int, headers: Headers) -> bool:
    """Whether an answer is one, by its head: raises UntrustedAnswer if not. A SOAP fault comes with 500, and says more
    than that.
    """
    kind = ", ".join(headers.getall("Content-Type", []))
    if status == 500 and form.soap is not None and text.knows_media_type(kind, form.content_types):
        return True
    check_status(status)
    text.check_type(kind, form.content_types)
    return True


def _read_answer(text: AnswerText, form: AnswerForm, answer: Answer) -> Json:
    try:
        document = form.read(text, answer.body)
    except UntrustedAnswer as error:
        if error.fault is FailureCode.SOAP_FAULT:
            raise
        if answer.status == 500 and form.is_foreign_fault(answer.body):
            raise UntrustedAnswer(FailureCode.SOAP_FAULT) from None
        check_status(answer.status)
        raise
    check_status(answer.status)
    return document


class HttpConnector:
    """One system. Has no deadline of its own: it runs inside a GuardedConnector."""

    def __init__(self, config: HttpConfig) -> None:
        self.name = config.name
        self.actions = frozenset(config.actions)
        self._config = config
        trust = ssl.create_default_context(cafile=config.ca_file) if config.ca_file else True
        accept = ", ".join(config.get_form(config).content_types)
        self._client = HttpClient(trust, MAX_BODY, accept=accept)
        self._tokens = None if config.token is None else self._keep_tokens(config.token)

    async def fetch_reading(self, student_number: str) -> Reading:
        """Ask for one student, once more if the connection failed before any answer; see Connector."""
        shape, further = self._config, self._config.walk
        with self._named_faults():
            if further is not None:
                records, as_of = await self._walk(further, student_number)
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
            document = await self._ask(shape, student_number, again=shape.repeat_after_401)
            return judge_action(shape, shape.echo, document, student_number, self._config.number_as)

    async def close(self) -> None:
        """See Connector."""
        await self._client.close()

    def _keep_tokens(self, shape: TokenShape) -> TokenKeeper:
        config = self._config
        return TokenKeeper(
            shape,
            config.base_url,
            self._client,
            partial(_wants_body, config, shape.form),
            partial(_read_answer, config, shape.form),
            deadline_seconds=config.deadline_seconds,
            pause_seconds=config.breaker_pause_seconds,
        )

    @contextmanager
    def _named_faults(self) -> Iterator[None]:
        """Turn what is raised inside into DepartmentUnavailable, without its text or cause."""
        try:
            yield
        except (HttpError, UntrustedAnswer) as error:
            raise DepartmentUnavailable(self.name, FailureCode(error.fault)) from None

    async def _walk(self, further: WalkShape, student_number: str) -> tuple[tuple[Record, ...], datetime]:
        """The records of all pages, and the oldest moment that one of them gives for its data."""
        shape = self._config
        walk = further.start(shape, student_number)
        oldest = datetime.now(UTC)
        for _ in range(further.most):
            document = await self._ask_again(student_number, walk.make_fields())
            oldest = min(oldest, get_as_of(shape, document, datetime.now(UTC)))
            if walk.take(document):
                return walk.read_records(), oldest
        raise UntrustedAnswer(FailureCode.TOO_LARGE)

    async def _ask_again(self, student_number: str, others: Placed = NOTHING) -> Json:
        """The answer to the question, asked twice if the connection failed before any answer."""
        try:
            return await self._ask(self._config, student_number, others, again=True)
        except NoAnswer:
            return await self._ask(self._config, student_number, others, again=True)

    async def _ask(
        self, shape: RequestShape, student_number: str, others: Placed = NOTHING, *, again: bool
    ) -> Json:
        """The answer to one request; with `again`, asked once more with a new token if the system refuses the first."""
        if self._tokens is None:
            return await self._send(shape, student_number, others)
        token = await self._tokens.get()
        try:
            return await self._send(shape, student_number, merge(others, self._tokens.shape.place(token)))
        except Unauthorized:
            self._tokens.drop(token)
            if not again:
                raise
        token = await self._tokens.get()
        return await self._send(shape, student_number, merge(others, self._tokens.shape.place(token)))

    async def _send(self, shape: RequestShape, student_number: str, others: Placed) -> Json:
        request = build_request(
            self._config, shape, student_number, int(time.time()), secrets.token_hex(16), others
        )
        form = self._config.get_form(shape)
        answer = await self._client.send(request, partial(_wants_body, self._config, form))
        document = _read_answer(self._config, form, answer)
        expired = self._tokens.shape.expired if self._tokens is not None else ()
        if expired and all_hold(expired, document):
            raise Unauthorized
        return document
