"""The pretend campus as a program: where it listens, how it ends, and that it serves a crowd."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.campus.callers import ask, open_raw
from tests.campus.client import PROJECT, CampusClient, start_campus
from tests.integration.campus.reading import answer


def wait_until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_it_refuses_to_listen_on_anything_but_loopback(host: str) -> None:
    command = [sys.executable, "-m", "tests.campus", "--port", "0", "--host", host]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "loopback addresses only" in ended.stderr
    assert "ready" not in ended.stdout


def test_it_ends_at_once_with_callers_still_hanging_and_frees_its_port() -> None:
    process, campus = start_campus()
    with process, contextlib.ExitStack() as hanging:
        campus.set_fault("finance", "timeout")
        campus.set_fault("archive", "drip")
        for system in ("finance", "archive") * 20:
            hanging.enter_context(open_raw(campus.url, ask(system, "TS23000002"), 30))
        wait_until(lambda: len(campus.calls()) == 40)
        process.terminate()
        hanging.callback(process.kill)
        assert process.wait(timeout=10) == 0
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", urlsplit(campus.url).port or 0))


def test_hanging_callers_do_not_keep_others_waiting(campus: CampusClient) -> None:
    campus.set_fault("finance", "timeout")
    with contextlib.ExitStack() as hanging, ThreadPoolExecutor(20) as crowd:
        for n in range(300):
            hanging.enter_context(open_raw(campus.url, ask("finance", f"TS9{n:07}"), 30))
        answers = list(crowd.map(lambda n: answer(campus, "archive", f"TS9{n:07}"), range(200)))
    assert {found["entities"][0]["lwzt"] for found in answers} == {"已审核"}
