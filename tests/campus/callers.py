"""Calls the department systems as they want to be called: for tests that look at raw answers."""

from __future__ import annotations

import json
import secrets
import socket
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import requests

from tests.campus.credentials import DEMO, Credentials
from tests.campus.signatures import sign_hmac, sign_md5

CANCEL_CARD = "cancel_card"
ANSWER_SECONDS = 30


@dataclass(frozen=True)
class DepartmentCall:
    """An HTTP request to a department system."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    def as_bytes(self, host: str) -> bytes:
        """Return the request as it goes over the wire."""
        body = self.body.encode()
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body


def ask(system: str, number: str, credentials: Credentials = DEMO) -> DepartmentCall:
    """Return the call that asks `system` about a student, or cancels the library card for CANCEL_CARD."""
    return _CALLS[system](number, credentials)


def send(url: str, call: DepartmentCall, stream: bool = False) -> requests.Response:
    """Send a call to the campus at `url` and return the answer, whatever its status; follows no redirect."""
    return requests.request(
        call.method,
        url + call.path,
        headers=call.headers,
        data=call.body.encode(),
        timeout=ANSWER_SECONDS,
        stream=stream,
        allow_redirects=False,
    )


def open_raw(url: str, call: DepartmentCall, timeout: float) -> socket.socket:
    """Send a call over a socket of one's own; reading from it times out after `timeout` seconds."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 80), timeout)
    connection.sendall(call.as_bytes(parts.netloc))
    return connection


def _json(path: str, body: dict[str, str], **headers: str) -> DepartmentCall:
    return DepartmentCall("POST", path, {"Content-Type": "application/json", **headers}, json.dumps(body))


def _readers(number: str, credentials: Credentials) -> DepartmentCall:
    path = f"/systems/library_loans/readers?readerId={number}"
    return DepartmentCall("GET", path, {"Authorization": f"Bearer {credentials.library_loans_token}"})


def _cancel(number: str, credentials: Credentials) -> DepartmentCall:
    authorization = f"Bearer {credentials.library_loans_token}"
    return _json("/systems/library_loans/readers/cancel", {"readerId": number}, Authorization=authorization)


def _thesis(number: str, credentials: Credentials) -> DepartmentCall:
    path = f"/systems/library_thesis/v2/students/{number}/thesis"
    return DepartmentCall("GET", path, {"X-Api-Key": credentials.library_thesis_key})


def _archive(number: str, credentials: Credentials) -> DepartmentCall:
    fields = {
        "xh": number,
        "appid": credentials.archive_app_id,
        "timestamp": str(int(time.time())),
        "nonce": secrets.token_hex(16),
    }
    fields["sign"] = sign_md5(fields, credentials.archive_secret)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return DepartmentCall("POST", "/systems/archive/query", form, urlencode(fields))


def _dormitory(number: str, credentials: Credentials) -> DepartmentCall:
    app_id, secret = credentials.dormitory_app_id, credentials.dormitory_secret
    timestamp, nonce = str(int(time.time())), secrets.token_hex(16)
    headers = {
        "X-App-Id": app_id,
        "X-Timestamp": timestamp,
        "X-Nonce": nonce,
        "X-Signature": sign_hmac(app_id, timestamp, nonce, number, secret),
    }
    return DepartmentCall("GET", f"/systems/dormitory/checkout?student={number}", headers)


def _finance(number: str, credentials: Credentials) -> DepartmentCall:
    return _json("/systems/finance/arrears", {"card_number": number, "token": credentials.finance_token})


def _campus_card(number: str, credentials: Credentials) -> DepartmentCall:
    query = urlencode({"sno": number, "accesskey": credentials.campus_card_key})
    return DepartmentCall("GET", f"/systems/campus_card/openapi/account?{query}")


def _student_card(number: str, credentials: Credentials) -> DepartmentCall:
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Service-Token": credentials.student_card_token,
    }
    body = urlencode({"student_id": number})
    return DepartmentCall("POST", "/systems/student_card/cards", headers, body)


_CALLS = {
    "library_loans": _readers,
    CANCEL_CARD: _cancel,
    "library_thesis": _thesis,
    "archive": _archive,
    "dormitory": _dormitory,
    "finance": _finance,
    "campus_card": _campus_card,
    "student_card": _student_card,
}
EVERY_CALL = tuple(_CALLS)


def system_of(name: str) -> str:
    """Return the system that a call goes to."""
    return "library_loans" if name == CANCEL_CARD else name
