"""The connector for libraries by SIP2 over TCP or TLS (see `config.py`).

Each call is a connection of its own: connect, log in, ask once, close. So an answer that comes late has no later
question to be taken for, and a library's server that ends idle connections disturbs nobody.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from app.connectors.base import ActionOutcome, FailureCode, UntrustedAnswer
from app.connectors.reading import judge_action
from app.connectors.sip2.codec import (
    Dialect,
    Message,
    read_message,
    require_sendable,
    write_date,
    write_message,
)
from app.connectors.sip2.config import Question, Sip2Config
from app.connectors.sip2.patron import (
    INFORMATION_HEADER,
    PATRON,
    STATUS_HEADER,
    make_document,
    read_patron,
    require_recent,
)
from app.domain.clearance import DepartmentUnavailable, Reading

MAX_MESSAGE = 64 * 1024
NO_SUMMARY = " " * 10
"""Counts alone: no list of items is asked for."""


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
        try:
            self._writer.write(write_message(self._dialect, head, fields, sequence))
            await self._writer.drain()
            raw = await self._reader.readuntil(terminator)
        except asyncio.LimitOverrunError:
            raise UntrustedAnswer(FailureCode.TOO_LARGE) from None
        except (asyncio.IncompleteReadError, OSError):
            raise UntrustedAnswer(FailureCode.DISCONNECTED) from None
        return read_message(self._dialect, raw.removesuffix(terminator), code, header_length, sequence)


async def _connect(
    access: Sip2Config, trust: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_connection(access.host, access.port, ssl=trust, limit=MAX_MESSAGE)
    except ssl.SSLError:
        raise UntrustedAnswer(FailureCode.TLS) from None
    except OSError:
        raise UntrustedAnswer(FailureCode.UNREACHABLE) from None
