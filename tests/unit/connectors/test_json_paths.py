"""JSON that two readers could understand differently is refused."""

from __future__ import annotations

import json

import pytest

from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.json_paths import check_content_type, parse_json
from app.domain.json_reading import MAX_DEPTH, Fraction


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
        (b"<html></html>", FailureCode.NOT_JSON),
        (b'\xef\xbb\xbf{"a":1}', FailureCode.NOT_JSON),
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
