"""Two departments that answer in XML as well: the archive over REST, and the finance office over SOAP with JSON inside."""

from __future__ import annotations

import re
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web

from tests.campus.signatures import is_same
from tests.campus.state import Fault
from tests.campus.systems.archive import ArchiveQuery
from tests.campus.systems.base import Body, contradict_json
from tests.campus.systems.finance import FinanceArrears

XML = "text/xml"
_ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?><S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>'
    "{}</S:Body></S:Envelope>"
)
_FAULT = "<S:Fault><faultcode>S:Server</faultcode><faultstring>java.lang.NullPointerException</faultstring></S:Fault>"


def write_xml(name: str, value: Any) -> str:
    """An element of this name; a list has a `row` for each item, and null is an element without anything."""
    if isinstance(value, dict):
        inner = "".join(write_xml(key, item) for key, item in value.items())
    elif isinstance(value, list):
        inner = "".join(write_xml("row", item) for item in value)
    else:
        inner = "" if value is None else escape(str(value))
    return f"<{name}>{inner}</{name}>"


class ArchiveXml(ArchiveQuery):
    """GET /systems/archive/xml?xh=<number> with the header X-Archive-Key."""

    method = "GET"
    path = "/systems/archive/xml"
    content_type = XML

    async def read_number(self, request: web.Request) -> str | None:
        return request.query.get("xh") or None

    async def is_authorized(self, request: web.Request) -> bool:
        return is_same(request.headers.get("X-Archive-Key", ""), self.credentials.archive_secret)

    def bad_answers(self, number: str, other: str) -> dict[Fault, Body]:
        # In a day that is only shown it is a text like any other: XML knows no numbers.
        return super().bad_answers(number, other) | {
            Fault.NAN: self.cleared(number) | {"errno": float("nan")}
        }

    def dump(self, body: Body) -> str:
        return '<?xml version="1.0" encoding="UTF-8"?>' + write_xml("response", body)

    def contradict(self, body: Body) -> str:
        key, value = self.contradiction
        head, tail = self.dump(body).split(f"<{key}>", 1)
        return f"{head}{write_xml(key, value)}<{key}>{tail}"


class FinanceSoap(FinanceArrears):
    """The SOAP call getArrears with `number` and `token` in its body, whose result is a text of JSON."""

    path = "/systems/finance/soap"
    content_type = XML

    async def read_number(self, request: web.Request) -> str | None:
        return _read_element(await request.text(), "number")

    async def is_authorized(self, request: web.Request) -> bool:
        given = _read_element(await request.text(), "token")
        is_called = request.headers.get("SOAPAction") == '"urn:finance#getArrears"'
        return is_called and is_same(given or "", self.credentials.finance_token)

    def dump(self, body: Body) -> str:
        return _wrap(super().dump(body)) if body else _ENVELOPE.format(_FAULT)

    def contradict(self, body: Body) -> str:
        return _wrap(contradict_json(super().dump(body), *self.contradiction))

    def bad_answers(self, number: str, other: str) -> dict[Fault, Body]:
        return super().bad_answers(number, other) | {Fault.ERROR_ENVELOPE: {}}


def _wrap(text: str) -> str:
    inner = f'<ns2:getArrearsResponse xmlns:ns2="urn:finance"><return>{escape(text)}</return></ns2:getArrearsResponse>'
    return _ENVELOPE.format(inner)


def _read_element(text: str, name: str) -> str | None:
    found = re.search(rf"<{name}>([^<]+)</{name}>", text)
    return found[1] if found else None
