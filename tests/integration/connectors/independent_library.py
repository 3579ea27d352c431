"""A library on pysip2, a SIP2 server that others wrote, and a line to it that may change what it carries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pysip2
from anyio import create_task_group
from anyio.abc import SocketAttribute
from anyio.from_thread import start_blocking_portal
from pysip2 import BLOCK_PATRON, LOGIN, PATRON_INFORMATION, PATRON_STATUS, SIP2Server

from tests.integration.connectors.test_sip2 import serving as serving_by

PASSWORD = "geheim"
NOTHING_DENIED = " " * 14
ALL_DENIED = "YYYYY" + " " * 9
"""Denied everything, and reported lost: what it sets for a cancelled card."""
Change = Callable[[bytes], bytes]


@dataclass
class Library:
    """What the independent server holds, and what it was asked to do."""

    status: str = NOTHING_DENIED
    charged: str = "0000"
    fee: str = "0.00"
    answers_for: str = ""
    refuses: bool = False
    blocks: list[pysip2.BlockPatronRequest] = field(default_factory=list)

    def make_server(self, **options: Any) -> SIP2Server:
        """A server of this library."""
        server = SIP2Server(encoding="utf-8", institution_id="CUMT", login_required=True, **options)

        @server.route(LOGIN)
        async def log_in(request: pysip2.LoginRequest, _context: Any) -> pysip2.LoginResponse:
            good = (request.login_user_id, request.login_password) == ("lixiao", PASSWORD)
            return pysip2.LoginResponse(ok="1" if good else "0")

        @server.route(PATRON_INFORMATION)
        async def inform(request: Any, context: Any) -> pysip2.PatronInformationResponse:
            return self._inform(request, context)

        @server.route(PATRON_STATUS)
        async def tell_status(request: Any, context: Any) -> pysip2.PatronStatusResponse:
            return self._tell_status(request, context)

        @server.route(BLOCK_PATRON)
        async def block(request: pysip2.BlockPatronRequest, context: Any) -> pysip2.PatronStatusResponse:
            self.blocks.append(request)
            self.status = self.status if self.refuses else ALL_DENIED
            return self._tell_status(request, context)

        return server

    def _describe(self, request: Any, context: Any) -> dict[str, Any]:
        return {
            "patron_status": self.status,
            "language": "019",
            "transaction_date": context.now_18(),
            "institution_id": request.institution_id,
            "patron_identifier": self.answers_for or request.patron_identifier,
            "personal_name": "李文静",
            "valid_patron": "Y",
            "currency_type": "CNY",
            "fee_amount": self.fee,
            "screen_message": ("欢迎", "请归还图书"),
        }

    def _tell_status(self, request: Any, context: Any) -> pysip2.PatronStatusResponse:
        return pysip2.PatronStatusResponse(**self._describe(request, context))

    def _inform(self, request: Any, context: Any) -> pysip2.PatronInformationResponse:
        return pysip2.PatronInformationResponse(
            **self._describe(request, context),
            hold_items_count="0001",
            overdue_items_count="    ",
            charged_items_count=self.charged,
            fine_items_count="0000",
            recall_items_count="0000",
            unavailable_holds_count="0000",
            email_address="someone@example.org",
        )


@asynccontextmanager
async def listening(server: SIP2Server) -> AsyncIterator[int]:
    """What `server.start()` does; that one leaves its socket open at the end."""
    async with await server.listen(port=0) as listener, create_task_group() as tasks:
        tasks.start_soon(listener.serve, server._handle_connection)
        yield listener.extra(SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


@contextmanager
def serving(server: SIP2Server) -> Iterator[int]:
    """A server in a thread of its own; yields its port."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(listening(server)) as port:
        yield port


def keep(message: bytes) -> bytes:
    return message


def change_a_letter(message: bytes) -> bytes:
    return message.replace(b"AOCUMT|", b"AOCUMU|")


@contextmanager
def relaying(port: int, requests: Change = keep, answers: Change = keep) -> Iterator[int]:
    """A line to the server that may change what it carries; yields its port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
        with suppress(asyncio.IncompleteReadError):
            while True:
                server_writer.write(requests(await reader.readuntil(b"\r")))
                writer.write(answers(await server_reader.readuntil(b"\r")))
        server_writer.close()
        writer.close()

    with serving_by(handle) as relay_port:
        yield relay_port
