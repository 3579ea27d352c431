"""Each kind of fact takes what its system writes, and nothing that only looks like it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.connectors.base import UntrustedAnswer
from app.connectors.fields import JsonField
from app.domain.json_reading import Fraction


def make_field(**keys: Any) -> JsonField:
    return JsonField.model_validate({"path": "x", **keys})


COUNT = make_field(type="count")
YUAN = make_field(type="money", unit="yuan")
YUAN_NUMBER = make_field(type="money", unit="yuan", json="number")
FEN = make_field(type="money", unit="fen")
DAY = make_field(type="day")
FLAG = make_field(type="flag")
FREE = make_field(type="text")
CARD = make_field(type="text", values={"1": "active", "9": "cancelled"})
EMPTY = make_field(type="text", empty=True)


@pytest.mark.parametrize(
    ("field", "value", "fact"),
    [
        (COUNT, 0, 0),
        (COUNT, 2, 2),
        (YUAN, "12.50", Decimal("12.50")),
        (YUAN, "12.5", Decimal("12.50")),
        (YUAN, "0", Decimal("0.00")),
        (YUAN_NUMBER, Fraction("12.50"), Decimal("12.50")),
        (YUAN_NUMBER, 12, Decimal("12.00")),
        (FEN, "50000", Decimal("500.00")),
        (FEN, "1", Decimal("0.01")),
        (DAY, "2026-06-10", date(2026, 6, 10)),
        (FLAG, False, False),
        (FREE, " 竹园2号楼 ", "竹园2号楼"),
        (FREE, "欧阳䶮𠮷𬭎", "欧阳䶮𠮷𬭎"),
        (CARD, "9", "cancelled"),
        (CARD, "9 ", "cancelled"),
        (CARD, "\u00a09\u200b", "cancelled"),
        (FREE, "竹园\u30002号楼", "竹园 2号楼"),
        (FREE, "a\nb", "a b"),
        (FREE, "\u202e王", "王"),
        (FREE, "王\u200b", "王"),
        (EMPTY, None, None),
        (EMPTY, "", None),
        (EMPTY, "  ", None),
    ],
)
def test_a_value_as_its_system_writes_it_becomes_a_fact(field: JsonField, value: Any, fact: Any) -> None:
    found = field.read({"x": value})
    assert (found, str(found)) == (fact, str(fact))


BAD_NUMBERS = ["", " ", "-1", "-0", "+1", "01", "1e3", "1,000", "NaN", "inf", "0x1", "１", "٣", "²", "1 ", "1\n", "1.005", "¥1", ".5", "5."]  # fmt: skip


@pytest.mark.parametrize("field", [YUAN, FEN, make_field(type="count", json="string")])
@pytest.mark.parametrize("text", BAD_NUMBERS)
def test_what_is_not_a_plain_ascii_number_is_refused(field: JsonField, text: str) -> None:
    with pytest.raises(UntrustedAnswer):
        field.read({"x": text})


@pytest.mark.parametrize("text", ["１", "٣"])
def test_the_standard_conversions_take_foreign_digits(text: str) -> None:
    assert text.isdigit()
    assert int(text)
    assert Decimal(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (COUNT, True),
        (COUNT, "2"),
        (COUNT, -1),
        (COUNT, 10**9),
        (COUNT, Fraction("2.0")),
        (COUNT, Fraction("0e0")),
        (COUNT, None),
        (YUAN, 12),
        (YUAN, Fraction("12.5")),
        (YUAN, "9999999999999"),
        (YUAN_NUMBER, "12.50"),
        (YUAN_NUMBER, Fraction("-0.0")),
        (YUAN_NUMBER, Fraction("1e400")),
        (YUAN_NUMBER, False),
        (FEN, "500.00"),
        (DAY, "2026-02-30"),
        (DAY, "2026-6-1"),
        (DAY, "２０２６-06-10"),
        (DAY, "2026-06-10\n"),
        (DAY, "2026-W24-3"),
        (DAY, ""),
        (DAY, None),
        (DAY, 20260610),
        (FLAG, 0),
        (FLAG, "true"),
        (FLAG, None),
        (CARD, "2"),
        (CARD, 9),
        (CARD, ""),
        (FREE, ""),
        (FREE, None),
        (FREE, "  "),
        (FREE, "\u3000"),
        (FREE, "a\x00b"),
        (FREE, "无"),
        (FREE, "NULL"),
        (FREE, "-Infinity"),
        (FREE, "--"),
        (FREE, "²"),
        (DAY, "20260610"),
        (FREE, "x" * 201),
        (FREE, ["王"]),
        (EMPTY, []),
        (EMPTY, {}),
        (EMPTY, False),
        (make_field(type="text", pattern=r"\D+"), "00420013"),
    ],
)
def test_a_value_that_is_not_positively_understood_is_refused(field: JsonField, value: Any) -> None:
    with pytest.raises(UntrustedAnswer):
        field.read({"x": value})


def test_a_missing_field_is_refused_even_where_empty_is_known() -> None:
    with pytest.raises(UntrustedAnswer):
        EMPTY.read({"y": ""})
