"""Checks that were made a moment before the service is stopped are in the log of checks."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import requests

from tests.campus.run import make_environment, start_service, stop
from tests.conftest import get_free_port
from tests.fixtures.office import NOBODY
from tests.fixtures.templates import prepare

ASKED = 40


def test_checks_made_just_before_the_end_are_written(tmp_path: Path) -> None:
    port = get_free_port()
    environment = make_environment(tmp_path, port, NOBODY)
    prepare(environment)
    with (tmp_path / "log").open("wb") as log:
        process = start_service(environment, port, log=log.fileno())
        try:
            for _ in range(ASKED):
                answer = requests.get(f"http://127.0.0.1:{port}/v/123", timeout=30)
                assert "malformed" in answer.text
            os.kill(process.pid, signal.SIGTERM)
        finally:
            stop(process)

    with closing(sqlite3.connect(tmp_path / "lixiao.sqlite3")) as connection:
        assert connection.execute("SELECT sum(count) FROM scan_counts").fetchone() == (ASKED,)
