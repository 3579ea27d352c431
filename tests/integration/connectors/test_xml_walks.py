"""Tokens, secrets and cursors in the templates of requests, and pages in XML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from app.connectors.base import Connector
from app.domain.clearance import Reading
from tests.fixtures.connectors import connect_all, list_faults
from tests.integration.connectors.stand_in import STUDENT, StandIn, ask, fault_of, response
from tests.integration.connectors.stand_in import running_stand_in as run_stand_in

XML = "text/xml; charset=utf-8"
TEMPLATE = (
    "<find><token>{token}</token><gate key='{gate}'/><no>{student_number}</no><after>{after}</after></find>"
)
TOKEN: dict[str, Any] = {
    "path": "/token",
    "method": "POST",
    "credentials_in": "json",
    "id": "lixiao",
    "id_name": "app",
    "secret": "geheim-0817",
    "secret_name": "key",
    "token_path": "token",
    "life_seconds": 600,
    "placed_in": "body",
    "name": "token",
    "expired": {"r": {"code": "42001"}},
}
WALK: dict[str, Any] = {
    "kind": "http_xml",
    "path": "/find",
    "method": "POST",
    "number_in": "body",
    "credential_in": "none",
    "body": {"format": "xml", "template": TEMPLATE},
    "token": TOKEN,
    "secrets": {"gate": {"placed_in": "body", "name": "gate", "value": "geheim'0818"}},
    "success": {"r": {"code": "0"}},
    "echo": "r.no",
    "rows_path": "r.rows.row",
    "rows": "many",
    "no_record": "empty",
    "cursor": {
        "cursor_in": "body",
        "cursor_name": "after",
        "next": "r.next",
        "end": "empty",
        "last": {"r": {"more": "false"}},
        "total": "r.total",
    },
    "fields": {"books": {"path": "books", "type": "count"}},
}


@pytest.fixture
def server() -> Iterator[StandIn]:
    with run_stand_in() as running:
        yield running


def connect(server: StandIn) -> Connector:
    return connect_all({"x": WALK | {"base_url": server.url}})["x"]


def give_token(text: str) -> bytes:
    return response(json.dumps({"token": text}).encode())


def part(*books: int, following: str = "", total: int = 2, code: int = 0, more: str | None = None) -> bytes:
    rows = "".join(f"<row><books>{count}</books></row>" for count in books)
    says_more = more or ("true" if following else "false")
    text = (
        f"<r><code>{code}</code><no>{STUDENT}</no><total>{total}</total><next>{following}</next>"
        f"<more>{says_more}</more><rows>{rows}</rows></r>"
    )
    return response(text.encode(), content_type=XML)


def read_bodies(server: StandIn) -> list[dict[str, str]]:
    """What stood in the requests' templates."""
    texts = [request.partition("\r\n\r\n")[2] for request in server.requests]
    found = [ET.fromstring(text) for text in texts if text.startswith("<")]
    return [{child.tag: child.get("key") or child.text or "" for child in element} for element in found]


def test_a_template_carries_the_token_a_secret_and_the_cursor(server: StandIn) -> None:
    server.will_answer(give_token("a<b&c"), part(1, following="<2>".replace("<", "&lt;")), part(800))
    answer = ask(connect(server))
    assert isinstance(answer, Reading), answer
    assert [record["books"] for record in answer.records] == [1, 800]
    same = {"token": "a<b&c", "gate": "geheim'0818", "no": STUDENT}
    assert read_bodies(server) == [same | {"after": ""}, same | {"after": "<2>"}]


def test_a_token_that_an_answer_in_xml_refuses_is_renewed(server: StandIn) -> None:
    server.will_answer(give_token("old"), part(code=42001), give_token("new"), part(1, 2))
    answer = ask(connect(server))
    assert isinstance(answer, Reading), answer
    assert [body["token"] for body in read_bodies(server)] == ["old", "new"]


def test_the_call_for_a_token_asks_for_json_where_the_system_answers_xml(server: StandIn) -> None:
    server.will_answer(give_token("t"), part(1, 2))
    assert isinstance(ask(connect(server)), Reading)
    accepted = [
        line
        for request in server.requests
        for line in request.split("\r\n")
        if line.lower().startswith("accept:")
    ]
    assert accepted == ["Accept: application/json", "Accept: application/xml, text/xml"]


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        ([part(1, total=2)], "wrong_count"),
        ([part(1, following="a", more="false")], "contradiction"),
        ([part(1, more="true")], "contradiction"),
        ([part(1, following="a", total=3), part(2, following="a", total=3)], "repeated_page"),
        ([part(1, following="a"), part(1)], "repeated_page"),
    ],
)
def test_an_answer_in_xml_that_does_not_lead_on_is_not_believed(
    server: StandIn, answers: list[bytes], fault: str
) -> None:
    server.will_answer(give_token("t"), *answers)
    assert fault_of(connect(server)) == fault


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"cursor": WALK["cursor"] | {"last": {"r": {"more": False}}}}, "cursor.last.r.more"),
        ({"token": TOKEN | {"expired": {"r": {"code": 42001}}}}, "token.expired.r.code"),
        ({"body": {"format": "xml", "template": "<a>{student_number}{token}{after}</a>"}}, "body"),
        ({"body": {"format": "xml", "template": TEMPLATE.replace("{gate}", "{other}")}}, "body"),
        ({"token": TOKEN | {"name": "gate"}}, "secrets.gate.name"),
        ({"fixed": {"form": {"a": 1}}}, "body"),
        ({"fixed": {"header": {"SOAPAction": "x"}}}, "fixed.header.SOAPAction"),
    ],
)
def test_a_template_that_does_not_fit_the_other_keys_is_told_at_start(
    changes: dict[str, Any], named: str
) -> None:
    faults = list_faults(x=WALK | {"base_url": "http://localhost:1"} | changes)
    assert any(fault.startswith(f"connectors.x.{named} ") for fault in faults), faults
