"""Advice names the keys that would help."""

from __future__ import annotations

from typing import Any

import pytest

from app.connectors.base import UntrustedAnswer
from app.domain.exchanges import Exchange
from app.domain.xml_reading import XmlError, read_xml
from app.services.operations.exact_advice import advise_answer, advise_fact
from app.services.operations.fault_advice import advise
from tests.fixtures.connectors import read_config
from tests.integration.connectors.stand_in import SECTION

MONEY = {"type": "money", "unit": "yuan"}
DAY = {"type": "day"}
TOKEN = {
    "path": "/t",
    "method": "POST",
    "credentials_in": "basic",
    "id": "i",
    "secret": "a-secret",
    "token_path": "t",
    "life_seconds": 60,
    "placed_in": "header",
    "name": "Authorization",
}
CURSOR = {"cursor_in": "query", "cursor_name": "after", "next": "next", "total": "total"}


def make_config(**changes: Any) -> Any:
    return read_config(SECTION | {"base_url": "https://example.edu.cn"} | changes)


@pytest.mark.parametrize(
    ("keys", "value", "told"),
    [
        (MONEY, None, 'null = "0"'),
        (MONEY, "1,234.50", "thousands"),
        (MONEY, "12.5000", "zeros"),
        (MONEY, ".50", "bare_point"),
        (MONEY, " 12.50 ", "spaces"),
        (MONEY, "-12.50", "may_be_negative"),
        (MONEY, "¥12.50", "prefix or suffix"),
        (MONEY, "12.50元", "prefix or suffix"),
        (MONEY, "无", "zero names"),
        (MONEY, ["1.00", "2.00"], "stands twice"),
        (DAY, "2026/06/10", "not written as YYYY-MM-DD: write the form that it has into formats"),
        (DAY, 1781020800000, 'epoch_milliseconds, and json = "number"'),
        (DAY | {"formats": ["YYYYMMDD"]}, "2026/06/10", "not written as YYYYMMDD"),
    ],
)
def test_a_fact_is_told_with_the_keys_that_its_value_wants(
    keys: dict[str, Any], value: Any, told: str
) -> None:
    field = make_config(fields={"f": {"path": "f", **keys}}).fields["f"]
    with pytest.raises(UntrustedAnswer) as refused:
        field.read({"f": value})
    advice = advise_fact(field, value, refused.value.fault)
    assert told in advice
    assert str(value) not in advice


@pytest.mark.parametrize(
    ("changes", "header", "told"),
    [
        ({}, {"Content-Type": "application/json; charset=GBK"}, 'encoding = "gbk"'),
        ({}, {}, 'content_types = ["none"]'),
        ({}, {"Content-Type": "text/html; charset=gbk"}, ""),
    ],
)
def test_a_content_type_is_told_with_the_key_that_it_wants(
    changes: dict[str, Any], header: dict[str, str], told: str
) -> None:
    exchange = Exchange("GET /", {}, b"", answer_headers=header)
    advice = advise_answer(make_config(**changes), [exchange], {}, "content_type")
    assert told in advice
    assert bool(advice) == bool(told)


def test_a_refused_token_is_told_with_its_own_keys() -> None:
    assert "[.token]" in advise_answer(make_config(token=TOKEN), [], {}, "credential_refused")
    assert advise_answer(make_config(), [], {}, "credential_refused") == ""


@pytest.mark.parametrize(
    ("document", "fault", "told"),
    [
        ({"next": ""}, "wrong_type", 'end = "empty"'),
        ({"next": None}, "wrong_type", 'end = "null"'),
        ({}, "missing_field", 'end = "missing"'),
        ({"next": "a"}, "repeated_page", "cursor_name"),
    ],
)
def test_a_walk_that_does_not_end_is_told_with_the_keys_of_the_cursor(
    document: dict[str, Any], fault: str, told: str
) -> None:
    config = make_config(rows="many", cursor=CURSOR)
    assert told in advise_answer(config, [], {"TS23000002": document}, fault)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<!DOCTYPE a><a/>", "document type"),
        ("<a>1<!-- -->2</a>", "comment"),
        ("<a>text<b/></a>", "beside elements"),
        ('<a xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:nil="true">5</a>', "nil and has content"),
        ("<a>" * 30 + "</a>" * 30, "nested too deep"),
        ("<a>", "look at it with --raw"),
    ],
)
def test_xml_that_is_refused_is_told_with_what_is_wrong(text: str, told: str) -> None:
    with pytest.raises(XmlError) as refused:
        read_xml(text)
    assert told in advise("not_xml", [refused.value.reason])
