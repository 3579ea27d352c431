"""Turns one field of an answer into a fact, or refuses it: numbers and days by ASCII pattern, texts by list."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import AfterValidator, ValidationInfo, field_validator
from pydantic import Field as Key

from app.config_model import SHOWN_DEFAULT, Choice, Day, Flag, Section, Texts, of_context, require
from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.json_paths import AnyPath, look_up
from app.domain.clearance import FactValue
from app.domain.conventions import USUAL, Conventions
from app.domain.json_reading import Fraction, Json
from app.domain.texts import ControlCharacter, clean_text

log = logging.getLogger(__name__)

MAX_TEXT = 200

_ONE_FEN = Decimal("0.01")

_COUNT = re.compile(r"0|[1-9][0-9]{0,8}")
_YUAN = re.compile(r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,2})?")
_FEN = re.compile(r"0|[1-9][0-9]{0,13}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def check_pattern(pattern: str) -> str:
    """The regular expression; raises ValueError if it is none."""
    try:
        re.compile(pattern)
    except re.error:
        raise ValueError("is not a regular expression") from None
    return pattern


_LEFT_OUT = frozenset(
    {
        FailureCode.WRONG_TYPE,
        FailureCode.MALFORMED_TEXT,
        FailureCode.MALFORMED_NUMBER,
        FailureCode.MALFORMED_DAY,
        FailureCode.DAY_OUT_OF_BOUNDS,
    }
)


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


_KEYS_OF_TYPES: Mapping[str, tuple[FieldType, ...]] = {
    "unit": (FieldType.MONEY,),
    "json": (FieldType.COUNT, FieldType.MONEY),
    "known": (FieldType.TEXT,),
    "values": (FieldType.TEXT,),
    "pattern": (FieldType.TEXT,),
    "not_before": (FieldType.DAY,),
    "may_be_future": (FieldType.DAY,),
}
"""The keys that only some types of facts have."""


OfCampus = Annotated[Conventions, *of_context("conventions", USUAL)]
"""What holds for the answers of every department: no key of a connector's table."""


class Field(Section):
    """One fact: where it stands in a row and what it may be.

    What stands for nothing by the conventions is refused, unless it is known. Spaces and invisible characters of a text
    are folded before it is compared. `only_shown_as` is its name in the log where no rule reads it: then a value that
    cannot be read is left out, None, and nobody is kept waiting for it. A list or an object in its place is another
    answer, and so is a text outside the known ones.
    """

    path: AnyPath = Key(description="where it stands in the row")
    type: Choice[FieldType] = Key(description="`text`, `count`, `money`, `day` (YYYY-MM-DD) or `flag`")
    unit: Choice[MoneyUnit] | None = Key(
        None, description="for money: `yuan` or `fen` (1 yuan 元 is 100 fen 分)"
    )
    known: Texts = Key((), description="for text: the texts that are known, as facts themselves")
    values: dict[str, str] | None = Key(
        None,
        validate_default=True,
        description="for text: a table of the known texts and the facts they mean",
    )
    pattern: Annotated[str, AfterValidator(check_pattern)] = Key(
        ".*", description="for text without `known` and `values`: what all of it must match"
    )
    may_be_empty: Flag = Key(
        False,
        alias="empty",
        description='null, "" and what `[answers]` lists as standing for nothing (无, -, 0000-00-00, 9999-12-31, …) are '
        'a known meaning, "nothing"; without it they are refused, and in free text they never count',
    )
    not_before: Day | None = Key(
        None,
        json_schema_extra={SHOWN_DEFAULT: "that of `[answers]`"},
        description="for a day: the first that it can be",
    )
    may_be_future: Flag = Key(
        False, description="for a day: it may be later than today, on the service's wall clock"
    )
    json_type: Annotated[JsonType, *of_context("json_type", JsonType.STRING)] = JsonType.STRING
    conventions: OfCampus = USUAL
    only_shown_as: Annotated[str, *of_context("only_shown_as", "")] = ""

    @field_validator("values")
    @classmethod
    def _fold_values(cls, values: dict[str, str] | None, info: ValidationInfo) -> dict[str, str] | None:
        """The known texts as answers are compared with them: two may fold to one only with one meaning."""
        clean: dict[str, str] = {}
        for text, meaning in (values or {text: text for text in info.data.get("known", ())}).items():
            try:
                folded = clean_text(text)
            except ControlCharacter:
                raise ValueError("holds a control character") from None
            if clean.setdefault(folded, meaning) != meaning:
                raise ValueError(f"gives {folded} two meanings")
        return clean or None

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        given = {type(self).model_fields[name].alias or name for name in self.model_fields_set}
        for key, types in _KEYS_OF_TYPES.items():
            if key in given and self.type not in types:
                yield key, "is not a known key"
        if self.type is FieldType.MONEY and self.unit is None:
            yield "unit", "is missing"
        if {"known", "values"} <= given:
            yield "known", "and values are both set"
        if "pattern" in given and self.values is not None:
            yield "pattern", "is for free text: known or values are set"
        if self.not_before and not self.may_be_future and self.not_before > self.conventions.get_today():
            yield "not_before", "is in the future: every day in an answer would be refused"

    def read(self, row: Json) -> FactValue:
        """The fact in a row of an answer; raises UntrustedAnswer if it is not positively understood."""
        value = look_up(row, self.path)
        try:
            if (self.may_be_empty or self.only_shown_as) and self._is_nothing(value):
                return None
            return _READERS[self.type](self, value)
        except UntrustedAnswer as error:
            if isinstance(value, list | dict):
                raise
            self.leave_out(error)
            return None

    def leave_out(self, error: UntrustedAnswer) -> None:
        """Log that the value is left out; raises the error again where it may not be."""
        if not self.only_shown_as or error.fault not in _LEFT_OUT:
            raise error
        log.warning("fact left out", extra={"fact": self.only_shown_as, "fault": str(error.fault)})

    def knows(self, text: str) -> bool:
        """Whether a clean text is among the known ones."""
        return self.values is not None and text in self.values

    def _is_nothing(self, value: Json) -> bool:
        if value is None or value == "":
            return True
        if not isinstance(value, str) or self.type not in (FieldType.TEXT, FieldType.DAY):
            return False
        if self.type is FieldType.DAY and _DAY.fullmatch(value):
            return self.conventions.is_day_of_nothing(value)
        is_known = self.knows(value) or self.knows(_clean(value))
        return not is_known and self.conventions.says_nothing(value)


