"""JSON that two readers could understand differently is refused."""

from __future__ import annotations

import json

import pytest

from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.http.answers import AnswerForm, AnswerText, Format
from app.connectors.json_paths import look_up
from app.domain import json_reading
from app.domain.json_reading import MAX_DEPTH, Fraction, Json, parse_path

FORM = AnswerForm(Format.JSON)


def parse_json(body: bytes) -> Json:
    return FORM.read(AnswerText(), body)


def check_content_type(header: str) -> None:
    AnswerText().check_type(header, FORM.content_types)


def test_plain_json_is_read_with_fractions_as_they_are_written() -> None:
    assert parse_json('{"a":[1,12.50,"䶮𠮷",null,true]}'.encode()) == {
        "a": [1, Fraction("12.50"), "䶮𠮷", None, True]
    }


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", FailureCode.NOT_JSON),
        (b"{}{}", FailureCode.NOT_JSON),
        (b'{"a":1}\x00', FailureCode.NOT_JSON),
        (b"<p></p>", FailureCode.NOT_JSON),
        (b"\n<!DOCTYPE HTML><html></html>", FailureCode.CONTENT_TYPE),
        (b'\xef\xbb\xbf\xef\xbb\xbf{"a":1}', FailureCode.NOT_JSON),
        ('{"a":"审"}'.encode("gb18030"), FailureCode.NOT_JSON),
        ('{"a":1}'.encode("utf-16"), FailureCode.NOT_JSON),
        (b'{"a":"\xed\xa0\x80"}', FailureCode.NOT_JSON),
        (rb'{"a":"\ud800"}', FailureCode.NOT_JSON),
        (rb'{"\udfff":1}', FailureCode.NOT_JSON),
        (b'{"a":"\n"}', FailureCode.NOT_JSON),
        (b"{'a':1}", FailureCode.NOT_JSON),
        (b'{"a":1,}', FailureCode.NOT_JSON),
        (b"[" * 100_000, FailureCode.NOT_JSON),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), FailureCode.NOT_JSON),
        (b'{"a":1,"a":1}', FailureCode.DUPLICATE_KEY),
        (rb'{"a":1,"\u0061":2}', FailureCode.DUPLICATE_KEY),
        (b'[{"b":{"a":1,"a":2}}]', FailureCode.DUPLICATE_KEY),
        (b'{"a":NaN}', FailureCode.MALFORMED_NUMBER),
        (b'{"a":-Infinity}', FailureCode.MALFORMED_NUMBER),
        (b'{"a":-0}', FailureCode.MALFORMED_NUMBER),
        (b'{"a":' + b"9" * 5000 + b"}", FailureCode.MALFORMED_NUMBER),
    ],
)
def test_ambiguous_or_foreign_json_is_refused(body: bytes, fault: FailureCode) -> None:
    with pytest.raises(UntrustedAnswer) as refusal:
        parse_json(body)
    assert refusal.value.fault is fault


@pytest.mark.parametrize(
    "document", [{"a": {"rows": [], "Rows": [500]}}, {"a": {"rows": []}, "A": {"rows": [500]}}]
)
def test_a_key_beside_another_that_differs_in_case_alone_is_no_place_to_read(document: Json) -> None:
    with pytest.raises(UntrustedAnswer) as refusal:
        look_up(document, parse_path("a.rows"))
    assert refusal.value.fault is FailureCode.DUPLICATE_KEY
    assert json_reading.look_up(document, parse_path("a.rows")) == []


def test_keys_that_differ_in_case_alone_where_nothing_is_read_change_nothing() -> None:
    assert look_up({"a": {"rows": []}, "id": 1, "ID": 2}, parse_path("a.rows")) == []


def test_a_mark_of_byte_order_changes_nothing_of_what_is_read() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a":1}') == parse_json(b'{"a":1}')


@pytest.mark.parametrize("body", [b'{"a":1,"a":0}', b'{"a":NaN}', rb'{"a":"\ud800"}', b'{"a":-0}'])
def test_the_standard_reader_takes_what_is_refused_here(body: bytes) -> None:
    assert list(json.loads(body)) == ["a"]


@pytest.mark.parametrize(
    "header", ["application/json", "application/json;charset=UTF-8", 'Application/JSON; charset="utf8"']
)
def test_json_in_utf_8_is_the_content_type_that_counts(header: str) -> None:
    check_content_type(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "text/html",
        "text/json",
        "application/problem+json",
        "application/json; charset=gbk",
        "application/json, text/html",
    ],
)
def test_other_content_types_are_refused(header: str) -> None:
    with pytest.raises(UntrustedAnswer):
        check_content_type(header)
