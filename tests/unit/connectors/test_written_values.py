"""Values as real systems write them: each by a key of its own, and refused without it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from app.connectors.base import UntrustedAnswer
from app.connectors.fields import JsonField
from app.domain.json_reading import Fraction

YUAN = {"type": "money", "unit": "yuan"}
FEN = {"type": "money", "unit": "fen"}
COUNT = {"type": "count"}
BOOKS = {"type": "count", "json": "string"}
DAY = {"type": "day"}
FLAG = {"type": "flag"}
CARD = {"type": "text", "values": {"1": "active", "9": "cancelled"}}
SHANGHAI = {"time_zone": "Asia/Shanghai"}
EPOCH = {"formats": ["epoch_seconds"], "json": "number", **SHANGHAI}
MILLISECONDS = {"formats": ["epoch_milliseconds"], "json": "either", **SHANGHAI}
JUNE = date(2026, 6, 10)


def make_field(keys: dict[str, Any]) -> JsonField:
    return JsonField.model_validate({"path": "x", **keys})


def list_wrong(keys: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        make_field(keys)
    return str([error["ctx"]["error"].told for error in caught.value.errors()])


CASES: list[tuple[dict[str, Any], dict[str, Any], Any, Any]] = [
    (COUNT, {"json": "either"}, "2", 2),
    (COUNT, {"json": "string"}, "2", 2),
    (BOOKS, {"json": "either"}, 2, 2),
    (YUAN, {"json": "either"}, Fraction("12.50"), Decimal("12.50")),
    (COUNT, {"formats": ["zeros"]}, Fraction("2.0"), 2),
    (YUAN, {"formats": ["zeros"]}, "0.0000", Decimal("0.00")),
    (YUAN, {"formats": ["zeros"]}, "12.5000", Decimal("12.50")),
    (FEN, {"formats": ["zeros"]}, "1250.00", Decimal("12.50")),
    (YUAN, {"formats": ["thousands"]}, "1,234,567.50", Decimal("1234567.50")),
    (YUAN, {"formats": ["bare_point"]}, ".00", Decimal("0.00")),
    (YUAN, {"formats": ["bare_point"]}, ".5", Decimal("0.50")),
    (YUAN, {"formats": ["spaces"]}, "  12.5", Decimal("12.50")),
    (YUAN, {"may_be_negative": True}, "-12.50", Decimal("-12.50")),
    (COUNT, {"may_be_negative": True}, -1, -1),
    (YUAN, {"prefix": "¥"}, "¥12.50", Decimal("12.50")),
    (YUAN, {"prefix": "¥", "formats": ["thousands"]}, "¥ 1,200.00", Decimal("1200.00")),
    (BOOKS, {"suffix": "本"}, "2 本", 2),
    (BOOKS, {"suffix": "本"}, "2本", 2),
    (YUAN, {"null": "0"}, None, Decimal("0.00")),
    (COUNT, {"null": "0"}, None, 0),
    (BOOKS, {"zero": ["无", ""]}, "", 0),
    (BOOKS, {"zero": ["无"]}, "无", 0),
    (DAY, {"formats": ["YYYY/MM/DD"]}, "2026/06/10", JUNE),
    (DAY, {"formats": ["YYYY/M/D"]}, "2026/6/10", JUNE),
    (DAY, {"formats": ["YYYYMMDD"]}, "20260610", JUNE),
    (DAY, {"formats": ["YYYYMMDD"], "json": "number"}, 20260610, JUNE),
    (DAY, {"formats": ["YYYY年M月D日"]}, "2026年6月10日", JUNE),
    (DAY, {"formats": ["YYYY-MM-DD HH:mm:ss"]}, "2026-06-10 23:59:59", JUNE),
    (DAY, {"formats": ["YYYY-MM-DDTHH:mm:ss.f"]}, "2026-06-10T23:59:59.123", JUNE),
    (DAY, {"formats": ["YYYY-MM-DDTHH:mm:ssZ"], **SHANGHAI}, "2026-06-09T16:00:00Z", JUNE),
    (DAY, {"formats": ["YYYY-MM-DDTHH:mm:ssZ"], **SHANGHAI}, "2026-06-10T00:00:00+0800", JUNE),
    (DAY, EPOCH, 1781020800, JUNE),
    (DAY, MILLISECONDS, 1781020800000, JUNE),
    (DAY, MILLISECONDS, "1781020800000", JUNE),
    (DAY, {"formats": ["DD/MM/YYYY", "MM/DD/YYYY"]}, "06/13/2025", date(2025, 6, 13)),
    (DAY, {"formats": ["YYYYMMDD"], "empty": True}, "00000000", None),
    (DAY, {"formats": ["YYYY-MM-DD HH:mm:ss"], "empty": True}, "0000-00-00 00:00:00", None),
    (DAY, {"formats": ["YYYY-MM-DD HH:mm:ss"], "empty": True}, "9999-12-31 00:00:00", None),
    (DAY, EPOCH | {"empty": True}, 0, None),
    (FLAG, {"values": {"Y": True, "N": False}}, "Y", True),
    (FLAG, {"values": {"是": True, "否": False}}, "否 ", False),
    (FLAG, {"values": {"1": True, "0": False}, "json": "number"}, 0, False),
    (FLAG, {"values": {"1": True, "0": False}, "json": "either"}, "1", True),
    (CARD, {"json": "number"}, 9, "cancelled"),
    (CARD, {"json": "either"}, 9, "cancelled"),
]  # fmt: skip


@pytest.mark.parametrize(("without", "keys", "value", "fact"), CASES)
def test_a_spelling_becomes_a_fact_by_its_key_and_is_refused_without(
    without: dict[str, Any], keys: dict[str, Any], value: Any, fact: Any
) -> None:
    found = make_field(without | keys).read({"x": value})
    assert (found, type(found), str(found)) == (fact, type(fact), str(fact))
    with pytest.raises(UntrustedAnswer):
        make_field(without).read({"x": value})


REFUSED: list[tuple[dict[str, Any], Any]] = [
    (YUAN | {"formats": ["zeros"]}, "12.5001"),
    (COUNT | {"formats": ["zeros"]}, Fraction("2.5")),
    (COUNT | {"formats": ["zeros"]}, Fraction("2E0")),
    (FEN | {"formats": ["zeros"]}, "1250.50"),
    (YUAN | {"formats": ["thousands"]}, "1,23"),
    (YUAN | {"formats": ["thousands"]}, "0,000"),
    (YUAN | {"formats": ["thousands"]}, "1,2345"),
    (YUAN | {"formats": ["thousands"]}, ",123"),
    (YUAN | {"formats": ["bare_point"]}, "."),
    (YUAN | {"formats": ["bare_point"]}, "5."),
    (YUAN | {"formats": ["bare_point"]}, ""),
    (YUAN | {"formats": ["spaces"]}, "1 2"),
    (YUAN | {"formats": ["spaces"]}, "  "),
    (YUAN | {"formats": ["spaces"]}, "\u300012"),
    (YUAN | {"may_be_negative": True}, "-0.00"),
    (YUAN | {"may_be_negative": True}, "--1"),
    (YUAN | {"may_be_negative": True}, "−1"),
    (YUAN | {"suffix": "元"}, "12万元"),
    (YUAN | {"suffix": "元"}, "12"),
    (YUAN | {"suffix": "元"}, "元"),
    (YUAN | {"prefix": "¥", "suffix": "元"}, "¥"),
    (BOOKS | {"zero": ["无"]}, "暂无"),
    (BOOKS | {"null": "0"}, ""),
    (COUNT | {"json": "either"}, True),
    (DAY | {"formats": ["DD/MM/YYYY", "MM/DD/YYYY"]}, "05/06/2025"),
    (DAY | {"formats": ["YYYYMMDD"]}, "２０２６０６１０"),
    (DAY | {"formats": ["YYYYMMDD"]}, "20260230"),
    (DAY | {"formats": ["YYYYMMDD"]}, "20260610\n"),
    (DAY | {"formats": ["YYYYMMDD"]}, 20260610),
    (DAY | {"formats": ["YYYYMMDD"], "json": "number"}, Fraction("2.026061E7")),
    (DAY | {"formats": ["YYYYMMDD"], "json": "number"}, True),
    (DAY | {"formats": ["YYYYMMDD"]}, "20990610"),
    (DAY | {"formats": ["YYYYMMDD"]}, "19991231"),
    (DAY | {"formats": ["YYYYMMDD"], "empty": True}, "abc"),
    (DAY | {"formats": ["YYYY-MM-DD HH:mm:ss"]}, "2026-06-10 25:00:00"),
    (DAY | {"formats": ["YYYY-MM-DDTHH:mm:ssZ"], **SHANGHAI}, "2026-06-10T00:00:00+99:00"),
    (DAY | {"formats": ["YYYY/MM/DD"]}, "2026-06-10"),
    (DAY | EPOCH, 1781020800000),
    (DAY | EPOCH, -1),
    (DAY | MILLISECONDS, 1781020800),
    (FLAG | {"values": {"Y": True, "N": False}}, True),
    (FLAG | {"values": {"Y": True, "N": False}}, "y"),
    (FLAG | {"values": {"Y": True, "N": False}}, ""),
    (FLAG | {"values": {"1": True, "0": False}, "json": "number"}, "1"),
    (FLAG | {"values": {"1": True, "0": False}, "json": "number"}, True),
    (CARD | {"json": "number"}, Fraction("9.0")),
    (CARD | {"json": "number"}, True),
]


@pytest.mark.parametrize(("keys", "value"), REFUSED)
def test_what_a_key_does_not_name_stays_refused(keys: dict[str, Any], value: Any) -> None:
    with pytest.raises(UntrustedAnswer):
        make_field(keys).read({"x": value})


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        (DAY | {"formats": ["epoch_seconds"], "json": "number"}, "time_zone"),
        (DAY | {"formats": ["YYYY-MM-DDZ"]}, "time_zone"),
        (DAY | {"formats": ["epoch_seconds"], **SHANGHAI}, "json"),
        (DAY | {"formats": ["YYYYMD"]}, "nobody could tell where it ends"),
        (DAY | {"formats": ["MM-DD"]}, "is no format"),
        (DAY | {"formats": ["YYYY-MM"]}, "a year, a month and a day"),
        (DAY | {"formats": ["YYYY-MM-DD-DD"]}, "a year, a month and a day"),
        (DAY | {"formats": ["%Y-%m-%d"]}, "is no format"),
        (DAY | {"formats": ["YYYY-MM-DD HH:HH"]}, "twice"),
        (DAY | {"json": "number"}, "json"),
        (FLAG | {"json": "number"}, "json"),
        (FLAG | {"values": {"Y": True}}, "must give true and false"),
        (FLAG | {"values": {"Y": "yes"}}, "must give true and false"),
        (CARD | {"values": {"9": True}}, "must give texts"),
        ({"type": "text", "json": "number"}, "json"),
        ({"type": "text", "null": "0"}, "null"),
        (YUAN | {"formats": ["YYYYMMDD"]}, "it must be of thousands"),
        (COUNT | {"suffix": "本"}, "is for texts"),
        (COUNT | {"json": "string", "zero": ["1"]}, "a digit that is not 0"),
        (COUNT | {"json": "string", "zero": ["２本"]}, "a digit that is not 0"),
        (COUNT | {"null": "0", "empty": True}, "both set"),
    ],
)
def test_a_key_that_cannot_mean_anything_is_told_at_start(keys: dict[str, Any], wrong: str) -> None:
    assert wrong in list_wrong(keys)
