"""The guard over all unit tests."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable

import psycopg
import pytest
import requests
from sqlalchemy import create_engine

from tests.unit.conftest import OutsideReached

NOBODY = "127.0.0.1", 9


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.create_connection(NOBODY),
        lambda: socket.create_server(("127.0.0.1", 0)),
        lambda: socket.socket().connect_ex(NOBODY),
        lambda: requests.get("http://127.0.0.1:9/", timeout=1),
        lambda: sqlite3.connect(":memory:"),
        lambda: psycopg.connect("host=127.0.0.1"),
        lambda: create_engine("sqlite://").connect(),
        lambda: create_engine("postgresql+psycopg://nobody@127.0.0.1:9/").connect(),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_unit_test_that_reaches_outside_fails(reach: Callable[[], object]) -> None:
    with pytest.raises(OutsideReached, match="tests/integration"):
        reach()
