"""Stale connections: those that PostgreSQL closed while they lay in a pool, as it does when it restarts, or when an operator
ends a session.

What a server sends on a connection that nobody uses is its end, or rarely some news. So the pool looks whether anything
waits to be read when a connection is taken out of it: a system call on this host, where a ping would be a round trip. Only
a connection where something waits is pinged, and replaced when that fails.
"""

from __future__ import annotations

import select
from typing import Any

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError

CLOSED_OR_READABLE = select.POLLIN | select.POLLRDHUP


def replace_stale(engine: Engine) -> None:
    """Let an engine for PostgreSQL hand out no connection that the server has closed; of another database nothing changes.
    The network may still lose a server without a word: the limits of waiting are for that.
    """
    if engine.dialect.name != "postgresql":
        return

    @event.listens_for(engine, "checkout")
    def look(connection: Any, _record: Any, _proxy: Any) -> None:
        if has_news(connection) and not _answers(engine, connection):
            raise DisconnectionError  # the pool connects anew, and looks again


def has_news(connection: psycopg.Connection[Any]) -> bool:
    """Whether the connection is closed, or something waits to be read on it that nobody asked for."""
    if connection.closed:
        return True
    poll = select.poll()  # unlike select.select, for file descriptors of any size
    poll.register(connection.fileno(), CLOSED_OR_READABLE)
    return bool(poll.poll(0))


def _answers(engine: Engine, connection: psycopg.Connection[Any]) -> bool:
    try:
        return bool(engine.dialect.do_ping(connection))  # type: ignore[arg-type]
    except psycopg.Error:
        return False
