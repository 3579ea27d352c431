"""XML becomes the tree that JSON would give; what two readers could understand differently is refused."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from app.domain.json_reading import MAX_DEPTH, Json, parse_path
from app.domain.xml_reading import MAX_ELEMENTS, NoSuchRows, XmlError, XmlFault, find_rows, read_xml

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("<r/>", ""),
        ("<r></r>", ""),
        ("<r> a </r>", " a "),
        ("<r>王&amp;<![CDATA[<b>&]]>&#x9f9f;</r>", "王&<b>&龟"),
        ('<r a="1"/>', {"@a": "1", "#text": ""}),
        ('<r a="1">x</r>', {"@a": "1", "#text": "x"}),
        ("<r><a>1</a>\n <b/>\n</r>", {"a": "1", "b": ""}),
        ("<r><a>1</a><b/><a>2</a></r>", {"a": ["1", "2"], "b": ""}),
        ('<r a="1"><b>2</b></r>', {"@a": "1", "b": "2"}),
        ('<p:r xmlns:p="urn:x" p:a="1"><b xmlns="urn:y">2</b></p:r>', {"@a": "1", "b": "2"}),
        (f'<r {XSI}><a xsi:nil="true"/><b xsi:nil="0">2</b></r>', {"a": None, "b": "2"}),
        (f'<r {XSI} xsi:type="xs:string" xsi:schemaLocation="urn:x x.xsd">a</r>', "a"),
        ("<!-- a --><r><!-- b --><a>1</a><?c d?></r><!-- e -->", {"a": "1"}),
        ("<r><!-- none --></r>", ""),
        ('<?xml version="1.0" encoding="utf-16"?><r>a</r>', "a"),
    ],
)
def test_each_shape_becomes_what_json_would_have(text: str, tree: Json) -> None:
    assert read_xml(text).tree == {"r": tree}


def test_the_name_space_of_the_root_is_told() -> None:
    assert read_xml('<r xmlns="urn:x"/>').space == "urn:x"
    assert read_xml("<r/>").space == ""


AMBIGUOUS = (
    "<r>1<!-- -->2</r>",
    "<r>1<?x?>2</r>",
    "<r>1<!-- --></r>",
    "<r>1<a/></r>",
    "<r><a/>1</r>",
    "<r><a/>\u3000</r>",
    f'<r {XSI} xsi:nil="true">1</r>',
    f'<r {XSI} xsi:nil="true"><a/></r>',
    f'<r {XSI} xsi:nil="yes"/>',
    f'<r {XSI} xsi:nil="true" debt="500"/>',
    '<r xmlns:p="urn:p"><a/><p:a/></r>',
    "<r><row>0</row><ROW>500</ROW></r>",
    '<r debt="0" Debt="500"/>',
    '<r xmlns:p="urn:p" a="1" p:a="2"/>',
)
FOREIGN = (
    "",
    "x",
    "<r>",
    "<r/><r/>",
    "<r></q>",
    "<r a=1/>",
    '<r a="1" a="2"/>',
    "<p:r/>",
    "<r>&x;</r>",
    "<r>&#0;</r>",
    "<r>\x00</r>",
    "<r>\ud800</r>",
    " <?xml version='1.0'?><r/>",
    "<!DOCTYPE r><r/>",
    '<!DOCTYPE r [<!ENTITY x "y">]><r>&x;</r>',
    '<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>',
    "<r>" * (MAX_DEPTH + 1) + "</r>" * (MAX_DEPTH + 1),
    "<r>" * 30_000,
    f"<r>{'<a/>' * MAX_ELEMENTS}</r>",
)


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_what_could_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(XmlError):
        read_xml(text)


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_the_standard_reader_takes_what_is_refused_here(text: str) -> None:
    assert ET.fromstring(text).tag == "r"


@pytest.mark.parametrize("text", FOREIGN)
def test_what_is_no_plain_xml_is_refused(text: str) -> None:
    with pytest.raises(XmlError) as refusal:
        read_xml(text)
    assert refusal.value.fault is XmlFault.NOT_XML


def test_as_many_and_as_deep_elements_as_are_allowed_are_read() -> None:
    assert read_xml(f"<r>{'<a/>' * (MAX_ELEMENTS - 1)}</r>")
    assert read_xml("<r>" * MAX_DEPTH + "</r>" * MAX_DEPTH)


def rows(text: str, *, may_be_absent: bool = False) -> Json:
    return find_rows(
        read_xml(text).tree,
        parse_path("r.rows.row"),
        may_be_absent=may_be_absent,
        understood=[parse_path("r.rows.@total")],
    )


def test_an_empty_element_holds_no_rows_where_each_of_its_attributes_is_understood() -> None:
    assert rows('<r><rows total="0"/></r>') == []
    assert rows("<r><rows/></r>") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<r><rows><row>1</row></rows></r>", ["1"]),
        ("<r><rows><row>1</row><row/></rows></r>", ["1", ""]),
        ("<r><rows/></r>", []),
        ("<r><rows>\n </rows></r>", []),
        (f'<r><rows {XSI} xsi:nil="true"/></r>', None),
        (f'<r><rows><row {XSI} xsi:nil="true"/></rows></r>', None),
        ("<r><rows><row/></rows></r>", [""]),
    ],
)
def test_rows_are_a_list_however_many_there_are(text: str, found: Json) -> None:
    assert rows(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "<r/>",
        "<r>x</r>",
        "<r><other/></r>",
        "<r><rows>none</rows></r>",
        "<r><rows><other/></rows></r>",
        '<r><rows error="5"/></r>',
        '<r><rows total="0" error="5"/></r>',
        "<r><rows><row/></rows><rows/></r>",
    ],
)
def test_rows_whose_place_is_missing_or_holds_others_are_not_no_rows(text: str) -> None:
    with pytest.raises(NoSuchRows):
        rows(text)


def test_rows_may_be_absent_beside_other_elements_where_a_mark_says_so() -> None:
    assert rows("<r><rows><total>0</total></rows></r>", may_be_absent=True) is None
    assert rows("<r><rows><total>0</total><row/></rows></r>", may_be_absent=True) is None
    assert rows("<r/>", may_be_absent=True) is None
    for text in (
        "<r><total>0</total></r>",
        '<r error="5"/>',
        '<r><rows error="5"/></r>',
        "<r><rows><total>0</total><ROW>500</ROW></rows></r>",
    ):
        with pytest.raises(NoSuchRows):
            rows(text, may_be_absent=True)
