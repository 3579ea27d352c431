"""Proves what the rows of a view say: the student in each, when it was brought up to date, each fact.

Pure functions. Whatever is not positively understood raises UntrustedAnswer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.field_keys import FieldType
from app.connectors.fields import Field
from app.connectors.reading import NumberAs, parse_moment, require_student
from app.connectors.sql.config import NoRow, SqlConfig
from app.domain.clearance import FactValue, Record
from app.domain.json_reading import Json
from app.domain.person import NumberForm

MAX_ROWS = 200
MAX_NUMBERS = 200_000


@dataclass(frozen=True, slots=True)
class Found:
    """What the database gave: the columns' names, at most MAX_ROWS + 1 rows, and what the freshness
    statement gave (its rows; None without such a statement).
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    freshness: tuple[tuple[Any, ...], ...] | None


def read_rows(config: SqlConfig, found: Found, student_number: str) -> tuple[Record, ...]:
    """The facts about one student, one mapping a row; none exactly when no row means no record."""
    if len(set(found.columns)) != len(found.columns):
        raise UntrustedAnswer(FailureCode.DUPLICATE_KEY)
    if not found.rows and config.no_record is NoRow.NEVER:
        raise UntrustedAnswer(FailureCode.NO_ROWS)
    if len(found.rows) > MAX_ROWS:
        raise UntrustedAnswer(FailureCode.TOO_LARGE)
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    for row in rows:
        number = _take_whole(_get(row, config.number_column))
        require_student(config.conventions, number, student_number, config.number_as)
    if len(rows) > 1 and config.rows == "one":
        raise UntrustedAnswer(FailureCode.SEVERAL_RECORDS)
    return tuple({fact: _read_fact(field, row) for fact, field in config.fields.items()} for row in rows)


def get_as_of(config: SqlConfig, found: Found, now: datetime) -> datetime:
    """When the view was last brought up to date, in UTC: by its rows the oldest of them, and `now` for none."""
    zone, formats = config.time_zone, config.moment_formats
    if found.freshness is not None:
        if len(found.freshness) != 1 or len(found.freshness[0]) != 1:
            raise UntrustedAnswer(FailureCode.WRONG_COUNT)
        return parse_moment(_take_whole(found.freshness[0][0]), zone, now, formats)
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    moments = (_take_whole(_get(row, config.freshness_column)) for row in rows)
    return min((parse_moment(moment, zone, now, formats) for moment in moments), default=now)


def require_folded(
    form: NumberForm, rows: Sequence[Sequence[object]], number_as: NumberAs = NumberAs.TEXT
) -> None:
    """Raise UntrustedAnswer unless every number of a view, in one column, is in the form by which a student's rows are
    asked for: the rows under another form would be missing without a word. An integer has one form alone.
    """
    if len(rows) > MAX_NUMBERS:
        raise UntrustedAnswer(FailureCode.TOO_LARGE)
    for row in rows:
        if len(row) != 1 or not _is_folded(form, row[0], number_as):
            raise UntrustedAnswer(FailureCode.UNFOLDED_NUMBER)


def require_folded_keys(fields: Iterable[Field], rows: Sequence[Sequence[object]]) -> None:
    """Raise UntrustedAnswer unless every key of people in a view, in one column, has the form of the fact that is one: two
    people's that differ in case or blanks alone would seem to be two. A row without a key has NULL.
    """
    if len(rows) > MAX_NUMBERS:
        raise UntrustedAnswer(FailureCode.TOO_LARGE)
    forms = [field.key_form for field in fields if field.key_form is not None]
    for row in rows:
        key = row[0] if len(row) == 1 else ""
        is_folded = isinstance(key, str) and all(form.is_folded(key) for form in forms)
        if key is not None and not is_folded:
            raise UntrustedAnswer(FailureCode.MALFORMED_KEY)


def _is_folded(form: NumberForm, number: object, number_as: NumberAs) -> bool:
    if number_as is NumberAs.INTEGER:
        whole = _take_whole(number)
        return isinstance(whole, int) and not isinstance(whole, bool)
    return isinstance(number, str) and form.is_folded(number)


def _take_whole(value: object) -> object:
    """A whole number of a column of decimals as such: Oracle's NUMBER and PostgreSQL's NUMERIC give Decimals."""
    is_whole = isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value()
    return int(value) if isinstance(value, Decimal) and is_whole else value


def _get(row: dict[str, Any], column: str) -> Any:
    if column not in row:
        raise UntrustedAnswer(FailureCode.MISSING_FIELD)
    return row[column]


def _read_fact(field: Field, row: dict[str, Any]) -> FactValue:
    column = str(field.path[0])
    value = _get(row, column)
    try:
        value = _make_json(field, value)
    except UntrustedAnswer as error:
        field.leave_out(error)
        return None
    return field.read({column: value})


def _make_json(field: Field, value: object) -> Json:
    """A column's value as the fields' readers know it; a number becomes its literal."""
    if value is None or isinstance(value, str):
        return value
    is_code = field.values is not None
    if field.type is FieldType.FLAG and not is_code:
        return _make_flag(value)
    if field.type is FieldType.DAY and isinstance(value, date):
        return _make_day(field, value)
    if isinstance(value, bool):
        raise UntrustedAnswer(FailureCode.WRONG_TYPE)
    if field.type is not FieldType.MONEY:
        value = _take_whole(value)
    if isinstance(value, int) and (is_code or field.type is not FieldType.TEXT):
        return str(value)
    if isinstance(value, Decimal) and field.type in (FieldType.COUNT, FieldType.MONEY):
        return _write_decimal(value)
    raise UntrustedAnswer(FailureCode.WRONG_TYPE)


def _write_decimal(value: Decimal) -> str:
    """`12.5000` of a NUMERIC(18, 4) is 12.5: zeros behind the point are the column's, not the amount's."""
    if not value.is_finite():
        raise UntrustedAnswer(FailureCode.MALFORMED_NUMBER)
    literal = format(value, "f")
    return literal.rstrip("0").rstrip(".") if "." in literal else literal


def _make_flag(value: object) -> bool:
    if type(value) in (bool, int) and value in (0, 1):
        return bool(value)
    raise UntrustedAnswer(FailureCode.WRONG_TYPE)


def _make_day(field: Field, value: date) -> str:
    """A DATE; a date with a time is a day only at midnight, as Oracle writes days, unless a format has the time."""
    if not isinstance(value, datetime):
        return value.isoformat()
    if value.tzinfo is None and any("HH" in each for each in field.formats):
        return value.isoformat(" ")
    if value.tzinfo is not None or value.time() != time.min:
        raise UntrustedAnswer(FailureCode.MALFORMED_DAY)
    return value.date().isoformat()


def list_rows(result_rows: Sequence[Any]) -> tuple[tuple[Any, ...], ...]:
    """SQLAlchemy's rows as plain tuples, which need no connection any more."""
    return tuple(tuple(row) for row in result_rows)
