"""Requests of a WSGI application inside this process, without a server between."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from io import BytesIO
from typing import Any

Answer = tuple[str, list[tuple[str, str]], bytes]
"""Status, headers and body."""


def ask(app: Any, path: str, headers: Mapping[str, str] | None = None, form: bytes | None = None) -> Answer:
    """What the application answers. Fails for anything but a page, or the way on after a form."""
    path, _, query = path.partition("?")
    environ = {
        "REQUEST_METHOD": "GET" if form is None else "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_ACCEPT": "text/html",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(form or b""),
        "wsgi.errors": sys.stderr,
        **(headers or {}),
    }
    if form is not None:
        environ |= {"CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": str(len(form))}
    answers: list[tuple[str, list[tuple[str, str]]]] = []
    chunks = app(environ, lambda status, fields, *_: answers.append((status, fields)))
    body = b"".join(chunks)
    getattr(chunks, "close", bool)()
    status, fields = answers[0]
    assert status[:3] == ("200" if form is None else "303"), (path, status)
    return status, fields, body
