"""A small server that answers as a test says, byte by byte, and remembers what it was sent."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from app.connectors.base import Connector
from app.connectors.client import query_systems
from app.domain.clearance import DepartmentUnavailable, Reading
from tests.fixtures.connectors import connect_all

STUDENT = "TS23000002"
SECRET = "geheim-0815"
TRUTH = json.dumps({"code": 0, "no": STUDENT, "rows": [{"books": 0}]}).encode()
SECTION: dict[str, Any] = {
    "kind": "http_json",
    "path": "/readers",
    "method": "GET",
    "number_in": "query",
    "number_name": "no",
    "credential_in": "header",
    "credential_name": "X-Key",
    "credential": SECRET,
    "success": {"code": 0},
    "echo": "no",
    "rows_path": "rows",
    "rows": "one",
    "no_record": "never",
    "fields": {"books": {"path": "books", "type": "count"}},
    "deadline_seconds": 5,
}
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def response(
    body: bytes = TRUTH, head: str = "", status: str = "200 OK", content_type: str = "application/json"
) -> bytes:
    """A whole HTTP answer; `head` holds further header lines, each with its end."""
    lines = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{head}\r\n"
    return lines.encode() + body


class StandIn:
    """A running server; `answers` are used one a request, the last one again and again."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[str] = []
        self.connections = 0
        self.answers: list[bytes | Answer] = [response()]

    def will_answer(self, *answers: bytes | Answer) -> None:
        """Set the answers to the next requests."""
        self.answers = list(answers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await self._answer_one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            (int(line[15:]) for line in head.split("\r\n") if line.startswith("Content-Length:")), 0
        )
        self.requests.append(head + (await reader.readexactly(length)).decode())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
        else:
            await answer(writer)


async def hang(_writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.sleep(3600)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close the connection without a byte."""
    writer.close()
    raise ConnectionResetError


async def break_off(writer: asyncio.StreamWriter) -> None:
    """Close the connection in the middle of an answer."""
    writer.write(response()[:-5])
    await writer.drain()
    await hang_up(writer)


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send a healthy head, then blanks for ever, one each tenth of a second."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.1)


async def pour(writer: asyncio.StreamWriter) -> None:
    """Send a body without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"8000\r\n" + b" " * 0x8000 + b"\r\n")
        await writer.drain()


@contextmanager
def running_stand_in(tls: ssl.SSLContext | None = None) -> Iterator[StandIn]:
    """Serve in a thread of its own until the block ends."""
    stand_in, loop = StandIn(), asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(stand_in.serve, "127.0.0.1", 0, ssl=tls))
    stand_in.url = f"{'https' if tls else 'http'}://localhost:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield stand_in
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _stop(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)  # closed connections let go of their sockets


def connect(url: str, name: str = "stand_in", **changes: Any) -> Connector:
    """A connector to a stand-in."""
    section = SECTION | {"base_url": url} | changes
    if "signature" in changes:
        del section["credential_name"]
    return connect_all({name: section})[name]


def ask(connector: Connector, number: str = STUDENT, deadline: float = 10) -> Reading | DepartmentUnavailable:
    """What one system says."""
    return query_systems({"step": connector}, number, deadline)["step"]


def fault_of(connector: Connector, number: str = STUDENT, deadline: float = 10) -> str:
    """The fault's name, or nothing for a reading."""
    answer = ask(connector, number, deadline)
    return str(answer.fault) if isinstance(answer, DepartmentUnavailable) else ""
