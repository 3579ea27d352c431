"""Libraries by SIP2 (3M Standard Interchange Protocol 2.00) over TCP or TLS: the keys of their table, which
`config/DEPARTMENTS.md` explains to operators, and the connector.

Each call is a connection of its own: connect, log in, ask once, close. So an answer that comes late has no later
question to be taken for, and a library's server that ends idle connections disturbs nobody.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field as Key

from app.config_model import Choice, Flag, OptionalSecret, Section, Text, Whole, between, matching
from app.connectors.base import ActionOutcome, FailureCode, UntrustedAnswer
from app.connectors.config import CaFile, ConnectorConfig
from app.connectors.field_keys import FieldType
from app.connectors.json_paths import Mark
from app.connectors.reading import ActionShape, NoRecord, judge_action
from app.connectors.sip2.codec import (
    Dialect,
    Message,
    can_send,
    read_message,
    require_sendable,
    write_date,
    write_message,
)
from app.connectors.sip2.patron import (
    COUNTS,
    DENIALS,
    FEE,
    FLAGS,
    INFORMATION_HEADER,
    PATRON,
    STATUS_HEADER,
    PatronShape,
    make_document,
    read_patron,
    require_recent,
)
from app.domain.clearance import DepartmentUnavailable, Reading
from app.domain.exchanges import record_question
from app.domain.json_reading import Path

LOOPBACK = ("127.0.0.1", "::1", "localhost")
DENIED = "rests on what the reader is denied, as a debarred one with an active card is too: name a field of the card"
_SAY_LITTLE = ((PATRON,), ("BL",))
_GROUP_STEPS = ("count", "extent")
_SENT = ("login_user", "login_password", "location", "institution", "terminal_password")
_CANNOT_SEND = "holds the delimiter, or characters that the encoding lacks"
MAX_MESSAGE = 64 * 1024
NO_SUMMARY = " " * 10
"""Counts alone: no list of items is asked for."""


class Question(StrEnum):
    """Which of the protocol's two questions about a patron is asked."""

    INFORMATION = "information"
    STATUS = "status"


class Access(Section):
    """Where the server is and how to log in."""

    host: Annotated[Text, matching(r"[A-Za-z0-9.\-:]+")] = Key(
        description="where the library's SIP2 server listens"
    )
    port: Annotated[Whole, between(1, 65535)] = Key(description="its port")
    tls: Flag = Key(True, description="true: TLS, the certificate and its name are verified")
    plain_tcp: Flag = Key(False, description="true: without TLS another machine than this one may be asked")
    ca_file: CaFile = ""
    login_user: str = Key("", description="the user of the login message 93; without one there is no login")
    login_password: OptionalSecret = Key("", description="the secret of that user")
    location: str = Key("", description="`CP` of the login")
    institution: str = Key("", description="`AO`")
    terminal_password: OptionalSecret = Key("", description="`AC`, a secret")
    language: Annotated[Text, matching("[0-9]{3}")] = Key("019", description="three digits: 019 is Chinese")


class BlockShape(ActionShape):
    """How a block patron message 01 is sent and what its answers, 24, mean."""

    card_retained: Flag = Key(False, description="the library keeps the card")
    message: str = Key("", description="`AL`, the text on the blocked card")


