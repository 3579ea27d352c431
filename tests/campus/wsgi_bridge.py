"""Runs a WSGI application behind aiohttp, each request on a thread of a small pool."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Any

from aiohttp import web
from flask import Flask

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_PLAIN_NAMES = {"CONTENT_TYPE", "CONTENT_LENGTH"}


def create_wsgi_handler(flask_app: Flask, executor: Executor) -> Handler:
    """Return an aiohttp handler that hands the whole request to `flask_app`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        environ = _create_environ(request, await request.read())
        return await asyncio.get_running_loop().run_in_executor(executor, _run, flask_app, environ)

    return handle


def _create_environ(request: web.Request, body: bytes) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        # WSGI carries the path's bytes as latin-1 text (PEP 3333).
        "PATH_INFO": request.path.encode().decode("latin-1"),
        "QUERY_STRING": request.rel_url.raw_query_string,
        "SERVER_NAME": request.url.host or "",
        "SERVER_PORT": str(request.url.port or ""),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.remote or "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body)),
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        if key != "CONTENT_LENGTH":
            environ[key if key in _PLAIN_NAMES else f"HTTP_{key}"] = value
    return environ


def _run(flask_app: Flask, environ: dict[str, Any]) -> web.Response:
    head: list[Any] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], error: object = None
    ) -> Callable[[bytes], object]:
        head[:] = [int(status.split(" ", 1)[0]), headers]
        return lambda _data: None

    chunks = flask_app.wsgi_app(environ, start_response)
    try:
        body = b"".join(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    response = web.Response(status=head[0], body=body)
    for name, value in head[1]:
        if name.lower() == "content-type":
            response.headers[name] = value
        elif name.lower() != "content-length":
            response.headers.add(name, value)
    return response
