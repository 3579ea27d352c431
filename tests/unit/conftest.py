"""A unit test reaches no network and no database: what tries to is refused here, and its place is tests/integration."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator

import psycopg
import pytest

REFUSED = (
    (socket.socket, "connect"),
    (socket.socket, "connect_ex"),
    (socket.socket, "bind"),
    (sqlite3, "connect"),
    (sqlite3.dbapi2, "connect"),
    (psycopg, "connect"),
)


class OutsideReached(BaseException):
    """Not an Exception: the product would take it for a department or a database that is not there."""


@pytest.fixture(scope="package", autouse=True)
def no_outside() -> Iterator[None]:
    """Refuses addresses, listeners and database connections; set up before any fixture of a module."""
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in REFUSED:
            patch.setattr(owner, name, _refuse)
        yield


def _refuse(*_arguments: object, **_options: object) -> None:
    raise OutsideReached("a unit test reaches no network and no database: its place is tests/integration")
