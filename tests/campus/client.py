"""Starts the pretend campus as a program of its own and drives it: for tests and benchmarks.

with running_campus() as campus:
    campus.set_facts("TS23000002", "finance", rows=[])
    campus.set_fault("archive", "timeout")
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from tests.campus.credentials import PASSWORD

PROJECT = Path(__file__).resolve().parents[2]
READY = "campus ready "
START_SECONDS = 30
STOP_SECONDS = 10
REQUEST_SECONDS = 30


class CampusNotReadyError(RuntimeError):
    """The campus ended or stayed silent instead of becoming ready."""


class CampusClient:
    """A running campus; `url` has no trailing slash, `issuer` is its sign-in server, `cas` its CAS."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.issuer = f"{self.url}/oidc"
        self.cas = f"{self.url}/cas"

    def set_facts(self, number: str, system: str, **facts: object) -> dict[str, Any]:
        """Merge facts into what a system holds about a student; returns all of it."""
        return self._call("PUT", f"/control/students/{number}/{system}", facts)

    def get_facts(self, number: str, system: str) -> dict[str, Any]:
        """Return what a system holds about a student."""
        return self._call("GET", f"/control/students/{number}/{system}")

    def set_fault(self, system: str, name: str = "none", delay_ms: int = 0) -> dict[str, Any]:
        """Set how a system misbehaves, and the delay before its answers."""
        return self._call("PUT", f"/control/systems/{system}", {"fault": name, "delay_ms": delay_ms})

    def set_cas_fault(self, name: str = "none") -> None:
        """Set how the CAS server's validation misbehaves."""
        self._call("PUT", "/control/cas", {"fault": name})

    def set_equipment_fault(self, name: str = "none") -> None:
        """Bring the equipment office back to its start, misbehaving so."""
        self._call("PUT", "/control/equipment", {"fault": name})

    def count_equipment_calls(self) -> dict[str, int]:
        """Return how often the equipment office was called since, by address, and how often something was done."""
        calls: dict[str, int] = self._call("GET", "/control/equipment")["calls"]
        return calls

    def calls(self, system: str | None = None, student: str | None = None) -> list[dict[str, Any]]:
        """Return the calls received, oldest first: time, system, student, address, outcome."""
        wanted = {"system": system, "student": student}
        query = "&".join(f"{name}={value}" for name, value in wanted.items() if value)
        calls: list[dict[str, Any]] = self._call("GET", f"/control/calls?{query}")["calls"]
        return calls

    def reset(self) -> None:
        """Bring back the demo facts, no faults and no calls."""
        self._call("POST", "/control/reset")

    def sign_in(self, address: str, number: str, password: str = PASSWORD) -> str:
        """Answer the sign-in page at `address` as `number`; returns the callback address with the code."""
        form = urlencode({"username": number, "password": password})
        answer, body = _send("POST", address, form, "application/x-www-form-urlencoded")
        location = answer.getheader("Location")
        if location is None:
            raise ValueError(f"nobody signs in as {number}: {answer.status} {body}")
        return location

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        text = None if body is None else json.dumps(body)
        answer, said = _send(method, self.url + path, text, "application/json")
        if answer.status >= 400:
            raise ValueError(f"{method} {path}: {answer.status} {said}")
        found: dict[str, Any] = json.loads(said)
        return found


def _send(method: str, address: str, text: str | None, kind: str) -> tuple[HTTPResponse, str]:
    """The answer to one request, and its body; follows no redirect. `make run` has no other client at hand."""
    parts = urlsplit(address)
    with closing(HTTPConnection(parts.netloc, timeout=REQUEST_SECONDS)) as connection:
        connection.request(method, urlunsplit(("", "", *parts[2:4], "")), text, {"Content-Type": kind})
        answer = connection.getresponse()
        return answer, answer.read().decode()


def start_campus(port: int = 0, *arguments: str) -> tuple[subprocess.Popen[str], CampusClient]:
    """Start the program, on a free port unless one is given; raises CampusNotReadyError."""
    command = [sys.executable, "-m", "tests.campus", "--port", str(port), *arguments]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    return process, CampusClient(_wait_until_ready(process))


@contextmanager
def running_campus(port: int = 0, *arguments: str) -> Iterator[CampusClient]:
    """Start a campus and end it afterwards."""
    process, campus = start_campus(port, *arguments)
    try:
        yield campus
    finally:
        _stop(process)


def _wait_until_ready(process: subprocess.Popen[str]) -> str:
    """Return the address that the program prints; ends a program that says nothing in time."""
    watchdog = threading.Timer(START_SECONDS, process.kill)
    watchdog.start()
    try:
        for line in process.stdout or ():
            if line.startswith(READY):
                return line.removeprefix(READY).strip()
    finally:
        watchdog.cancel()
    raise CampusNotReadyError(f"the campus ended with {process.wait()} before it was ready")


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
