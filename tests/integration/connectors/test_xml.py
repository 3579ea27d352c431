"""Systems that answer XML and SOAP, texts inside answers, and the bytes that they come in, over real connections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

import pytest

from app.connectors.base import ActionOutcome, Connector, FailureCode
from app.connectors.client import perform_action
from app.domain.clearance import Reading
from tests.fixtures.connectors import list_faults
from tests.integration.connectors.stand_in import (
    SECTION,
    STUDENT,
    TRUTH,
    StandIn,
    ask,
    connect,
    fault_of,
    response,
    running_stand_in,
)

XML = "text/xml; charset=utf-8"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
MANY: dict[str, Any] = {
    "kind": "http_xml",
    "success": {"r": {"code": "0"}},
    "echo": "r.no",
    "rows_path": "r.rows.row",
    "rows": "many",
    "count": "r.total",
    "no_record": "empty",
    "fields": {"books": {"path": "books", "type": "count"}},
}
ONE = MANY | {"rows": "one", "count": ""}
SOAP: dict[str, Any] = MANY | {
    "method": "POST",
    "number_in": "body",
    "number_name": "",
    "body": {"format": "xml", "template": '<q:find xmlns:q="urn:x"><no>{student_number}</no></q:find>'},
    "soap": {"version": "1.1", "action": "urn:x/find"},
    "success": {"findResponse": {"code": "0"}},
    "echo": "findResponse.no",
    "rows_path": "findResponse.rows.row",
    "count": "findResponse.total",
}
ENVELOPE_11 = "http://schemas.xmlsoap.org/soap/envelope/"
ENVELOPE_12 = "http://www.w3.org/2003/05/soap-envelope"


@pytest.fixture
def server() -> Iterator[StandIn]:
    with running_stand_in() as running:
        yield running


def row(books: object = 0) -> str:
    return f"<row><books>{books}</books></row>"


def tell(*rows: str, total: object = None, code: str = "0", no: str = STUDENT) -> str:
    count = len(rows) if total is None else total
    return f"<r><code>{code}</code><no>{no}</no><total>{count}</total><rows>{''.join(rows)}</rows></r>"


def say(text: str, content_type: str = XML, encoding: str = "utf-8", status: str = "200 OK") -> bytes:
    return response(text.encode(encoding), content_type=content_type, status=status)


def wrap(body: str, space: str = ENVELOPE_11) -> str:
    return (
        f'<?xml version="1.0"?><s:Envelope xmlns:s="{space}"><s:Header/><s:Body>{body}</s:Body></s:Envelope>'
    )


def answer(*rows: str) -> str:
    return tell(*rows).replace("<r>", '<m:findResponse xmlns:m="urn:x">').replace("</r>", "</m:findResponse>")


def records(connector: Connector) -> list[dict[str, Any]]:
    reading = ask(connector)
    assert isinstance(reading, Reading), reading
    return [dict(record) for record in reading.records]


# --- rows


@pytest.mark.parametrize(
    ("rows", "books"), [([], []), ([row(2)], [2]), ([row(2), row(0)], [2, 0]), (["\n  "], None)]
)
def test_one_element_several_or_none_are_rows(
    server: StandIn, rows: list[str], books: list[int] | None
) -> None:
    server.will_answer(say(tell(*rows, total=0 if books is None else None)))
    assert records(connect(server.url, **MANY)) == [{"books": number} for number in books or []]
    assert "Accept: application/xml, text/xml\r\n" in server.requests[0]


BROKEN = [
    (tell(row(), total=2), "wrong_count"),
    (tell(row(), total=""), "wrong_count"),
    (tell(row(), total="01"), "wrong_count"),
    (tell(row(), code="1"), "no_success"),
    (tell(row(), no="TS1"), "wrong_student"),
    (tell("<row/>"), "wrong_type"),
    (tell("<row><books/></row>"), "odd_number"),
    (tell("<row><books> 0</books></row>"), "odd_number"),
    (tell("<row><books>0</books><books>0</books></row>"), "wrong_type"),
    (tell("<row><books a='1'>0</books></row>"), "wrong_type"),
    (tell("<row></row>", "none"), "not_xml"),
    (tell("<other/>", total=0), "missing_field"),
    (tell().replace("<rows></rows>", ""), "missing_field"),
    (tell().replace("<rows></rows>", "<rows/><rows/>"), "missing_field"),
    (tell().replace("<rows>", f"<rows {XSI} xsi:nil='true'>"), "no_rows"),
    (tell().replace("<rows>", "<rows error='5'>"), "missing_field"),
    (tell(row(), "<ROW><books>5</books></ROW>"), "duplicate_key"),
    (tell().replace("<code>0</code>", "<code>0</code><code>1</code>"), "no_success"),
    (
        tell().replace("<code>", '<code xmlns:p="urn:p">').replace("</r>", '<p:no xmlns:p="u"/></r>'),
        "duplicate_key",
    ),
    (tell(row())[:-1], "not_xml"),
    (tell(row()) + tell(row()), "not_xml"),
    (f"<!DOCTYPE r>{tell(row())}", "not_xml"),
    ("", "not_xml"),
    (TRUTH.decode(), "not_xml"),
    ("<html><body>审核通过</body></html>", "content_type"),
]


@pytest.mark.parametrize(("text", "fault"), BROKEN)
def test_an_answer_that_is_not_understood_is_unavailable(server: StandIn, text: str, fault: str) -> None:
    server.will_answer(say(text))
    assert fault_of(connect(server.url, **MANY)) == fault


def test_two_elements_are_refused_where_one_row_is_expected(server: StandIn) -> None:
    server.will_answer(say(tell(row())), say(tell(row(), row())))
    connector = connect(server.url, **ONE)
    assert records(connector) == [{"books": 0}]
    assert fault_of(connector) == "several_records"


def test_a_row_is_only_missing_beside_others_where_a_mark_says_that_there_is_none(server: StandIn) -> None:
    flat = f"<r><code>0</code><no>{STUDENT}</no><total>0</total></r>"
    marked = {"rows_path": "r.row", "no_record": "marked", "no_record_mark": {"r": {"total": "0"}}}
    server.will_answer(say(flat))
    assert records(connect(server.url, **(ONE | marked))) == []
    assert fault_of(connect(server.url, **(ONE | {"rows_path": "r.row"}))) == "missing_field"
    server.will_answer(say(flat.replace("</r>", f"{row()}</r>")))
    assert fault_of(connect(server.url, **(ONE | marked))) == "contradiction"


def test_a_nil_element_is_no_record_where_null_is(server: StandIn) -> None:
    server.will_answer(say(tell(f"<row {XSI} xsi:nil='true'/>", total=0)))
    assert records(connect(server.url, **(ONE | {"no_record": "null"}))) == []
    assert fault_of(connect(server.url, **ONE)) == "no_rows"


def test_a_nil_element_that_says_something_after_all_is_no_answer(server: StandIn) -> None:
    server.will_answer(say(tell(f"<row {XSI} xsi:nil='true' books='5'/>", total=0)))
    assert fault_of(connect(server.url, **(ONE | {"no_record": "null"}))) == "not_xml"


def test_an_attribute_of_rows_without_any_must_be_one_that_is_read(server: StandIn) -> None:
    server.will_answer(say(tell().replace("<rows>", "<rows state='ok'>")))
    read = {"success": {"r": {"code": "0", "rows": {"@state": "ok"}}}}
    assert records(connect(server.url, **(MANY | read))) == []
    assert fault_of(connect(server.url, **MANY)) == "missing_field"


def test_attributes_and_texts_beside_them_have_paths(server: StandIn) -> None:
    text = f'<r code="0" no="{STUDENT}"><rows total="1"><row><b kind="lent">3</b></row></rows></r>'
    server.will_answer(say(text))
    paths = {"echo": "r.@no", "success": {"r": {"@code": "0"}}, "count": "r.rows.@total"}
    fields = {"books": {"path": "b.#text", "type": "count"}}
    assert records(connect(server.url, **(MANY | paths | {"fields": fields}))) == [{"books": 3}]


def test_rows_of_xml_may_come_in_pages(server: StandIn) -> None:
    pages = {"number_in": "query", "number_name": "page", "total": "r.total"}
    server.will_answer(say(tell(row(1), total=2)), say(tell(row(2), total=2)))
    assert records(connect(server.url, **(MANY | {"count": "", "pages": pages}))) == [
        {"books": 1},
        {"books": 2},
    ]


DATA_SET = (
    '<DataSet xmlns="http://tempuri.org/"><xs:schema id="NewDataSet" xmlns:xs="http://www.w3.org/2001/XMLSchema"/>'
    '<diffgr:diffgram xmlns:diffgr="urn:schemas-microsoft-com:xml-diffgram-v1">{}</diffgr:diffgram></DataSet>'
)
TABLE = '<NewDataSet xmlns=""><Table diffgr:id="Table1"><no>{}</no><books>{}</books></Table></NewDataSet>'


def test_a_data_set_of_dot_net_is_read_and_an_empty_one_is_none_where_a_mark_says_so(server: StandIn) -> None:
    inside = "DataSet.diffgram"
    paths = {"success": {"DataSet.schema.@id": "NewDataSet"}, "rows_path": f"{inside}.NewDataSet.Table"}
    marked = {"no_record": "marked", "no_record_mark": {inside: ""}}
    table = ONE | paths | marked | {"echo": f"{inside}.NewDataSet.Table.no"}
    server.will_answer(say(DATA_SET.format(TABLE.format(STUDENT, 3))))
    assert records(connect(server.url, **table)) == [{"books": 3}]
    server.will_answer(say(DATA_SET.format("")))
    # It repeats no number: such a system cannot say that it has no record of this student.
    assert fault_of(connect(server.url, **table)) == "missing_field"
    with_echo = DATA_SET.format("").replace("</DataSet>", f"<no>{STUDENT}</no></DataSet>")
    server.will_answer(say(with_echo))
    assert records(connect(server.url, **(table | {"echo": "DataSet.no"}))) == []


def test_json_in_the_one_element_of_a_dot_net_answer_is_read(server: StandIn) -> None:
    server.will_answer(say(f'<string xmlns="http://tempuri.org/">{escape(TRUTH.decode())}</string>'))
    paths = {"success": {"string": {"code": 0}}, "echo": "string.no", "rows_path": "string.rows"}
    inside = {"inside": [{"path": "string", "format": "json"}]}
    assert records(connect(server.url, **(ONE | paths | inside))) == [{"books": 0}]


# --- SOAP


@pytest.mark.parametrize(
    ("version", "space", "content_type"),
    [
        ("1.1", ENVELOPE_11, XML),
        ("1.2", ENVELOPE_12, 'application/soap+xml; charset=utf-8; action="urn:x/f"'),
    ],
)
def test_a_soap_answer_is_read_inside_its_body(
    server: StandIn, version: str, space: str, content_type: str
) -> None:
    server.will_answer(say(wrap(answer(row(2)), space), content_type))
    soap = {"version": version, "action": "urn:x/find"}
    assert records(connect(server.url, **(SOAP | {"soap": soap}))) == [{"books": 2}]
    assert f'<soap:Body><q:find xmlns:q="urn:x"><no>{STUDENT}</no></q:find></soap:Body>' in server.requests[0]


FAULT = "<s:Fault><faultcode>s:Server</faultcode><faultstring>NullPointer</faultstring></s:Fault>"


@pytest.mark.parametrize("status", ["200 OK", "500 Internal Server Error"])
@pytest.mark.parametrize("beside", ["", answer()])
def test_a_soap_fault_is_a_failure_of_its_own_with_either_status(
    server: StandIn, status: str, beside: str
) -> None:
    server.will_answer(say(wrap(beside + FAULT), status=status))
    assert fault_of(connect(server.url, **SOAP)) == FailureCode.SOAP_FAULT


WORDS = wrap(FAULT.replace("NullPointer", "空指针"))
IN_UTF_8 = WORDS.replace("?>", " encoding='UTF-8'?>")
IN_GBK = WORDS.replace("?>", " encoding='GBK'?>")


@pytest.mark.parametrize(
    ("expected", "text", "content_type", "encoding"),
    [
        ("gbk", IN_UTF_8, "text/xml; charset=utf-8", "utf-8"),
        ("gbk", IN_UTF_8, "text/xml", "utf-8"),
        ("gbk", WORDS, "text/xml", "utf-8"),
        ("gbk", WORDS, "text/xml; charset=utf-8", "utf-8"),
        ("utf-8", IN_GBK, "text/xml; charset=gbk", "gbk"),
        ("utf-8", IN_GBK, "text/xml", "gbk"),
        ("utf-8", IN_UTF_8, "text/xml; charset=iso-8859-1", "utf-8"),
    ],
)
def test_a_soap_fault_in_another_encoding_than_the_answers_is_one_too(
    server: StandIn, expected: str, text: str, content_type: str, encoding: str
) -> None:
    server.will_answer(say(text, content_type, encoding, "500 Internal Server Error"))
    assert fault_of(connect(server.url, **(SOAP | {"encoding": expected}))) == FailureCode.SOAP_FAULT


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(wrap(answer()).replace("?>", " encoding='GBK'?>"), "gbk"), (IN_UTF_8, "gbk"), (IN_GBK[:-9], "gbk")],
)
def test_what_is_no_soap_fault_in_its_own_encoding_is_the_error_that_its_status_says(
    server: StandIn, text: str, encoding: str
) -> None:
    server.will_answer(say(text, XML, encoding, "500 Internal Server Error"))
    assert fault_of(connect(server.url, **SOAP)) == "server_error"


@pytest.mark.parametrize(
    ("text", "status", "content_type", "fault"),
    [
        (wrap(answer()), "500 Internal Server Error", XML, "server_error"),
        (wrap(FAULT), "503 Service Unavailable", XML, "server_error"),
        (wrap(FAULT), "401 Unauthorized", XML, "credential_refused"),
        ("<html>NullPointerException</html>", "500 Internal Server Error", "text/html", "server_error"),
        ("<html>NullPointerException</html>", "500 Internal Server Error", XML, "server_error"),
        (wrap(answer(), ENVELOPE_12), "200 OK", XML, "not_xml"),
        (wrap(answer()), "200 OK", "application/soap+xml", "content_type"),
        (wrap(""), "200 OK", XML, "not_xml"),
        (wrap(answer() * 2), "200 OK", XML, "no_success"),
        (answer(), "200 OK", XML, "not_xml"),
        (wrap(answer()).replace("s:Body", "s:Leib"), "200 OK", XML, "not_xml"),
    ],
)
def test_what_is_no_answer_in_an_envelope_is_unavailable(
    server: StandIn, text: str, status: str, content_type: str, fault: str
) -> None:
    server.will_answer(say(text, content_type, status=status))
    assert fault_of(connect(server.url, **SOAP)) == fault


def test_an_action_is_done_by_a_soap_call_too(server: StandIn) -> None:
    action = {
        "path": "/cancel",
        "method": "POST",
        "number_in": "body",
        "body": {"format": "xml", "template": "<cancel><no>{student_number}</no></cancel>"},
        "soap": {"version": "1.1", "action": "urn:x/cancel"},
        "echo": "cancelResponse.no",
        "confirmed": {"cancelResponse": {"state": "done"}},
        "refused": {"cancelResponse": {"state": "refused"}},
    }
    connector = connect(server.url, **SOAP, actions={"cancel": action})
    told = "<cancelResponse><no>{}</no><state>{}</state></cancelResponse>"
    for number, state, outcome in [
        (STUDENT, "done", ActionOutcome.CONFIRMED),
        (STUDENT, "refused", ActionOutcome.REFUSED),
        (STUDENT, "?", ActionOutcome.UNKNOWN),
        ("TS1", "done", ActionOutcome.UNKNOWN),
    ]:
        server.will_answer(say(wrap(told.format(number, state))))
        assert perform_action(connector, "cancel", STUDENT, 10) is outcome
    server.will_answer(say(wrap(FAULT), status="500 Internal Server Error"))
    assert perform_action(connector, "cancel", STUDENT, 10) is ActionOutcome.UNKNOWN


TOKEN: dict[str, Any] = {
    "path": "/token",
    "method": "POST",
    "credentials_in": "json",
    "secret": "geheim-0816",
    "secret_name": "secret",
    "token_path": "token",
    "life_seconds": 600,
    "placed_in": "body",
    "name": "token",
}


def test_a_token_goes_to_its_placeholder(server: StandIn) -> None:
    template = "<find><no>{student_number}</no><session>{token}</session></find>"
    token = json.dumps({"token": "a<b&c"}).encode()
    server.will_answer(response(token), say(wrap(answer())))
    body = {"format": "xml", "template": template}
    assert records(connect(server.url, **(SOAP | {"token": TOKEN, "body": body}))) == []
    assert "<session>a&lt;b&amp;c</session>" in server.requests[1]


def test_a_session_that_a_soap_call_opens_is_the_token_of_others(server: StandIn) -> None:
    login = {
        "method": "POST",
        "path": "/login",
        "credentials_in": "body",
        "id": "lixiao",
        "id_name": "user",
        "secret": "geheim-<0816>",
        "secret_name": "password",
        "body": {"format": "xml", "template": "<login><a>{user}</a><b>{password}</b></login>"},
        "soap": {"version": "1.1", "action": "login"},
        "format": "xml",
        "success": {"loginResponse": {"code": "0"}},
        "token_path": "loginResponse.session",
        "life_seconds": 600,
        "placed_in": "body",
        "name": "token",
    }
    template = "<find><no>{student_number}</no><session>{token}</session></find>"
    table = SOAP | {"token": login, "body": {"format": "xml", "template": template}}
    opened = "<loginResponse><code>{}</code><session>abc</session></loginResponse>"
    server.will_answer(say(wrap(opened.format(0))), say(wrap(answer())))
    assert records(connect(server.url, **table)) == []
    assert "<a>lixiao</a><b>geheim-&lt;0816&gt;</b>" in server.requests[0]
    assert "<session>abc</session>" in server.requests[1]
    server.will_answer(say(wrap(opened.format(1))))
    assert fault_of(connect(server.url, **table)) == "token_refused"
    server.will_answer(say(wrap(FAULT), status="500 Internal Server Error"))
    assert fault_of(connect(server.url, **table)) == "token_unusable"
    wrong = table | {
        "token": login | {"format": "json", "body": {"format": "xml", "template": "<a>{user}</a>"}}
    }
    told = " ".join(list_faults(x=SECTION | {"base_url": "https://a.example"} | wrong))
    assert "token.format must be xml" in told
    assert "token.body lacks the placeholder {password}" in told


# --- texts inside

INSIDE = {"inside": [{"path": "findResponse.return", "format": "json"}]}
JSON_INSIDE = (
    SOAP
    | INSIDE
    | {
        "success": {"findResponse": {"return": {"code": 0}}},
        "echo": "findResponse.return.no",
        "rows_path": "findResponse.return.rows",
        "count": "",
        "rows": "one",
    }
)


def say_inside(text: str) -> bytes:
    return say(wrap(f"<findResponse><return>{escape(text)}</return></findResponse>"))


def test_json_inside_soap_is_read_as_json(server: StandIn) -> None:
    server.will_answer(say_inside(TRUTH.decode()))
    assert records(connect(server.url, **JSON_INSIDE)) == [{"books": 0}]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not_json"),
        (TRUTH.decode()[:-1], "not_json"),
        (TRUTH.decode().replace('"code": 0', '"code": "0"'), "no_success"),
        (TRUTH.decode().replace('"code": 0', '"code": 0, "code": 0'), "duplicate_key"),
    ],
)
def test_json_inside_is_as_strict_as_json(server: StandIn, text: str, fault: str) -> None:
    server.will_answer(say_inside(text))
    assert fault_of(connect(server.url, **JSON_INSIDE)) == fault


def test_an_element_with_others_in_it_is_no_text_that_could_be_json(server: StandIn) -> None:
    server.will_answer(say(wrap("<findResponse><return><a>1</a></return></findResponse>")))
    assert fault_of(connect(server.url, **JSON_INSIDE)) == "wrong_type"


def test_xml_inside_xml_and_json_inside_that_are_opened_one_after_the_other(server: StandIn) -> None:
    inner = f"<?xml version='1.0' encoding='utf-16'?><r><json>{escape(TRUTH.decode())}</json></r>"
    server.will_answer(say_inside(inner))
    twice = {
        "inside": [
            {"path": "findResponse.return", "format": "xml"},
            {"path": "findResponse.return.r.json", "format": "json"},
        ],
        "success": {"findResponse": {"return": {"r": {"json": {"code": 0}}}}},
        "echo": "findResponse.return.r.json.no",
        "rows_path": "findResponse.return.r.json.rows",
    }
    assert records(connect(server.url, **(JSON_INSIDE | twice))) == [{"books": 0}]


def test_xml_and_json_inside_json_are_read(server: StandIn) -> None:
    inside = {"inside": [{"path": "d", "format": "xml"}]}
    paths = {
        "success": {"d": {"r": {"code": "0"}}},
        "echo": "d.r.no",
        "rows_path": "d.r.rows.row",
        "count": "d.r.total",
    }
    server.will_answer(response(json.dumps({"d": tell(row(3))}).encode()))
    table = MANY | {"kind": "http_json"} | inside | paths
    assert records(connect(server.url, **table)) == [{"books": 3}]
    server.will_answer(response(json.dumps({"d": TRUTH.decode()}).encode()))
    paths = {"success": {"d": {"code": 0}}, "echo": "d.no", "rows_path": "d.rows"}
    inside = {"inside": [{"path": "d", "format": "json"}]}
    assert records(connect(server.url, **inside, **paths)) == [{"books": 0}]


# --- bytes

CHINESE = tell("<row><books>0</books><title>\u8bba\u6587</title></row>")
NAMED = MANY | {"fields": {"title": {"path": "title", "type": "text"}}}


@pytest.mark.parametrize(
    ("declared", "content_type", "sent", "key"),
    [
        ("", XML, "utf-8", "utf-8"),
        ('<?xml version="1.0" encoding="UTF-8"?>', "application/xml", "utf-8", "utf-8"),
        ('<?xml version="1.0" encoding="UTF-8"?>', XML, "utf-8-sig", "utf-8"),
        ('<?xml version="1.0" encoding="GBK"?>', "text/xml", "gbk", "gbk"),
        ("<?xml version='1.0' encoding='gb2312'?>", "text/xml; charset=GBK", "gbk", "gbk"),
        ("", "text/xml; charset=gb2312", "gb18030", "gb18030"),
    ],
)
def test_an_answer_in_its_encoding_is_read(
    server: StandIn, declared: str, content_type: str, sent: str, key: str
) -> None:
    server.will_answer(say(declared + CHINESE, content_type, sent))
    assert records(connect(server.url, **NAMED, encoding=key)) == [{"title": "\u8bba\u6587"}]


@pytest.mark.parametrize(
    ("declared", "content_type", "sent", "key", "fault"),
    [
        ("", "text/xml", "gbk", "utf-8", "not_xml"),
        ("", "text/xml; charset=gbk", "gbk", "utf-8", "content_type"),
        ('<?xml version="1.0" encoding="gbk"?>', "text/xml", "utf-8", "utf-8", "encoding"),
        ('<?xml version="1.0" encoding="utf-8"?>', "text/xml", "gbk", "gbk", "encoding"),
        ("", "text/xml; charset=utf-8", "gbk", "gbk", "content_type"),
        ("", "text/xml", "utf-16", "utf-8", "not_xml"),
    ],
)
def test_bytes_in_another_encoding_than_said_are_a_fault(
    server: StandIn, declared: str, content_type: str, sent: str, key: str, fault: str
) -> None:
    server.will_answer(say(declared + CHINESE, content_type, sent))
    assert fault_of(connect(server.url, **NAMED, encoding=key)) == fault


def test_json_in_gbk_and_with_a_mark_of_byte_order_is_read(server: StandIn) -> None:
    server.will_answer(response(TRUTH, content_type="application/json; charset=gbk"))
    assert isinstance(ask(connect(server.url, encoding="gbk")), Reading)
    server.will_answer(response(b"\xef\xbb\xbf" + TRUTH))
    assert isinstance(ask(connect(server.url)), Reading)


def test_another_content_type_is_believed_only_where_a_key_says_so(server: StandIn) -> None:
    server.will_answer(response(TRUTH, content_type="text/html;charset=UTF-8"))
    assert fault_of(connect(server.url)) == "content_type"
    assert isinstance(ask(connect(server.url, content_types=["text/html"])), Reading)
    assert fault_of(connect(server.url, content_types=["text/plain", "none"])) == "content_type"
    page = "<!doctype html><html><h1>\u767b\u5f55\u5df2\u8fc7\u671f</h1></html>".encode()
    server.will_answer(response(page, content_type="text/html;charset=UTF-8"))
    assert fault_of(connect(server.url, content_types=["text/html"])) == "content_type"


def test_no_content_type_at_all_is_believed_only_where_a_key_says_so(server: StandIn) -> None:
    server.will_answer(response().replace(b"Content-Type: application/json\r\n", b""))
    assert fault_of(connect(server.url)) == "content_type"
    assert isinstance(ask(connect(server.url, content_types=["none"])), Reading)


# --- the configuration


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"success": {"r": {"code": 0}}}, "connectors.x.success.r.code is no text"),
        ({"success": {"r": {"ok": True}}}, "connectors.x.success.r.ok is no text"),
        ({"rows_path": "$"}, "connectors.x.rows_path names no element"),
        ({"number_as": "integer"}, "connectors.x.number_as is integer"),
        (
            {"token": TOKEN | {"expired": {"r": {"code": 42001}}}},
            "connectors.x.token.expired.r.code is no text",
        ),
        (
            {"fields": {"a": {"path": "a", "type": "count", "json": "number"}}},
            "connectors.x.fields.a.json is number",
        ),
        ({"fields": {"a": {"path": "a", "type": "flag"}}}, "connectors.x.fields.a.type is flag"),
        ({"inside": [{"path": "r.a", "format": "json"}] * 3}, "connectors.x.inside has more than 2 tables"),
        ({"inside": [{"path": "$", "format": "json"}]}, "connectors.x.inside[0].path must lead"),
        ({"inside": [{"path": "r.a", "format": "yaml"}]}, "connectors.x.inside[0].format must be one of"),
        ({"encoding": "utf-16"}, "connectors.x.encoding must be one of utf-8, gbk, gb18030"),
        ({"content_types": ["TEXT/HTML"]}, "connectors.x.content_types must be content types"),
        ({"content_types": ["*/*"]}, "connectors.x.content_types must be content types"),
    ],
)
def test_what_can_never_hold_of_an_answer_is_told_at_start(changes: dict[str, Any], fault: str) -> None:
    table = SECTION | {"base_url": "https://a.example"} | MANY | changes
    assert any(told.startswith(fault) for told in list_faults(x=table))


def test_marks_and_fields_of_json_inside_xml_may_be_numbers() -> None:
    table = SECTION | {"base_url": "https://a.example"} | JSON_INSIDE
    fields = {"fields": {"a": {"path": "a", "type": "count", "json": "number"}}}
    assert list_faults(x=table | fields) == []