class Sip2Config(ConnectorConfig, Access, Dialect, PatronShape):
    """A library: how it is reached, what is asked, and what its answers mean."""

    kind: Literal["sip2"] = Key("sip2", description="a library, by SIP2 over TCP")
    question: Choice[Question] = Key(
        description="`information`: 63, answered by 64; `status`: 23, answered by 24, which has no counts"
    )
    actions: Mapping[str, BlockShape] = Key(
        {}, description="one table for each action: block patron 01, answered by 24"
    )

    def get_weakness(self, fact: str) -> str:
        """See ConnectorConfig."""
        return DENIED if self._is_denial(self.fields[fact].path) else ""

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        if not (self.tls or self.plain_tcp or self.host in LOOPBACK):
            yield "tls", "must be true, or plain_tcp must be true"
        if self.login_user and not self.login_password:
            yield "login_password", "is missing"
        yield from ((key, _CANNOT_SEND) for key in _SENT if not can_send(self, getattr(self, key)))
        if (self.no_record is NoRecord.MARKED) != bool(self.no_record_mark):
            yield "no_record_mark", 'needs no_record = "marked"' if self.no_record_mark else "is missing"
        if not self.currency and any(field.type is FieldType.MONEY for field in self.fields.values()):
            yield "currency", "is missing"
        yield from self._list_manner_contradictions()
        yield from self._list_unknown_paths()
        for name, action in self.actions.items():
            for key, message in self._list_action_contradictions(action):
                yield f"actions.{name}.{key}", message

    def _list_manner_contradictions(self) -> Iterator[tuple[str, str]]:
        if self.checksum == "none" and self.sequence == "any":
            yield "sequence", 'has no meaning with checksum = "none"'
        if self.without_fee and all(field.path != (FEE,) for field in self.fields.values()):
            yield "without_fee", f"needs a fact that reads {FEE}"
        if self.without_currency and not self.currency:
            yield "without_currency", "needs currency"

    def _list_unknown_paths(self) -> Iterator[tuple[str, str]]:
        yield from self._list_unknown_marks("success", self.success)
        yield from self._list_unknown_marks("no_record_mark", self.no_record_mark)
        for name, field in self.fields.items():
            key = f"fields.{name}.path"
            if not self._is_known(field.path):
                yield key, "must be a flag, a count, a field's code, or a group's .count or .extent"
            elif field.path[0] in COUNTS and self.question is Question.STATUS:
                yield key, 'is a count: it needs question = "information"'

    def _list_unknown_marks(self, key: str, marks: tuple[Mark, ...]) -> Iterator[tuple[str, str]]:
        for mark in marks:
            path = f"{key}.{'.'.join(map(str, mark.path))}"
            if not self._is_known(mark.path):
                yield path, "is not known here"
            elif not all(isinstance(value, str) for value in mark.values):
                yield path, "must be a text or a list of texts"

    def _list_action_contradictions(self, action: BlockShape) -> Iterator[tuple[str, str]]:
        if not can_send(self, action.message):
            yield "message", _CANNOT_SEND
        for key in ("confirmed", "already", "refused"):
            yield from self._list_unknown_marks(key, getattr(action, key))
        for key, marks in (("confirmed", action.confirmed), ("already", action.already)):
            if marks and all(mark.path in _SAY_LITTLE or self._is_denial(mark.path) for mark in marks):
                yield key, DENIED

    def _is_denial(self, path: Path) -> bool:
        """Whether a path leads to nothing but what a reader is denied, which is no word about the card."""
        name = str(path[0]) if path else ""
        return set(self.groups.get(name, (name,))) <= DENIALS

    def _is_known(self, path: Path) -> bool:
        if len(path) == 2:
            return path[0] in self.groups and path[1] in _GROUP_STEPS
        name = str(path[0]) if len(path) == 1 else ""
        return name in FLAGS or name in COUNTS or re.fullmatch(r"[A-Z][A-Z0-9]", name) is not None


