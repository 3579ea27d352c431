"""Turns one field of an answer into a fact, or refuses it: numbers and days by ASCII pattern, texts by list."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, TypeVar

from pydantic import Field as Key
from pydantic import ValidationInfo, field_validator

from app.config_model import SHOWN_DEFAULT, Choice, require
from app.connectors.amounts import Spelling, read_amount
from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.field_keys import (
    NUMBERS,
    FieldKeys,
    FieldType,
    JsonType,
    MoneyUnit,
)
from app.connectors.json_paths import look_up
from app.connectors.moments import EPOCHS, read_written
from app.domain.clearance import FactValue
from app.domain.json_reading import Fraction, Json
from app.domain.person import NumberForm
from app.domain.texts import ControlCharacter, clean_text

log = logging.getLogger(__name__)

MAX_TEXT = 200

_ONE_FEN = Decimal("0.01")
_ZERO_DAY = re.compile(r"0[0年月日:/. TZ+-]*")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


_LEFT_OUT = frozenset(
    {
        FailureCode.WRONG_TYPE,
        FailureCode.MALFORMED_TEXT,
        FailureCode.MALFORMED_NUMBER,
        FailureCode.MALFORMED_DAY,
        FailureCode.DAY_OUT_OF_BOUNDS,
    }
)


class Field(FieldKeys):
    """One fact: where it stands in a row and what it may be.

    What stands for nothing by the conventions is refused, unless it is known. Spaces and invisible characters of a text
    are folded before it is compared. `only_shown_as` is its name in the log where no rule reads it: then a value that
    cannot be read is left out, None, and nobody is kept waiting for it. A list or an object in its place is another
    answer, and so is a text outside the known ones.
    """

    def read(self, row: Json) -> FactValue:
        """The fact in a row of an answer; raises UntrustedAnswer if it is not positively understood."""
        value = look_up(row, self.path)
        if self._means_zero(value):
            return 0 if self.type is FieldType.COUNT else Decimal("0.00")
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

    def _means_zero(self, value: Json) -> bool:
        if value is None:
            return self.null is not None
        return isinstance(value, str) and value in self.zero

    def _is_nothing(self, value: Json) -> bool:
        if value is None or value == "":
            return True
        if self.type is FieldType.DAY and self.formats:
            return self._is_formatted_nothing(value)
        if not isinstance(value, str) or self.type not in (FieldType.TEXT, FieldType.DAY):
            return False
        if self.type is FieldType.DAY and _DAY.fullmatch(value):
            return self.conventions.is_day_of_nothing(value)
        is_known = self.knows(value) or self.knows(_clean(value))
        return not is_known and self.conventions.says_nothing(value)

    def _is_formatted_nothing(self, value: Json) -> bool:
        """Whether a text or a number, in the formats or not, is a day of nothing: 9999/12/31 00:00:00, 0."""
        text = _read_literal(self, value)
        try:
            day = _find_day(self, text)
        except UntrustedAnswer:
            # 0000-00-00 with a time is in no calendar.
            return self.conventions.says_nothing(text) or _ZERO_DAY.fullmatch(text) is not None
        return self.conventions.is_day_of_nothing(day.isoformat())


class JsonField(Field):
    """One fact of an answer in JSON, where numbers may be numbers or texts."""

    json_type: Choice[JsonType] = Key(
        None,
        validate_default=True,
        alias="json",
        json_schema_extra={SHOWN_DEFAULT: "`number` for count, `string` for money"},
        description="`number`, `string` or `either`, for a system that writes one and the other: for count and money, text "
        "with `known` or `values` and flags with `values` (a code 9 is then compared as the text `9`), and days with `formats`",
    )

    @field_validator("json_type", mode="before")
    @classmethod
    def _choose_json_type(cls, chosen: object, info: ValidationInfo) -> object:
        return chosen or (JsonType.NUMBER if info.data.get("type") is FieldType.COUNT else JsonType.STRING)

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        is_given = "json_type" in self.model_fields_set
        if is_given and self.type not in NUMBERS and not (self.values or self.formats):
            yield "json", "is not a known key"
        is_epoch = bool(set(self.formats) & set(EPOCHS))
        if self.type is FieldType.DAY and is_epoch and not is_given:
            yield "json", "is missing: say whether an epoch is a number or a string"


F = TypeVar("F", bound=Field)


Facts = Annotated[Mapping[str, F], require("names no fact"), Key(description="one table for each fact")]
"""The fields of a system; at least one."""


def mark_shown(system: str, fields: Mapping[str, Field], shown: frozenset[str]) -> Mapping[str, Field]:
    """The fields of a system, those of the facts that are only shown marked so."""
    return {
        fact: field.model_copy(update={"only_shown_as": f"{system}.{fact}"}) if fact in shown else field
        for fact, field in fields.items()
    }


def mark_keys(fields: Mapping[str, Field], forms: Mapping[str, NumberForm]) -> Mapping[str, Field]:
    """The fields of a system, those of the facts that are keys of people with their forms."""
    return {
        fact: field.model_copy(update={"key_form": forms[fact]}) if fact in forms else field
        for fact, field in fields.items()
    }


def _read_text(field: Field, value: Json) -> FactValue:
    if field.values is not None:
        return _read_code(field, _read_literal(field, value))
    text = _clean(_require_string(value))
    if field.key_form is not None and not field.key_form.is_folded(text if value == text else ""):
        # Its system compares it as it stands: folded here, it could be another person's.
        raise UntrustedAnswer(FailureCode.MALFORMED_KEY)
    is_odd = len(text) > MAX_TEXT or field.conventions.says_nothing(text)
    if is_odd or not re.fullmatch(field.pattern, text):
        raise UntrustedAnswer(FailureCode.MALFORMED_TEXT)
    return text


def _read_code(field: Field, text: str) -> FactValue:
    found = next((each for each in (text, _clean(text)) if field.knows(each)), None)
    if found is None or field.values is None:
        raise UntrustedAnswer(FailureCode.UNKNOWN_VALUE)
    return field.values[found]


def _clean(text: str) -> str:
    try:
        return clean_text(text)
    except ControlCharacter:
        raise UntrustedAnswer(FailureCode.MALFORMED_TEXT) from None


def _read_count(field: Field, value: Json) -> int:
    return int(_read_number(field, value, digits=9, decimals=0))


def _read_money(field: Field, value: Json) -> Decimal:
    if field.unit is MoneyUnit.FEN:
        return _read_number(field, value, digits=14, decimals=0).quantize(Decimal(1)).scaleb(-2)
    return _read_number(field, value, digits=12, decimals=2).quantize(_ONE_FEN)


def _read_number(field: Field, value: Json, digits: int, decimals: int) -> Decimal:
    text = _read_literal(field, value)
    if isinstance(value, str) and (field.prefix or field.suffix):
        text = _take_off(field, text)
    return read_amount(text, digits, decimals, field.formats, may_be_negative=field.may_be_negative)


def _take_off(field: Field, text: str) -> str:
    """The number between what must stand before and behind it, with a blank at most on either side."""
    text = text.strip(" ") if Spelling.SPACES in field.formats else text
    if not (text.startswith(field.prefix) and text[len(field.prefix) :].endswith(field.suffix)):
        raise UntrustedAnswer(FailureCode.MALFORMED_NUMBER)
    text = text[len(field.prefix) : len(text) - len(field.suffix)]
    text = text.removeprefix(" ") if field.prefix else text
    return text.removesuffix(" ") if field.suffix else text


def _read_day(field: Field, value: Json) -> date:
    if field.formats:
        day = _find_day(field, _read_literal(field, value))
    else:
        day = _find_plain_day(_require_string(value))
    conventions = field.conventions
    is_early = day < (field.not_before or conventions.first_day) or conventions.is_day_of_nothing(
        day.isoformat()
    )
    if is_early or (not field.may_be_future and day > conventions.get_today()):
        raise UntrustedAnswer(FailureCode.DAY_OUT_OF_BOUNDS)
    return day


def _find_plain_day(text: str) -> date:
    if not _DAY.fullmatch(text):
        raise UntrustedAnswer(FailureCode.MALFORMED_DAY)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UntrustedAnswer(FailureCode.MALFORMED_DAY) from None


def _find_day(field: Field, text: str) -> date:
    moment = read_written(field.formats, text)
    try:
        return (moment if moment.tzinfo is None else moment.astimezone(field.time_zone)).date()
    except OverflowError:
        raise UntrustedAnswer(FailureCode.MALFORMED_DAY) from None


def _read_flag(field: Field, value: Json) -> FactValue:
    if field.values is not None:
        return _read_code(field, _read_literal(field, value))
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
    if isinstance(value, str) and field.json_type is not JsonType.NUMBER:
        return value
    if field.json_type is JsonType.STRING or isinstance(value, bool):
        raise UntrustedAnswer(FailureCode.WRONG_TYPE)
    if isinstance(value, Fraction):
        return value.literal
    if not isinstance(value, int):
        raise UntrustedAnswer(FailureCode.WRONG_TYPE)
    return str(value)


def _require_string(value: Json) -> str:
    if not isinstance(value, str):
        raise UntrustedAnswer(FailureCode.WRONG_TYPE)
    return value
