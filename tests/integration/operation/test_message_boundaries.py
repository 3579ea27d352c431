"""Where a request ends: what two servers in a row could read differently hides no second request."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import Service, get_free_port
from tests.integration.operation.proxy import require_nginx, running_nginx

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
END = b"0\r\n\r\n"
ALL, REST = len(END + HIDDEN), len(HIDDEN)
CHUNKED = "Transfer-Encoding: chunked"
BY_LENGTH = {
    "two lengths": f"Content-Length: 0\r\nContent-Length: {REST}",
    "two lengths, the longer first": f"Content-Length: {REST}\r\nContent-Length: 0",
    "the same length twice": f"Content-Length: {REST}\r\nContent-Length: {REST}",
    "a list of lengths": f"Content-Length: 0, {REST}",
    "a plus": f"Content-Length: +{REST}",
    "a minus": "Content-Length: -1",
    "hexadecimal": f"Content-Length: 0x{REST:x}",
    "a space before the colon": f"Content-Length : {REST}",
    "two numbers": f"Content-Length: 0 {REST}",
}
BY_CHUNKS = {
    "length and chunks": f"Content-Length: {ALL}\r\n{CHUNKED}",
    "chunks and length": f"{CHUNKED}\r\nContent-Length: {ALL}",
    "a short length and chunks": f"Content-Length: 3\r\n{CHUNKED}",
    "length and CHUNKED": f"Content-Length: {ALL}\r\nTransfer-Encoding: CHUNKED",
    "length and xchunked": f"Content-Length: {ALL}\r\nTransfer-Encoding: xchunked",
    "length and identity": f"Content-Length: {ALL}\r\nTransfer-Encoding: identity",
    "length, chunks and another": f"Content-Length: {ALL}\r\n{CHUNKED}\r\nTransfer-Encoding: x",
    "chunks and identity": f"{CHUNKED}\r\nTransfer-Encoding: identity",
    "length, and a space before the colon": f"Content-Length: {ALL}\r\nTransfer-Encoding : chunked",
    "length, and a tabulator": f"Content-Length: {ALL}\r\nTransfer-Encoding:\tchunked",
    "length, and a vertical tabulator": f"Content-Length: {ALL}\r\nTransfer-Encoding: \x0bchunked",
    "length, and a folded line": f"Content-Length: {ALL}\r\nTransfer-Encoding:\r\n chunked",
    "length, and a line that ends in LF": f"Content-Length: {ALL}\r\nX-Odd: a\n{CHUNKED}",
}


@dataclass(frozen=True)
class Door:
    """Where requests arrive: the service itself, or the proxy of the example before it."""

    port: int
    certificate: Path | None = None

    def send(self, headers: str, body: bytes) -> list[int]:
        """A form with these headers and, in the same breath, the last request; the status of each answer."""
        form = f"POST /verify HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n\r\n".encode()
        with ExitStack() as held, suppress(ConnectionError):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", self.port), timeout=30))
            if self.certificate:
                context = ssl.create_default_context(cafile=str(self.certificate))
                connection = held.enter_context(context.wrap_socket(connection, server_hostname="127.0.0.1"))
            connection.sendall(form + body + LAST)
            got = b""
            while part := connection.recv(65536):
                got += part
        return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", got)]


@pytest.fixture(scope="module", params=["granian", "nginx"])
def door(
    request: pytest.FixtureRequest, running_service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    """Each of them."""
    service_port = urlsplit(running_service.url).port or 0
    if request.param == "granian":
        yield Door(service_port)
        return
    require_nginx()
    port = get_free_port()
    with running_nginx(tmp_path_factory.mktemp("boundaries") / "nginx", service_port, port) as certificate:
        yield Door(port, certificate)


@pytest.mark.parametrize("name", BY_LENGTH)
def test_no_odd_length_hides_a_second_request(door: Door, name: str) -> None:
    told = door.send(BY_LENGTH[name], HIDDEN)
    # Twice the same length is one length (RFC 9112, 6.3): the form is read, and the connection goes on.
    assert told == [400] or (name == "the same length twice" and told == [422, 200])


@pytest.mark.parametrize("name", BY_CHUNKS)
def test_length_and_chunks_hide_no_second_request(door: Door, name: str) -> None:
    told = door.send(BY_CHUNKS[name], END + HIDDEN)
    # The proxy refuses all of them. The service reads chunks, as RFC 9112 says, and ends the connection.
    assert told in ([[400], [501]] if door.certificate else [[400], [422]])


def test_a_request_that_is_not_hidden_is_answered(door: Door) -> None:
    """The control: a second request that is one is seen in the answers."""
    assert door.send("Content-Length: 0", HIDDEN) == [422, 404, 200]
