"""Turns one field of an answer into a fact, or refuses it: numbers and days by ASCII pattern, texts by list."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from app.connectors.base import Fault, UntrustedAnswer
from app.connectors.paths import Path, look_up
from app.connectors.strict_json import Fraction, Json
from app.domain.clearance import FactValue

MAX_TEXT = 200

_ONE_FEN = Decimal("0.01")

_COUNT = re.compile(r"0|[1-9][0-9]{0,8}")
_YUAN = re.compile(r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,2})?")
_FEN = re.compile(r"0|[1-9][0-9]{0,13}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PLACEHOLDERS = frozenset(
    {"null", "none", "nil", "nan", "inf", "infinity", "n/a", "undefined", "无", "暂无", "空"}
)
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class FieldType(StrEnum):
    """What a field holds; money becomes Decimal yuan with two decimals, a day is written YYYY-MM-DD."""

    TEXT = "text"
    COUNT = "count"
    MONEY = "money"
    DAY = "day"
    FLAG = "flag"


class MoneyUnit(StrEnum):
    """What a system counts money in: 1 yuan 元 is 100 fen 分."""

    YUAN = "yuan"
    FEN = "fen"


class JsonType(StrEnum):
    """How a system writes its numbers in JSON."""

    NUMBER = "number"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Field:
    """One fact: where it stands in a row and what it may be.

    `values` maps the texts that are known to the facts they mean; without any, a text that matches
    `pattern` is a fact, but for words that say "nothing here": whether they do, nobody declared.
    `may_be_empty`: null and "" are a known meaning, None. `unit` matters for money alone, `json_type`
    for counts and money.
    """

    path: Path
    type: FieldType
    json_type: JsonType = JsonType.STRING
    unit: MoneyUnit = MoneyUnit.YUAN
    values: Mapping[str, str] | None = None
    pattern: str = ".*"
    may_be_empty: bool = False

    def read(self, row: Json) -> FactValue:
        """The fact in a row of an answer; raises UntrustedAnswer if it is not positively understood."""
        value = look_up(row, self.path)
        if self.may_be_empty and (value is None or value == ""):
            return None
        return _READERS[self.type](self, value)


def _read_text(field: Field, value: Json) -> str:
    text = _require_string(value)
    if field.values is not None:
        if text not in field.values:
            raise UntrustedAnswer(Fault.UNKNOWN_VALUE)
        return field.values[text]
    fact = text.strip()
    if not _is_plain(text) or _says_nothing(fact) or not re.fullmatch(field.pattern, fact):
        raise UntrustedAnswer(Fault.ODD_TEXT)
    return fact


def _is_plain(text: str) -> bool:
    return len(text) <= MAX_TEXT and not any(unicodedata.category(sign) in _UNPRINTABLE for sign in text)


def _says_nothing(text: str) -> bool:
    """Whether a text has neither a letter nor a digit, or is a word that programs write for a missing one."""
    has_content = any(unicodedata.category(sign)[0] == "L" or sign.isdecimal() for sign in text)
    return not has_content or text.lower().lstrip("-") in _PLACEHOLDERS


def _read_count(field: Field, value: Json) -> int:
    return int(_match(_COUNT, _read_literal(field, value), Fault.ODD_NUMBER))


def _read_money(field: Field, value: Json) -> Decimal:
    literal = _read_literal(field, value)
    if field.unit is MoneyUnit.FEN:
        return Decimal(_match(_FEN, literal, Fault.ODD_NUMBER)).scaleb(-2)
    return Decimal(_match(_YUAN, literal, Fault.ODD_NUMBER)).quantize(_ONE_FEN)


def _read_day(_field: Field, value: Json) -> date:
    text = _match(_DAY, _require_string(value), Fault.ODD_DAY)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UntrustedAnswer(Fault.ODD_DAY) from None


def _read_flag(_field: Field, value: Json) -> bool:
    if not isinstance(value, bool):
        raise UntrustedAnswer(Fault.WRONG_TYPE)
    return value


_READERS: Mapping[FieldType, Callable[[Field, Json], FactValue]] = {
    FieldType.TEXT: _read_text,
    FieldType.COUNT: _read_count,
    FieldType.MONEY: _read_money,
    FieldType.DAY: _read_day,
    FieldType.FLAG: _read_flag,
}


def _read_literal(field: Field, value: Json) -> str:
    """A number as it was written, in the JSON type that its system uses."""
    if field.json_type is JsonType.STRING:
        return _require_string(value)
    if isinstance(value, Fraction):
        return value.literal
    if not isinstance(value, int) or isinstance(value, bool):
        raise UntrustedAnswer(Fault.WRONG_TYPE)
    return str(value)


def _require_string(value: Json) -> str:
    if not isinstance(value, str):
        raise UntrustedAnswer(Fault.WRONG_TYPE)
    return value


def _match(pattern: re.Pattern[str], text: str, fault: Fault) -> str:
    if not pattern.fullmatch(text):
        raise UntrustedAnswer(fault)
    return text
