"""A small HTTP server whose answers a test chooses, path by path."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request that came in."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """One answer. `drip` sends a byte at a time, so many seconds apart; `delay` waits before the first."""

    body: bytes = b""
    status: int = 200
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    drip: float = 0
    delay: float = 0


def json_answer(data: object, status: int = 200) -> Answer:
    """An answer that is the data as JSON."""
    return Answer(json.dumps(data).encode(), status)


class SmallServer:
    """`answers` maps a path to a function of the request; `asked` keeps the requests."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[Asked], Answer]] = {}
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def use_tls(self, context: ssl.SSLContext) -> None:
        """Speak TLS; to be called before the start. Handshakes wait for the handler's thread."""
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = self.url.replace("http://", "https://")

    def paths(self) -> list[str]:
        """The paths asked so far."""
        return [asked.path for asked in self.asked]

    def start(self) -> None:
        """Serve in a thread."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, asked: Asked) -> Answer:
        """The answer to one request."""
        self.asked.append(asked)
        make = self.answers.get(asked.path)
        return make(asked) if make else Answer(b"no such page", 404, "text/plain")

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        small = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                parts = urlsplit(self.path)
                asked = Asked(
                    self.command,
                    parts.path,
                    dict(parse_qsl(parts.query)),
                    dict(parse_qsl(body)),
                    dict(self.headers.items()),
                )
                try:
                    _send(self, small.answer(asked))
                except OSError:
                    self.close_connection = True

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
                """Stay silent."""

        return Handler


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    time.sleep(answer.delay)
    handler.send_response(answer.status)
    headers = {"Content-Type": answer.kind, "Content-Length": str(len(answer.body)), **answer.headers}
    for name, value in headers.items():
        handler.send_header(name, value)
    if not answer.drip:
        handler.end_headers()
        handler.wfile.write(answer.body)
        return
    handler.end_headers()
    for place in range(len(answer.body)):
        handler.wfile.write(answer.body[place : place + 1])
        handler.wfile.flush()
        time.sleep(answer.drip)


@contextmanager
def running_server(server: SmallServer) -> Iterator[SmallServer]:
    """Start a server and end it afterwards."""
    server.start()
    try:
        yield server
    finally:
        server.stop()
