"""The demo's systems as they would answer in XML and by SOAP, and their answers broken in one or two places."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from app.connectors.http.client import HttpConfig
from app.connectors.json_paths import flatten
from tests.fixtures.connectors import read_config
from tests.unit.connectors.answers import Answer
from tests.unit.connectors.demo import demo_sections
from tests.unit.connectors.mutations import Form, Twice, append_to, cut, drop_byte

XML_TYPE = "text/xml; charset=utf-8"
LISTS = ("data.searchResult", "entities", "data.arrears")
XSI = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
ENVELOPE = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header/><s:Body>{}</s:Body></s:Envelope>'
FAULT = "<s:Fault><faultcode>s:Server</faultcode></s:Fault>"
NOTHING_OWED = ("0", "0.0", "0.00")
NAMES = (True, "\u202e王")
"""What may be a warden's name where everything is a text."""
EMPTY: tuple[Any, ...] = (None, "", " ", {}, [], [None], [[]])
"""What is an element without anything in XML."""


def write_xml(name: str, value: Any) -> str:
    """An element; a list has a `row` for each item."""
    if isinstance(value, dict):
        pairs = [*value.items(), *([value.again] if isinstance(value, Twice) else [])]
        inner = "".join(write_xml(key, item) for key, item in pairs)
    elif isinstance(value, list):
        inner = "".join(write_xml("row", item) for item in value)
    else:
        inner = "" if value is None else escape(str(value).lower() if isinstance(value, bool) else str(value))
    return f"<{name}>{inner}</{name}>"


def write_answer(answer: Answer) -> str:
    """An answer as REST has it."""
    return '<?xml version="1.0" encoding="UTF-8"?>' + write_xml("response", answer)


def write_soap(answer: Answer) -> str:
    """An answer as SOAP has it."""
    return ENVELOPE.format(write_xml("response", answer))


def xml_sections() -> dict[str, dict[str, Any]]:
    """The demo's tables for answers in XML."""
    return {name: _make_xml(section) for name, section in demo_sections().items()}


def soap_sections() -> dict[str, dict[str, Any]]:
    """The demo's tables for answers in an envelope."""
    asked = {
        "method": "POST",
        "path": "/soap",
        "number_in": "body",
        "number_name": "",
        "body": {"format": "xml", "template": "<find>{student_number}</find>"},
        "soap": {"version": "1.1", "action": ""},
        "credential_in": "none",
    }
    unused = {"credential", "credential_name", "credential_prefix", "signature"}
    return {
        name: {key: value for key, value in section.items() if key not in unused} | asked
        for name, section in xml_sections().items()
    }


def read_configs(sections: Mapping[str, Mapping[str, Any]]) -> dict[str, HttpConfig]:
    """The parsed configuration of each."""
    return {name: read_config(section, name) for name, section in sections.items()}


def _make_xml(section: dict[str, Any]) -> dict[str, Any]:
    found = section | {"kind": "http_xml"}
    found.pop("actions", None)
    for key in ("success", "no_record_mark"):
        if key in found:
            found[key] = {f"response.{path}": _as_text(known) for path, known in flatten(found[key]).items()}
    for key in ("echo", "count", "rows_path"):
        if key in found:
            found[key] = f"response.{found[key]}"
    if section["rows_path"] in LISTS:
        found["rows_path"] += ".row"
    return found


def _as_text(known: Any) -> Any:
    if isinstance(known, list):
        return [_as_text(value) for value in known]
    return str(known).lower() if isinstance(known, bool) else str(known)


def _says_another_truth(system: str, answer: Answer) -> bool:
    """What JSON tells apart by its types and XML does not: a debt of 0, a word for a warden's name, nothing where somebody
    never lived in.
    """
    data = answer.get("data")
    if system == "library_loans" and isinstance(data, dict):
        rows = data.get("searchResult")
        row = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
        return str(row.get("debt")) in NOTHING_OWED
    if system == "finance" and isinstance(data, dict) and isinstance(data.get("arrears"), list):
        return any(
            isinstance(row, dict) and str(row.get("arrear_amount")) in NOTHING_OWED for row in data["arrears"]
        )
    if system == "dormitory":
        record = answer.get("record")
        never_lived_in = _as_text(answer.get("resident")) == "false" and record in EMPTY
        return never_lived_in or (isinstance(record, dict) and record.get("checkoutBy") in NAMES)
    return False


def _insert(body: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(body) + 1)
    odd = (
        b"\x00",
        b"\xff",
        b"<",
        b">",
        b"&",
        b"/",
        b"<a/>",
        b"<!---->",
        b"<?x?>",
        b"]]>",
        b"&x;",
        b"-",
        b"<![CDATA[]]>",
    )
    return body[:place] + chance.choice(odd) + body[place:]


def _reencode(body: bytes, chance: random.Random) -> bytes:
    text = body.decode("utf-8", "replace")
    return text.encode(chance.choice(("utf-16", "utf-8-sig", "gb18030", "utf-32-le")), "replace")


def _declare(body: bytes, chance: random.Random) -> bytes:
    """Puts a document type, with entities or without, in front of the answer."""
    types = (
        b"<!DOCTYPE response>",
        b'<!DOCTYPE response [<!ENTITY x "0">]>',
        b'<?xml version="1.0" encoding="gbk"?>',
    )
    start = body.find(b"?>") + 2 if body.startswith(b"<?xml") else 0
    return body[:start] + chance.choice(types) + body[start:]


def _empty_an_element(body: bytes, chance: random.Random) -> bytes:
    """Says that an element is nil, or puts a comment into its text."""
    places = [place for place in range(len(body)) if body[place : place + 1] == b">"]
    place = chance.choice(places or [0])
    nil = f'{XSI} xsi:nil="true"'.encode()
    return body[:place] + chance.choice((nil + b">", b"><!-- 0 -->", b">0<!-- 0 -->")) + body[place + 1 :]


def _break_envelope(body: bytes, chance: random.Random) -> bytes:
    broken = (
        (b"</s:Body>", FAULT.encode() + b"</s:Body>"),
        (b"<s:Body>", b"<s:Body>" + FAULT.encode()),
        (b"<s:Body>", b"<s:Body/><s:Body>"),
        (b"<s:Header/>", b"<s:Body>" + FAULT.encode() + b"</s:Body>"),
        (b"xmlsoap.org/soap/envelope/", b"xmlsoap.org/soap/envelop/"),
        (b"s:Envelope", b"s:Umschlag"),
        (b"<response>", b"<response/><response>"),
    )
    return body.replace(*chance.choice(broken))


_DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    cut, drop_byte, _insert, _insert, _reencode, append_to, _declare, _empty_an_element, _empty_an_element,
)  # fmt: skip
XML_FORM = Form(write_answer, XML_TYPE, _DAMAGES, _says_another_truth)
SOAP_FORM = Form(write_soap, XML_TYPE, (*_DAMAGES, _break_envelope, _break_envelope), _says_another_truth)
