"""The keys of a fact's table: where it stands in an answer, and how its system writes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field as Key
from pydantic import ValidationInfo, field_validator

from app.config_model import SHOWN_DEFAULT, Choice, Day, Flag, Mistakes, Pattern, Section, Texts, of_context
from app.connectors.amounts import Spelling
from app.connectors.json_paths import AnyPath
from app.connectors.moments import OptionalZone, check_formats, need_zone
from app.domain.conventions import USUAL, Conventions
from app.domain.person import NumberForm
from app.domain.texts import ControlCharacter, clean_text


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
    EITHER = "either"


NUMBERS = (FieldType.COUNT, FieldType.MONEY)
_KEYS_OF_TYPES: Mapping[str, tuple[FieldType, ...]] = {
    "unit": (FieldType.MONEY,),
    "known": (FieldType.TEXT,),
    "values": (FieldType.TEXT, FieldType.FLAG),
    "pattern": (FieldType.TEXT,),
    "not_before": (FieldType.DAY,),
    "may_be_future": (FieldType.DAY,),
    "formats": (*NUMBERS, FieldType.DAY),
    "time_zone": (FieldType.DAY,),
    "prefix": NUMBERS,
    "suffix": NUMBERS,
    "may_be_negative": NUMBERS,
    "null": NUMBERS,
    "zero": NUMBERS,
}
"""The keys that only some types of facts have."""


OfCampus = Annotated[Conventions, *of_context("conventions", USUAL)]
"""What holds for the answers of every department: no key of a connector's table."""


class FieldKeys(Section):
    """The keys of a fact's table, and what they say against each other. `only_shown_as` is its name in the log where no
    rule reads it, `key_form` the form of the key of people that it is.
    """

    path: AnyPath = Key(description="where it stands in the row")
    type: Choice[FieldType] = Key(description="`text`, `count`, `money`, `day` (YYYY-MM-DD) or `flag`")
    unit: Choice[MoneyUnit] | None = Key(
        None, description="for money: `yuan` or `fen` (1 yuan 元 is 100 fen 分)"
    )
    known: Texts = Key((), description="for text: the texts that are known, as facts themselves")
    values: dict[str, str | bool] | None = Key(
        None,
        validate_default=True,
        description="for text: a table of the known texts and the facts they mean; for a flag: of the texts that stand for "
        "true and for false",
    )
    pattern: Pattern = Key(
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
    formats: Texts = Key(
        (),
        description="for a day: how it is written, in place of YYYY-MM-DD: `YYYY/M/D`, `YYYYMMDD`, `YYYY年M月D日`, "
        "`YYYY-MM-DD HH:mm:ss` (`.f`: a fraction of the second, `Z`: a zone), `epoch_seconds`, `epoch_milliseconds`; what "
        "two of them read as two days is refused. For count and money: what may be written beside plain digits: "
        "`thousands` (`1,234.50`; where a comma stood for a point, it would be read a thousand times too high), "
        "`bare_point` (`.50`), `spaces` around, `zeros` behind the last decimal (`12.5000`, and `2.0` for a count)",
    )
    time_zone: OptionalZone = Key(
        None, description="for a day: the zone whose day a moment is, needed with an epoch or `Z`"
    )
    prefix: str = Key(
        "", description="for count and money as texts: what must stand before the digits, e.g. `¥`"
    )
    suffix: str = Key(
        "", description="for count and money as texts: what must stand behind the digits, e.g. `元`, `本`"
    )
    may_be_negative: Flag = Key(
        False,
        description="for count and money: it may be below 0, a credit, as after a refund. It is no debt, and pays for no "
        "other row unless the rule says so; where the system writes debts below 0, it would pass whoever owes",
    )
    null: Literal["0"] | None = Key(
        None,
        description='for count and money: `"0"`: null means 0. What the system lost on the way would be null too, and pass: '
        "only where its makers vouch for it",
    )
    zero: Texts = Key(
        (), description='for count and money: texts that mean 0, e.g. `["无", ""]`; costs what `null` costs'
    )
    json_type: Annotated[JsonType, *of_context("json_type", JsonType.STRING)] = JsonType.STRING
    conventions: OfCampus = USUAL
    only_shown_as: Annotated[str, *of_context("only_shown_as", "")] = ""
    key_form: Annotated[NumberForm | None, *of_context("key_form", None)] = None

    @field_validator("values")
    @classmethod
    def _fold_values(
        cls, values: dict[str, str | bool] | None, info: ValidationInfo
    ) -> dict[str, str | bool] | None:
        """The known texts as answers are compared with them: two may fold to one only with one meaning."""
        clean: dict[str, str | bool] = {}
        known: dict[str, str | bool] = {text: text for text in info.data.get("known", ())}
        for text, meaning in (values or known).items():
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
        yield from self._list_number_contradictions()
        yield from self._list_format_contradictions()
        yield from self._list_value_contradictions()
        if self.type is FieldType.MONEY and self.unit is None:
            yield "unit", "is missing"
        if {"known", "values"} <= given:
            yield "known", "and values are both set"
        if "pattern" in given and self.values is not None:
            yield "pattern", "is for free text: known or values are set"
        if self.not_before and not self.may_be_future and self.not_before > self.conventions.get_today():
            yield "not_before", "is in the future: every day in an answer would be refused"

    def _list_number_contradictions(self) -> Iterator[tuple[str, str]]:
        if self.json_type is JsonType.NUMBER:
            texts = {"prefix": self.prefix, "suffix": self.suffix, "zero": self.zero}
            yield from (
                (key, 'is for texts: it needs json = "string"') for key, value in texts.items() if value
            )
        if self.null is not None and self.may_be_empty:
            yield "null", "and empty are both set"
        for text in self.zero:
            if any(sign.isdecimal() and int(sign) for sign in text):
                yield "zero", f"has {text!r}, which has a digit that is not 0"

    def _list_format_contradictions(self) -> Iterator[tuple[str, str]]:
        if self.type in NUMBERS:
            unknown = set(self.formats) - set(Spelling)
            yield from (("formats", f"has {name!r}: it must be of {', '.join(Spelling)}") for name in unknown)
        if self.type is not FieldType.DAY:
            return
        try:
            check_formats(self.formats)
        except Mistakes as mistakes:
            yield from (("formats", wrong) for _, wrong in mistakes.told)
            return
        if need_zone(self.formats) and self.time_zone is None:
            yield "time_zone", "is missing: a moment is another day in another zone"

    def _list_value_contradictions(self) -> Iterator[tuple[str, str]]:
        meanings = set(self.values.values()) if self.values else set()
        if self.type is FieldType.FLAG and meanings and meanings != {True, False}:
            yield "values", "must give true and false, each for a text at least"
        if self.type is FieldType.TEXT and any(isinstance(meaning, bool) for meaning in meanings):
            yield "values", "must give texts"