class Sip2Connector:
    """One library. Has no deadline of its own: it runs inside a GuardedConnector."""

    def __init__(self, config: Sip2Config) -> None:
        self.name = config.name
        self.actions = frozenset(config.actions)
        self._config = config
        self._trust = ssl.create_default_context(cafile=config.ca_file or None) if config.tls else None

    async def fetch_reading(self, student_number: str) -> Reading:
        """See Connector."""
        try:
            message = await self._ask(student_number)
            require_recent(message, datetime.now(UTC))
            document = make_document(self._config, message, student_number)
            records = read_patron(self._config, document)
        except UntrustedAnswer as error:
            raise DepartmentUnavailable(self.name, error.fault) from None
        return Reading(self.name, student_number, records, datetime.now(UTC))

    async def perform_action(self, action: str, student_number: str) -> ActionOutcome:
        """Block the patron, once; raises DepartmentUnavailable when there is no answer to judge."""
        shape = self._config.actions[action]
        try:
            require_sendable(student_number)
            head = f"01{'Y' if shape.card_retained else 'N'}{write_date(datetime.now(UTC))}"
            fields = self._name_patron(student_number) | {"AL": shape.message}
            async with self._talk() as conversation:
                message = await conversation.ask(head, fields, "24", STATUS_HEADER)
            document = make_document(self._config, message, student_number)
            return judge_action(shape, (PATRON,), document, student_number)
        except UntrustedAnswer as error:
            raise DepartmentUnavailable(self.name, error.fault) from None

    async def close(self) -> None:
        """Every call has closed its own connection."""

    async def _ask(self, student_number: str) -> Message:
        require_sendable(student_number)
        start = f"{self._config.language}{write_date(datetime.now(UTC))}"
        fields = self._name_patron(student_number)
        async with self._talk() as conversation:
            if self._config.question is Question.INFORMATION:
                return await conversation.ask(f"63{start}{NO_SUMMARY}", fields, "64", INFORMATION_HEADER)
            return await conversation.ask(f"23{start}", fields | {"AD": ""}, "24", STATUS_HEADER)

    def _name_patron(self, student_number: str) -> dict[str, str]:
        access = self._config
        return {"AO": access.institution, "AA": student_number, "AC": access.terminal_password}

    @asynccontextmanager
    async def _talk(self) -> AsyncIterator[_Conversation]:
        """A conversation after the login; its connection is closed with the block, at once if it failed."""
        access = self._config
        reader, writer = await _connect(access, self._trust)
        try:
            conversation = _Conversation(access, reader, writer)
            await conversation.log_in(access)
            yield conversation
        except BaseException:
            writer.transport.abort()
            raise
        writer.close()


class _Conversation:
    """Questions and answers in turn, numbered from 0 on."""

    def __init__(self, dialect: Dialect, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._dialect = dialect
        self._reader = reader
        self._writer = writer
        self._sequence = 0

    async def log_in(self, access: Sip2Config) -> None:
        """Message 93, algorithms 0 (the password is not encrypted); answered by 94 with 1 for yes."""
        if not access.login_user:
            return
        fields = {"CN": access.login_user, "CO": access.login_password}
        if access.location:
            fields["CP"] = access.location
        answer = await self.ask("9300", fields, "94", 1)
        if answer.header != "1":
            raise UntrustedAnswer(FailureCode.CREDENTIAL_REFUSED)

    async def ask(self, head: str, fields: dict[str, str], code: str, header_length: int) -> Message:
        """Send a message and read the answer of this code to it."""
        sequence, self._sequence = self._sequence, self._sequence + 1
        terminator = self._dialect.terminator.bytes
        message = write_message(self._dialect, head, fields, sequence)
        exchange = record_question(f"SIP2 message {head[:2]}", body=message)
        try:
            self._writer.write(message)
            await self._writer.drain()
            raw = await self._reader.readuntil(terminator)
        except asyncio.LimitOverrunError:
            raise UntrustedAnswer(FailureCode.TOO_LARGE) from None
        except (asyncio.IncompleteReadError, OSError):
            raise UntrustedAnswer(FailureCode.DISCONNECTED) from None
        if exchange is not None:
            exchange.answer_head, exchange.answer_body = f"SIP2 message {raw[:2]!r}", raw
        return read_message(self._dialect, raw.removesuffix(terminator), code, header_length, sequence)


async def _connect(
    access: Sip2Config, trust: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_connection(access.host, access.port, ssl=trust, limit=MAX_MESSAGE)
    except OSError as error:
        exchange = record_question(f"connect to {access.host} port {access.port}")
        if exchange is not None:
            exchange.error = str(error)
        is_tls = isinstance(error, ssl.SSLError)
        raise UntrustedAnswer(FailureCode.TLS if is_tls else FailureCode.UNREACHABLE) from None
