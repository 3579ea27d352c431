"""The worked examples of XML and SOAP in config/DEPARTMENTS.md do what the document says."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from app.connectors.base import Connector
from app.domain.clearance import Reading
from tests.fixtures.connectors import connect_all
from tests.fixtures.documents import list_blocks
from tests.integration.connectors.stand_in import (
    SECRET,
    STUDENT,
    StandIn,
    ask,
    fault_of,
    response,
    running_stand_in,
)

BLOCKS = list_blocks("DEPARTMENTS.md", "XML and SOAP")
TABLES = [tomllib.loads(block.text)["connectors"] for block in BLOCKS if block.language == "toml"]
FEES, NO_FEES, CARD = (block.text for block in BLOCKS if block.language == "xml")


@pytest.fixture
def server() -> Iterator[StandIn]:
    with running_stand_in() as running:
        yield running


def build(server: StandIn, table: dict[str, dict[str, Any]]) -> Connector:
    ((name, section),) = table.items()
    return connect_all({name: section | {"base_url": server.url, "credential": SECRET}})[name]


def records(connector: Connector) -> list[dict[str, Any]]:
    reading = ask(connector)
    assert isinstance(reading, Reading), reading
    return [dict(record) for record in reading.records]


@pytest.mark.parametrize(
    ("text", "found"), [(FEES, [{"item": "水费", "amount": Decimal("12.50")}]), (NO_FEES, [])]
)
def test_the_example_of_rest_is_understood(server: StandIn, text: str, found: list[Any]) -> None:
    server.will_answer(response(text.encode("gbk"), content_type="text/html;charset=GBK"))
    assert records(build(server, TABLES[0])) == found
    assert server.requests[0].startswith(f"GET /api/fees.do?xh={STUDENT} ")


def test_the_example_of_rest_without_its_list_is_no_answer(server: StandIn) -> None:
    body = NO_FEES.replace('<fees total="0"/>', "").encode("gbk")
    server.will_answer(response(body, content_type="text/html;charset=GBK"))
    assert fault_of(build(server, TABLES[0])) == "missing_field"


def test_the_example_of_soap_is_understood_and_asks_as_it_says(server: StandIn) -> None:
    server.will_answer(response(CARD.encode(), content_type="text/xml; charset=utf-8"))
    assert records(build(server, TABLES[1])) == [{"balance": Decimal("0.00"), "status": "closed"}]
    request = server.requests[0]
    assert 'SOAPAction: ""\r\n' in request
    assert f"<arg0>{STUDENT}</arg0>" in request
    assert f"<arg1>{SECRET}</arg1>" in request


def test_every_example_is_run() -> None:
    assert [block.language for block in BLOCKS] == ["toml", "xml", "xml", "toml", "xml"]
