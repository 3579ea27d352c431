"""A total deadline for a conversation over HTTP.

`requests` bounds each wait for bytes, not their sum, so that a server which sends a byte now and then holds
a thread for ever. Here a timer shuts the sockets down when the time is over, whatever they wait for.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from contextlib import suppress
from contextvars import ContextVar, Token
from functools import cache
from types import TracebackType
from typing import Any, Self

from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class Deadline:
    """`with Deadline(seconds):` bounds everything that a `DeadlineAdapter` does inside the block."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends_at = 0.0
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._previous: Token[Deadline | None] | None = None

    def __enter__(self) -> Self:
        self._ends_at = time.monotonic() + self._seconds
        self._previous = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._previous is not None:
            _current.reset(self._previous)
        with self._lock:
            while self._sockets:
                self._sockets.pop().close()

    @property
    def is_over(self) -> bool:
        """Whether the time is over, and what was read since may be cut short."""
        return time.monotonic() >= self._ends_at

    @property
    def remaining(self) -> float:
        """Seconds left, never zero: sockets take zero for "do not wait"."""
        return max(self._ends_at - time.monotonic(), 0.001)

    def watch(self, connection: socket.socket) -> None:
        """Shut `connection` down when the time is over. A duplicate is kept, because TLS takes the original."""
        with self._lock:
            self._sockets.append(socket.socket(fileno=os.dup(connection.fileno())))
        if self._timer is None:
            self._timer = threading.Timer(self.remaining, self._shut_down)
            self._timer.daemon = True
            self._timer.start()
        if self.is_over:
            self._shut_down()

    def _shut_down(self) -> None:
        with self._lock:
            for connection in self._sockets:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


class _Watched:
    def _new_conn(self) -> socket.socket:
        connection: socket.socket = super()._new_conn()  # type: ignore[misc]
        deadline = _current.get()
        if deadline is not None:
            deadline.watch(connection)
        return connection


class _HttpConnection(_Watched, HTTPConnection):
    pass


class _HttpsConnection(_Watched, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class DeadlineAdapter(HTTPAdapter):
    """requests' adapter whose connections obey the `Deadline` that they are opened in."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Set up the pools with connections that can be watched."""
        super().init_poolmanager(*arguments, ssl_context=get_tls_context(), **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def cert_verify(self, *_arguments: Any) -> None:
        """Nothing to set: the shared context verifies; requests would load its authorities again each time."""


@cache
def get_tls_context() -> ssl.SSLContext:
    """How servers are verified: by the system's authorities, where a campus adds its own, and certifi's.
    Loading them takes 10 ms and more, so it is done once.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context
