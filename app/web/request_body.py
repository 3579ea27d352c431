"""Reads a request's body to its end before the answer leaves.

A server closes a connection whose body nobody read, and a browser that is still sending then shows
"connection reset" instead of the page that says what was wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import LimitedStream

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MOST_BYTES = 32 * 1024 * 1024
CHUNK_BYTES = 64 * 1024


class Readable(Protocol):
    """What a body is read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


def drain_bodies(app: WSGIApplication) -> WSGIApplication:
    """The same application; of bodies longer than 32 MiB the rest is left unread."""

    def drained(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH", "")
        body = environ["wsgi.input"]
        if length.isascii() and length.isdigit() and 0 < int(length) <= MOST_BYTES:
            body = environ["wsgi.input"] = LimitedStream(body, int(length))
        elif "HTTP_TRANSFER_ENCODING" not in environ:
            return app(environ, start_response)
        answer = app(environ, start_response)
        _drain(body)
        return answer

    return drained


def _drain(body: Readable) -> None:
    left = MOST_BYTES
    try:
        while left > 0 and (chunk := body.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
    except (ClientDisconnected, OSError):
        return
