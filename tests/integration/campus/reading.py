"""Reads the departments' answers: raw, strictly, and as a careless reader would."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.campus.callers import CANCEL_CARD, EVERY_CALL, ask, open_raw, send, system_of
from tests.campus.client import CampusClient

NUMBER = "TS23000001"
OTHER = "TS23000002"
CLEARED = {
    "library_loans": ('"books":0', '"debt":"0.00"', '"cardState":"9"'),
    CANCEL_CARD: ('"success":true', '"cardState":"9"'),
    "library_thesis": ('"state":"审核通过"',),
    "archive": ('"lwzt":"已审核"',),
    "dormitory": ('"checkoutDate":"2026-06-10"', '"checkoutBy":"王建国"'),
    "finance": ('"arrears":[]',),
    "campus_card": ('"balance":0', '"cardstate":"销户"'),
    "student_card": ('"state":"已上交"',),
}
every_call = pytest.mark.parametrize("name", EVERY_CALL)


def answer(campus: CampusClient, system: str, number: str) -> Any:
    """Return what a call is answered with: JSON of the declared type."""
    response = send(campus.url, ask(system, number))
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    return response.json()


def send_with(campus: CampusClient, name: str, fault: str, stream: bool = False) -> requests.Response:
    """Set a fault and return what a call is answered with then."""
    campus.set_fault(system_of(name), fault)
    return send(campus.url, ask(name, NUMBER), stream)


def looks_cleared(name: str, text: str) -> bool:
    """Tell whether a careless reader would let the student go."""
    return all(mark in text for mark in CLEARED[name])


def read_strictly(text: str) -> Any:
    """Read JSON and object to what a strict reader must not take: NaN and a key that stands twice."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("duplicate key")
        return dict(pairs)

    return json.loads(text, parse_constant=refuse, object_pairs_hook=unique)


def receive_all(campus: CampusClient, name: str, timeout: float) -> bytes:
    """Read until the connection is closed; raises TimeoutError and ConnectionResetError."""
    received = b""
    with open_raw(campus.url, ask(name, NUMBER), timeout) as connection:
        while chunk := connection.recv(65_536):
            received += chunk
    return received
