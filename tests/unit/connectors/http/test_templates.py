"""Templates of a request's body: no value can leave its place, and every mistake is told at start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

import pytest

from app.connectors.http.request import Request, build_request
from tests.fixtures.connectors import list_faults, read_config
from tests.integration.connectors.stand_in import SECTION

NOW, NONCE, SECRET = 1_780_000_000, "abcdef0123456789", "geh<e>im&\"'0815"
ODD = (
    "TS23000002",
    "</no><no>TS1",
    "a&amp;b",
    '"}',
    "a]]>b",
    '"',
    "'",
    "\\",
    "{key}",
    "王 1",
    "<!--",
    "a=1&b=2",
)
TEMPLATES = {
    "xml": '<q xmlns="urn:x"><no>{student_number}</no><key of="{key}"/></q>',
    "json": '{"no": "{student_number}", "of": {"key": "{key}"}}',
    "form": "no={student_number}&key={key}&fixed=1",
}


def table(template: str = TEMPLATES["xml"], written: str = "xml", **changes: Any) -> dict[str, Any]:
    asked = {"method": "POST", "number_in": "body", "credential_in": "body", "credential_name": "key"}
    body = {"format": written, "template": template}
    section = (
        SECTION | {"base_url": "https://a.example", "credential": SECRET, "body": body} | asked | changes
    )
    if section["number_in"] == "body":
        section["number_name"] = None
    return {key: value for key, value in section.items() if value is not None}


def ask(number: str = "TS23000002", **changes: Any) -> Request:
    config = read_config(table(**changes))
    return build_request(config, config, number, NOW, NONCE)


def text_of(request: Request) -> str:
    assert request.body is not None
    return request.body.decode()


@pytest.mark.parametrize("number", ODD)
def test_a_value_in_xml_stays_in_its_text_and_its_attribute(number: str) -> None:
    request = ask(number)
    root = ET.fromstring(text_of(request))
    assert [element.tag for element in root] == ["{urn:x}no", "{urn:x}key"]
    assert (root[0].text, root[1].attrib) == (number, {"of": SECRET})
    assert request.headers == {"Content-Type": "application/xml; charset=utf-8"}


@pytest.mark.parametrize("number", ODD)
def test_a_value_in_json_stays_in_its_string(number: str) -> None:
    request = ask(number, template=TEMPLATES["json"], written="json")
    assert json.loads(text_of(request)) == {"no": number, "of": {"key": SECRET}}
    assert request.headers == {"Content-Type": "application/json; charset=utf-8"}


@pytest.mark.parametrize("number", ODD)
def test_a_value_in_a_form_stays_in_its_field(number: str) -> None:
    request = ask(number, template=TEMPLATES["form"], written="form")
    assert parse_qs(text_of(request), strict_parsing=True) == {
        "no": [number],
        "key": [SECRET],
        "fixed": ["1"],
    }


@pytest.mark.parametrize("number", ODD)
def test_a_value_in_a_text_that_is_json_itself_is_escaped_for_both(number: str) -> None:
    inside = {"format": "json", "template": TEMPLATES["json"]}
    body = {"format": "xml", "template": "<q><arg0>{inside}</arg0></q>", "inside": inside}
    root = ET.fromstring(text_of(ask(number, body=body)))
    assert json.loads(root[0].text or "") == {"no": number, "of": {"key": SECRET}}


def test_joining_texts_would_let_a_value_leave_its_place() -> None:
    joined = TEMPLATES["xml"].replace("{student_number}", "</no><no>TS1").replace("{key}", "")
    assert len(ET.fromstring(joined)) == 3


def test_a_signature_goes_to_its_placeholders() -> None:
    signature = {
        "method": "hmac-sha256",
        "app_id": "lixiao",
        "message": "{app_id}{nonce}{timestamp}{student_number}",
        "app_id_name": "app_id",
        "timestamp_name": "timestamp",
        "nonce_name": "nonce",
        "signature_name": "signature",
    }
    template = '<q no="{student_number}" at="{timestamp}" once="{nonce}" sign="{signature}"/>'
    request = ask(signature=signature, credential_name=None, template=template)
    attributes = ET.fromstring(text_of(request)).attrib
    assert (attributes["no"], attributes["at"], attributes["once"]) == ("TS23000002", str(NOW), NONCE)
    assert len(attributes["sign"]) == 64
    assert SECRET not in text_of(request)


@pytest.mark.parametrize(
    ("version", "headers"),
    [
        ("1.1", {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '"urn:x/find"'}),
        ("1.2", {"Content-Type": 'application/soap+xml; charset=utf-8; action="urn:x/find"'}),
    ],
)
def test_a_soap_call_has_the_envelope_and_the_headers_of_its_version(
    version: str, headers: dict[str, str]
) -> None:
    soap = {"version": version, "action": "urn:x/find", "header": '<t xmlns="urn:t">{key}</t>'}
    template = '<q xmlns="urn:x">{student_number}</q>'
    marks = {"x": {"code": "0"}}
    request = ask(kind="http_xml", soap=soap, template=template, success=marks)
    envelope = ET.fromstring(text_of(request))
    header, body = envelope
    space = envelope.tag.removesuffix("Envelope")
    assert (header.tag, body.tag) == (f"{space}Header", f"{space}Body")
    assert (header[0].text, body[0].text) == (SECRET, "TS23000002")
    assert request.headers == headers
    assert space in (
        "{http://schemas.xmlsoap.org/soap/envelope/}",
        "{http://www.w3.org/2003/05/soap-envelope}",
    )


def test_a_template_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "question.xml"
    file.write_text(TEMPLATES["xml"], encoding="utf-8")
    body = {"format": "xml", "template_file": str(file)}
    assert text_of(ask(body=body)) == text_of(ask())


WRONG = "connectors.x.body.template is not well-formed {}"
ELSEWHERE = "connectors.x.body.template has a placeholder elsewhere than in {}"


@pytest.mark.parametrize(
    ("written", "template", "fault"),
    [
        ("xml", "<q>{student_number}{key}", WRONG.format("XML")),
        ("xml", "<!DOCTYPE q><q>{student_number}{key}</q>", WRONG.format("XML")),
        ("xml", "<{student_number} a='{key}'/>", ELSEWHERE.format("the text of an element")),
        ("xml", "<q a='{key}'><!-- {student_number} --></q>", ELSEWHERE.format("the text of an element")),
        (
            "xml",
            "<q a='{key}'><![CDATA[{student_number}]]></q>",
            "connectors.x.body.template has a placeholder in CDATA",
        ),
        (
            "xml",
            "<?xml version='1.0' encoding='gbk'?><q>{student_number}{key}</q>",
            "connectors.x.body.template declares",
        ),
        ("json", '{"a": {student_number}, "b": "{key}"}', WRONG.format("JSON")),
        ("json", '{"a": "{key}", "a": "{student_number}"}', WRONG.format("JSON")),
        ("json", '{"{student_number}": "{key}"}', ELSEWHERE.format("a string")),
        ("form", "{student_number}=1&key={key}", ELSEWHERE.format("a field's value")),
        ("form", "{student_number}&key={key}", WRONG.format("form fields")),
        ("form", "no={student_number}&key={key} ", WRONG.format("form fields")),
        ("xml", "<q>{student_number}</q>", "connectors.x.body lacks the placeholder {key}"),
        ("xml", "<q>{key}</q>", "connectors.x.body lacks the placeholder {student_number}"),
        ("xml", "<q>{student_number}{key}{nonce}</q>", "connectors.x.body has {nonce}, which nothing fills"),
        ("xml", "<q>{student_number}{key}{inside}</q>", "connectors.x.body.inside is missing"),
        ("xml", "", "connectors.x.body.template is missing"),
    ],
)
def test_a_template_with_a_mistake_is_told_at_start(written: str, template: str, fault: str) -> None:
    (told,) = list_faults(x=table(template, written))
    assert told.startswith(fault)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"method": "GET"}, "connectors.x.method must be POST to send a body"),
        (
            {"number_in": "json", "number_name": "no"},
            "connectors.x.number_in names another kind of body than credential_in",
        ),
        ({"body": None}, "connectors.x.body is missing"),
        (
            {"body": {"format": "xml", "template_file": "/nowhere"}},
            "connectors.x.body.template_file names a file",
        ),
        (
            {"body": {"format": "xml", "template": "<a/>", "template_file": "/nowhere"}},
            "connectors.x.body.template and",
        ),
        ({"soap": {"version": "1.1", "action": ""}}, "connectors.x.soap needs kind http_xml"),
        ({"soap": {"version": "1.3", "action": ""}}, "connectors.x.soap.version must be one of 1.1, 1.2"),
        ({"soap": {"version": "1.1", "action": 'a"b'}}, "connectors.x.soap.action must match"),
        (
            {"soap": {"version": "1.1", "action": "", "header": "<a>"}},
            "connectors.x.soap.header is not well-formed XML",
        ),
    ],
)
def test_a_body_that_cannot_be_made_is_told_at_start(changes: dict[str, Any], fault: str) -> None:
    assert any(told.startswith(fault) for told in list_faults(x=table(**changes)))