class JsonField(Field):
    """One fact of an answer in JSON, where numbers may be numbers or texts."""

    json_type: Choice[JsonType] = Key(
        None,
        validate_default=True,
        alias="json",
        json_schema_extra={SHOWN_DEFAULT: "`number` for count, `string` for money"},
        description="for count and money: `number` or `string`",
    )

    @field_validator("json_type", mode="before")
    @classmethod
    def _choose_json_type(cls, chosen: object, info: ValidationInfo) -> object:
        return chosen or (JsonType.NUMBER if info.data.get("type") is FieldType.COUNT else JsonType.STRING)


F = TypeVar("F", bound=Field)


Facts = Annotated[Mapping[str, F], require("names no fact"), Key(description="one table for each fact")]
"""The fields of a system; at least one."""


def mark_shown(system: str, fields: Mapping[str, Field], shown: frozenset[str]) -> Mapping[str, Field]:
    """The fields of a system, those of the facts that are only shown marked so."""
    return {
        fact: field.model_copy(update={"only_shown_as": f"{system}.{fact}"}) if fact in shown else field
        for fact, field in fields.items()
    }


def _read_text(field: Field, value: Json) -> str:
    text = _require_string(value)
    if field.values is not None:
        if not field.knows(text):
            text = _clean(text)
        if not field.knows(text):
            raise UntrustedAnswer(FailureCode.UNKNOWN_VALUE)
        return field.values[text]
    text = _clean(text)
    is_odd = len(text) > MAX_TEXT or field.conventions.says_nothing(text)
    if is_odd or not re.fullmatch(field.pattern, text):
        raise UntrustedAnswer(FailureCode.MALFORMED_TEXT)
    return text


def _clean(text: str) -> str:
    try:
        return clean_text(text)
    except ControlCharacter:
        raise UntrustedAnswer(FailureCode.MALFORMED_TEXT) from None


def _read_count(field: Field, value: Json) -> int:
    return int(_match(_COUNT, _read_literal(field, value), FailureCode.MALFORMED_NUMBER))


def _read_money(field: Field, value: Json) -> Decimal:
    literal = _read_literal(field, value)
    if field.unit is MoneyUnit.FEN:
        return Decimal(_match(_FEN, literal, FailureCode.MALFORMED_NUMBER)).scaleb(-2)
    return Decimal(_match(_YUAN, literal, FailureCode.MALFORMED_NUMBER)).quantize(_ONE_FEN)


def _read_day(field: Field, value: Json) -> date:
    text = _match(_DAY, _require_string(value), FailureCode.MALFORMED_DAY)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UntrustedAnswer(FailureCode.MALFORMED_DAY) from None
    conventions = field.conventions
    is_early = day < (field.not_before or conventions.first_day) or conventions.is_day_of_nothing(text)
    if is_early or (not field.may_be_future and day > conventions.get_today()):
        raise UntrustedAnswer(FailureCode.DAY_OUT_OF_BOUNDS)
    return day


def _read_flag(_field: Field, value: Json) -> bool:
    if not isinstance(value, bool):
        raise UntrustedAnswer(FailureCode.WRONG_TYPE)
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
        raise UntrustedAnswer(FailureCode.WRONG_TYPE)
    return str(value)


def _require_string(value: Json) -> str:
    if not isinstance(value, str):
        raise UntrustedAnswer(FailureCode.WRONG_TYPE)
    return value


def _match(pattern: re.Pattern[str], text: str, fault: FailureCode) -> str:
    if not pattern.fullmatch(text):
        raise UntrustedAnswer(fault)
    return text
