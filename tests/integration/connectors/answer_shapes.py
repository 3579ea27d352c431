"""Answers as departments really give them, what the configuration must say of each, and the status that comes of it.

A row more: a `Shape` in one of the lists below, or in a list of its own kind, added to SHAPES. As a program this writes
the table of `config/ANSWER_SHAPES.md`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).resolve().parents[3] / "config" / "ANSWER_SHAPES.md"
MARK = re.compile(r"(<!-- shapes -->\n).*?(<!-- end -->)", re.DOTALL)
STUDENT = "2023000002"
CLEARED, OUTSTANDING, UNAVAILABLE = "cleared", "outstanding", "unavailable"
Table = Mapping[str, Any]

ZERO: Table = {"rule": "all_settled", "zero": ["x"], "equals": {}}
DONE: Table = {"rule": "value_is", "fact": "x", "passes": ["done"]}
THERE: Table = {"rule": "all_present", "facts": ["x"]}
OWED: Table = {"rule": "nothing_owed", "amount": "x", "reduced_by": []}
TOGETHER: Table = {"rule": "nothing_owed_in_all", "amount": "x", "reduced_by": []}
YES: Table = {"rule": "is_yes", "fact": "x"}
COUNT: Table = {"type": "count"}
YUAN: Table = {"type": "money", "unit": "yuan"}
FEN: Table = {"type": "money", "unit": "fen"}
DAY: Table = {"type": "day"}
FLAG: Table = {"type": "flag"}
MANY: Table = {"rows": "many", "complete": "the system sends all"}


@dataclass(frozen=True)
class Shape:
    """An answer about STUDENT. `answer` is what is sent: JSON or XML (a row, a list of rows or, with `is_whole`,
    everything), the SQL that fills the view `v`, or a SIP2 message without its trailer; `<now>` stands for now in its
    place. `first` are the answers to the requests before: a token, other pages. `fact` are
    the keys of the fact `x` and `keys` those of the connector that the answer needs: without them it must be unavailable,
    unless `is_plain`. `base` are further keys, of facts that are no part of the point.
    """

    says: str
    answer: str
    fact: Table
    rule: Table
    status: str
    needed: Table = field(default_factory=dict)
    keys: Table = field(default_factory=dict)
    base: Table = field(default_factory=dict)
    kind: str = "http_json"
    is_plain: bool = False
    is_whole: bool = False
    pattern: str = "[0-9A-Za-z]{1,32}"
    sequence: str = ""
    is_sealed: bool = True
    first: tuple[str, ...] = ()
    encoding: str = "utf-8"
    content_type: str = ""


def _shape(
    says: str, answer: str, fact: Table, needed: Table, rule: Table, status: str, **more: Any
) -> Shape:
    return Shape(says, answer, fact, rule, status, needed, **more)


PLAIN = (
    Shape("a count", '{"x": 0}', COUNT, ZERO, CLEARED, is_plain=True),
    Shape("a count that is not 0", '{"x": 2}', COUNT, ZERO, OUTSTANDING, is_plain=True),
    Shape("yuan as a text", '{"x": "12.50"}', YUAN, ZERO, OUTSTANDING, is_plain=True),
    Shape("nothing at all", '{"x": null}', COUNT, ZERO, UNAVAILABLE, is_plain=True),
)
NUMBERS = (
    _shape("a count as a text", '{"x": "0"}', COUNT, {"json": "string"}, ZERO, CLEARED),
    _shape("a count, a number here and a text there", '{"x": "3"}', COUNT, {"json": "either"}, ZERO, OUTSTANDING),
    _shape("a count as a fraction", '{"x": 0.0}', COUNT, {"formats": ["zeros"]}, ZERO, CLEARED),
    _shape("yuan with four decimals", '{"x": "0.0000"}', YUAN, {"formats": ["zeros"]}, ZERO, CLEARED),
    _shape("fen with decimals", '{"x": "1250.00"}', FEN, {"formats": ["zeros"]}, ZERO, OUTSTANDING),
    _shape("thousands by commas", '{"x": "1,234.50"}', YUAN, {"formats": ["thousands"]}, ZERO, OUTSTANDING),
    _shape("no digit before the point", '{"x": ".00"}', YUAN, {"formats": ["bare_point"]}, ZERO, CLEARED),
    _shape("blanks around", '{"x": "   0.00"}', YUAN, {"formats": ["spaces"]}, ZERO, CLEARED),
    _shape("the unit beside it", '{"x": "¥0.00元"}', YUAN, {"prefix": "¥", "suffix": "元"}, ZERO, CLEARED),
    _shape("a count in 本", '{"x": "2 本"}', COUNT | {"json": "string"}, {"suffix": "本"}, ZERO, OUTSTANDING),
    _shape("a word for 0", '{"x": "无"}', COUNT | {"json": "string"}, {"zero": ["无"]}, ZERO, CLEARED),
    _shape("null for 0", '{"x": null}', YUAN, {"null": "0"}, ZERO, CLEARED),
    _shape("a credit", '{"x": "-30.00"}', YUAN, {"may_be_negative": True}, OWED, CLEARED),
    _shape(
        "a credit beside a debt", '[{"x": "-30.00"}, {"x": "20.00"}]', YUAN, {"may_be_negative": True}, OWED, OUTSTANDING,
        base=MANY,
    ),
    _shape(
        "one account for both", '[{"x": "-30.00"}, {"x": "20.00"}]', YUAN, {"may_be_negative": True}, TOGETHER, CLEARED,
        base=MANY,
    ),
    Shape("a little left", '{"x": "3.20"}', YUAN, {"rule": "at_most", "fact": "x", "most": 5}, CLEARED, is_plain=True),
)  # fmt: skip
CODES = (
    _shape("a code as a number", '{"x": 2}', {"type": "text", "values": {"2": "done", "1": "open"}}, {"json": "number"}, DONE, CLEARED),
    _shape("Y and N", '{"x": "N"}', FLAG, {"values": {"Y": True, "N": False}}, YES, OUTSTANDING),
    _shape("1 and 0", '{"x": 1}', FLAG, {"values": {"1": True, "0": False}, "json": "number"}, YES, CLEARED),
    Shape("true and false", '{"x": false}', FLAG, {"rule": "is_no", "fact": "x"}, CLEARED, is_plain=True),
)  # fmt: skip
DAYS = (
    _shape("a day with slashes", '{"x": "2026/06/10"}', DAY, {"formats": ["YYYY/MM/DD"]}, THERE, CLEARED),
    _shape("a day as a number", '{"x": 20260610}', DAY, {"formats": ["YYYYMMDD"], "json": "number"}, THERE, CLEARED),
    _shape("a Chinese day", '{"x": "2026年6月10日"}', DAY, {"formats": ["YYYY年M月D日"]}, THERE, CLEARED),
    _shape("a day with a time", '{"x": "2026-06-10 08:30:00"}', DAY, {"formats": ["YYYY-MM-DD HH:mm:ss"]}, THERE, CLEARED),
    _shape(
        "milliseconds", '{"x": 1781020800000}', DAY,
        {"formats": ["epoch_milliseconds"], "json": "number", "time_zone": "Asia/Shanghai"},
        {"rule": "day_is", "fact": "x", "not_before": "2026-06-10"}, CLEARED,
    ),
    _shape("zeros for no day", '{"x": "00000000"}', DAY, {"formats": ["YYYYMMDD"], "empty": True}, THERE, OUTSTANDING),
)  # fmt: skip
ANSWERS = (
    Shape(
        "student numbers as integers", '{"no": 420013, "code": 0, "rows": {"x": 0}}', COUNT, ZERO, CLEARED,
        keys={"number_as": "integer"}, is_whole=True, pattern="[0-9]{8}",
    ),
    Shape(
        "the number of rows as a text", '{"no": "2023000002", "code": 0, "total": "1", "rows": [{"x": 0}]}', COUNT, ZERO,
        CLEARED, keys={"count_as": "either"}, base={"rows": "many", "count": "total"}, is_whole=True,
    ),
    Shape(
        "the data's time as an epoch", '{"no": "2023000002", "code": 0, "at": <now>, "rows": {"x": 0}}', COUNT, ZERO, CLEARED,
        keys={"moment_formats": ["epoch_seconds"]}, base={"as_of": "at", "fresh_for_minutes": 60}, is_whole=True,
    ),
    Shape(
        "several reviews", '[{"x": "done", "on": "2026-06-09"}, {"x": "open", "on": "2026-06-10"}]',
        {"type": "text", "known": ["open", "done"]},
        {"rule": "latest_record", "by": "on", "judged_by": DONE}, OUTSTANDING,
        base=MANY | {"on": DAY}, is_plain=True,
    ),
    Shape(
        "two reviews of one day", '[{"x": "done", "on": "2026-06-10"}, {"x": "open", "on": "2026-06-10"}]',
        {"type": "text", "known": ["open", "done"]},
        {"rule": "latest_record", "by": "on", "judged_by": DONE}, UNAVAILABLE,
        base=MANY | {"on": DAY}, is_plain=True,
    ),
    Shape(
        "paid or waived", '{"x": false, "on": "批准"}', FLAG,
        {"rule": "any_of", "rules": [YES, {"rule": "value_is", "fact": "on", "passes": ["批准"]}]}, CLEARED,
        base={"on": {"type": "text", "known": ["批准", "未批准"]}}, is_plain=True,
    ),
)  # fmt: skip
VIEWS = (
    _shape("a DATE", "'2026-06-10'", DAY, {}, THERE, CLEARED, kind="sql", is_plain=True),
    _shape("a day in digits", "20260610", DAY, {"formats": ["YYYYMMDD"]}, THERE, CLEARED, kind="sql"),
    _shape("a flag by letter", "'Y'", FLAG, {"values": {"Y": True, "N": False}}, YES, CLEARED, kind="sql"),
    _shape("NULL for 0", "NULL", COUNT, {"null": "0"}, ZERO, CLEARED, kind="sql"),
    Shape("numbers as integers", "2", COUNT, ZERO, OUTSTANDING, keys={"number_as": "integer"}, kind="sql", pattern="[0-9]{8}"),
)  # fmt: skip
_XML: Table = {"success": {"r": {"code": "0"}}, "echo": "r.no", "rows_path": "r.row"}
_ROW = "<r><code>0</code><no>2023000002</no>{}</r>"
_SOAP: Table = {
    "method": "POST",
    "number_in": "body",
    "credential_in": "none",
    "body": {"format": "xml", "template": "<ask><no>{student_number}</no></ask>"},
    "soap": {"version": "1.1", "action": ""},
}
_ENVELOPE = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>'


def _xml(says: str, answer: str, fact: Table, status: str, rule: Table = ZERO, **more: Any) -> Shape:
    return Shape(says, answer, fact, rule, status, kind="http_xml", is_whole=True, **{"base": _XML} | more)


DOCUMENTS = (
    _xml("XML", _ROW.format("<row><x>0</x></row>"), COUNT, CLEARED, is_plain=True),
    _xml(
        "rows in XML", _ROW.format("<rows><row><x>0.00</x></row><row><x>3.00</x></row></rows>"), YUAN, OUTSTANDING, OWED,
        base=_XML | MANY | {"rows_path": "r.rows.row"}, is_plain=True,
    ),
    _xml(
        "attributes", '<r code="0" no="2023000002"><row x="0"/></r>', COUNT | {"path": "@x"}, CLEARED,
        base={"success": {"r": {"@code": "0"}}, "echo": "r.@no", "rows_path": "r.row"}, is_plain=True,
    ),
    _xml(
        "xsi:nil for 0",
        _ROW.format('<row><x xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/></row>'),
        COUNT, CLEARED, needed={"null": "0"},
    ),
    _xml("an empty element for 0", _ROW.format("<row><x/></row>"), COUNT, CLEARED, needed={"zero": [""]}),
    _xml(
        "XML in GBK", '<?xml version="1.0" encoding="GBK"?>' + _ROW.format("<row><x>已还</x></row>"),
        {"type": "text", "values": {"已还": "done", "未还": "open"}}, CLEARED, DONE,
        keys={"encoding": "gbk"}, encoding="gbk",
    ),
    _xml("SOAP", _ENVELOPE.format(_ROW.format("<row><x>2</x></row>")), COUNT, OUTSTANDING, base=_XML | _SOAP, is_plain=True),
    _xml(
        "a SOAP fault", _ENVELOPE.format("<s:Fault><faultcode>s:Server</faultcode><faultstring/></s:Fault>"), COUNT,
        UNAVAILABLE, base=_XML | _SOAP, is_plain=True,
    ),
    _xml(
        "JSON in XML", '<r>{"code": "0", "no": "2023000002", "row": {"x": "0"}}</r>', COUNT | {"json": "string"}, CLEARED,
        keys={"inside": [{"path": "r", "format": "json"}]},
    ),
)  # fmt: skip
_NEXT: Table = {"cursor_in": "query", "cursor_name": "c", "next": "next", "end": "null", "row_key": "id"}


def _page(next_cursor: str, row: str) -> str:
    return f'{{"code": 0, "no": "2023000002", "next": {next_cursor}, "rows": [{row}]}}'


TRANSPORTS = (
    Shape("JSON as text/html", '{"x": 0}', COUNT, ZERO, CLEARED, keys={"content_types": ["text/html"]}, content_type="text/html"),
    Shape("JSON in GBK", '{"x": "已还"}', {"type": "text", "known": ["已还"]}, DONE | {"passes": ["已还"]}, CLEARED,
          keys={"encoding": "gbk"}, encoding="gbk", content_type="application/json; charset=gbk"),
    Shape("a mark of byte order", '\ufeff{"code": 0, "no": "2023000002", "rows": {"x": 0}}', COUNT, ZERO, CLEARED,
          is_whole=True, is_plain=True),
    Shape("JSON in JSON", '{"data": "{\\"code\\": 0, \\"no\\": \\"2023000002\\", \\"rows\\": {\\"x\\": 0}}"}', COUNT, ZERO, CLEARED,
          keys={"inside": [{"path": "data", "format": "json"}]}, is_whole=True,
          base={"success": {"data": {"code": 0}}, "echo": "data.no", "rows_path": "data.rows"}),
    Shape("a token first", '{"x": 0}', COUNT, ZERO, CLEARED, first=('{"token": "t", "seconds": 7200}',),
          keys={"token": {"path": "/token", "method": "POST", "credentials_in": "form", "secret": "geheim-0816",
                          "secret_name": "secret", "token_path": "token", "life_path": "seconds", "placed_in": "header",
                          "name": "Authorization", "prefix": "Bearer "}}),
    Shape("rows behind a cursor", _page("null", '{"x": 2, "id": 2}'), COUNT, {"rule": "every_record", "judged_by": ZERO},
          OUTSTANDING, first=(_page('"c2"', '{"x": 0, "id": 1}'),), base={"rows": "many", "cursor": _NEXT}, is_whole=True,
          is_plain=True),
)  # fmt: skip
_FEE: Table = YUAN | {"path": "BV"}


def _library(says: str, behind: str, needed: Table, keys: Table, status: str, **more: Any) -> Shape:
    answer = f"64{' ' * 14}019<now>{'0' * 24}AOCUMT|AA{STUDENT}|AE李文静|BLY|{behind}"
    return Shape(says, answer, _FEE, ZERO, status, needed, keys, kind="sip2", **more)


LIBRARIES = (
    _library("SIP2 by the standard", "BHCNY|BV0.00|", {}, {}, CLEARED, is_plain=True),
    _library("no error detection", "BHCNY|BV0.00|", {}, {"checksum": "none"}, CLEARED, is_sealed=False),
    _library("always the same number", "BHCNY|BV12.50|", {}, {"sequence": "any"}, OUTSTANDING, sequence="7"),
    _library("no currency", "BV0.00|", {}, {"without_currency": True}, CLEARED),
    _library("no fee where none is", "BHCNY|", {}, {"without_fee": True}, CLEARED),
    _library(
        "blanks and a bare point", "BHCNY|BV  .50|", {"formats": ["bare_point", "spaces"]}, {}, OUTSTANDING
    ),
)
SHAPES = (*PLAIN, *NUMBERS, *CODES, *DAYS, *ANSWERS, *DOCUMENTS, *TRANSPORTS, *VIEWS, *LIBRARIES)


def make_table(shapes: tuple[Shape, ...]) -> str:
    """The shapes as a table in Markdown, in their order."""
    lines = [
        "| kind | what it does | its answer | its keys | rule | status |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {_code(shape.kind)} | {shape.says} | {_code(*shape.first, _cut(shape))} | {_code(*_write_keys(shape.fact | shape.needed), *_write_keys(_list_shown(shape)))} "
        f"| {_code(shape.rule['rule'])} | `{shape.status}` |"
        for shape in shapes
    ]
    return "\n".join(lines) + "\n"


def _cut(shape: Shape) -> str:
    """Of a SIP2 message what is behind the patron's validity: before it all are alike."""
    return shape.answer.partition("BLY|")[2] if shape.kind == "sip2" else shape.answer.lstrip("\ufeff")


def _list_shown(shape: Shape) -> dict[str, Any]:
    """The connector's keys but those that every system has."""
    usual = ("success", "echo", "rows_path", "on", "method", "number_in", "credential_in")
    return {key: value for key, value in (*shape.base.items(), *shape.keys.items()) if key not in usual}


def _write_keys(table: Table) -> list[str]:
    return [
        f"[.{key}]" if isinstance(value, Mapping) and key != "values" else f"{key} = {_write(value)}"
        for key, value in table.items()
        if key != "path"
    ]


def _write(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_write, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_write(key)} = {_write(part)}' for key, part in value.items())} }}"
    return json.dumps(value, ensure_ascii=False)


def _code(*texts: str) -> str:
    return "<br>".join(f"`{text}`".replace("|", "\\|") for text in texts)


if __name__ == "__main__":
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(
        MARK.sub(lambda found: found[1] + make_table(SHAPES) + found[2], text), encoding="utf-8"
    )
