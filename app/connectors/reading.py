"""Proves what an answer says: the success mark, the student echoed back, when its data was brought up to date by the
department's own word, the rows, each fact.

Pure functions from a parsed answer to facts. Whatever is not positively understood raises UntrustedAnswer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field as Key

from app.config_model import Choice, Number, Section, between
from app.connectors.base import ActionOutcome, FailureCode, StaleView, UntrustedAnswer
from app.connectors.field_keys import OfCampus
from app.connectors.fields import Facts, JsonField
from app.connectors.json_paths import AnyPath, ListPath, Mark, Marks, OptionalPath, all_hold, look_up
from app.connectors.moments import MomentFormats, OptionalZone, read_written
from app.domain.clearance import Record
from app.domain.conventions import USUAL, Conventions
from app.domain.json_reading import Json, Path
from app.domain.number_patterns import tells_integers_apart

MAX_AHEAD = timedelta(minutes=5)
"""How far two machines' clocks may be apart."""
MOST_MINUTES = 60 * 24 * 366

_WHOLE = re.compile(r"0|[1-9][0-9]{0,8}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)


_SEVERAL_IN_ONE = (
    "is integer, and by [numbers] pattern two numbers can be one integer, as 00420013 and 420013: it must name digits of "
    "one length, such as [0-9]{8}, and whatever is longer must not begin with 0"
)


class NumberAs(StrEnum):
    """What a system keeps student numbers as."""

    TEXT = "text"
    INTEGER = "integer"


def check_number_as(number_as: NumberAs, conventions: Conventions) -> Iterator[tuple[str, str]]:
    """What is wrong with integers in the place of the campus's numbers: two numbers could be one integer."""
    if number_as is NumberAs.INTEGER and not tells_integers_apart(conventions.numbers.pattern):
        yield "number_as", _SEVERAL_IN_ONE


class AgeLimit(Section):
    """How old data may be, and the zone of moments without one of their own (None: such a moment is refused)."""

    fresh_for_minutes: Annotated[Number | None, between(0.01, MOST_MINUTES)] = Key(
        None, description="how old the data may be"
    )
    time_zone: OptionalZone = Key(
        None,
        description="of moments without a zone of their own, e.g. `Asia/Shanghai`; without it such a moment is refused",
    )
    moment_formats: MomentFormats = Key(
        (),
        description="how such moments are written, in place of `2026-06-09 08:00:00`, like `formats` of a day; a day alone "
        "is its first moment",
    )

    def require_fresh(self, system: str, as_of: datetime, now: datetime) -> None:
        """Raise StaleView for data that are too old to be believed; both moments in UTC."""
        limit = self.fresh_for_minutes
        if limit is not None and now - as_of > timedelta(minutes=limit):
            raise StaleView(system, as_of)


def parse_moment(
    value: object, zone: tzinfo | None, now: datetime, formats: tuple[str, ...] = ()
) -> datetime:
    """A moment of an answer in UTC, by the formats if there are some; one without a zone is in `zone`, and without that
    it is refused, and so is one that is still to come. Raises UntrustedAnswer.
    """
    if formats and isinstance(value, str | int) and not isinstance(value, bool):
        value = read_written(formats, str(value))
    elif isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise UntrustedAnswer(FailureCode.MALFORMED_DAY) from None
    if not isinstance(value, datetime):
        raise UntrustedAnswer(FailureCode.MALFORMED_DAY)
    if value.tzinfo is None:
        if zone is None:
            raise UntrustedAnswer(FailureCode.MALFORMED_DAY)
        value = value.replace(tzinfo=zone)
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        raise UntrustedAnswer(FailureCode.MALFORMED_DAY) from None
    if moment > now + MAX_AHEAD:
        raise UntrustedAnswer(FailureCode.MALFORMED_DAY)
    return moment


class NoRecord(StrEnum):
    """How a system says that it holds no record of a student; each counts only inside a proven success."""

    NEVER = "never"
    EMPTY = "empty"
    NULL = "null"
    MARKED = "marked"


class AnswerShape(AgeLimit):
    """What a trusted answer to a question looks like."""

    success: Marks = Key(
        description="table of path = value, or list of values: all must hold for an answer to be believed"
    )
    echo: AnyPath = Key(
        description="path of the student number in the answer: must equal the number asked for"
    )
    rows_path: ListPath = Key(
        description="path of the row (an object, or a list with one) or of the list of rows; no index"
    )
    rows: Literal["one", "many"] = Key(
        description="`one` or `many`; `many` needs one of `count`, `complete`, `[.pages]` and `[.cursor]`, so that no "
        "row can be missing unseen"
    )
    no_record: Choice[NoRecord] = Key(
        description='what "no record of this student" looks like: `never`; `empty`: `rows_path` holds `[]`; `null`: it '
        "holds null; `marked`: `no_record_mark` holds"
    )
    no_record_mark: Marks = Key(
        (), description="with `marked`: table like `success`; if it holds, `rows_path` must hold null or `[]`"
    )
    number_as: Choice[NumberAs] = Key(
        NumberAs.TEXT,
        description="`text`, or `integer` where the answer's student numbers, at `echo` and `record_number`, are numbers. "
        "These have lost leading zeros: only where by `[numbers]` no two numbers become one, which is looked at at start",
    )
    record_number: OptionalPath = Key(
        None, description="path, inside each row, of its student number: every row must be the student's"
    )
    count: OptionalPath = Key(None, description="path of the number of rows: must equal the rows found")
    count_as: Literal["number", "either"] = Key(
        "number",
        description="`either`: the answer's own numbers in JSON, at `count` and of its pages, may be texts of digits as well",
    )
    as_of: OptionalPath = Key(
        None,
        description="path of the moment at which the answer's data were brought up to date, as "
        "`2026-06-09 08:00:00`; needs `fresh_for_minutes`",
    )
    fields: Facts[JsonField]
    conventions: OfCampus = USUAL

    def look_up_rows(self, document: Json) -> Json:
        """What holds the rows; raises UntrustedAnswer where that is missing."""
        return look_up(document, self.rows_path)

    def look_up_number(self, document: Json, path: Path) -> Json:
        """What should be a whole number; raises UntrustedAnswer where it is missing."""
        return self.take_number(look_up(document, path))

    def take_number(self, value: Json) -> Json:
        """A whole number out of a text of digits, where texts count too."""
        is_digits = self.count_as == "either" and isinstance(value, str) and _WHOLE.fullmatch(value)
        return int(value) if is_digits else value  # type: ignore[arg-type]


class ActionShape(Section):
    """What the answers to an action look like; every mark of a group must hold."""

    confirmed: Marks = Key(description="table like `success`: the action is done")
    already: Marks = Key(
        (), description="table like `success`: it was done before, which counts as confirmed"
    )
    refused: Marks = Key((), description="table like `success`: the system refuses it")
    conventions: OfCampus = USUAL


def read_records(shape: AnswerShape, document: Json, student_number: str) -> tuple[Record, ...]:
    """The facts about one student, one mapping a row; none exactly when the system says it has no record.

    Raises UntrustedAnswer for every other answer.
    """
    rows = list_rows(shape, document, student_number)
    if shape.count is not None:
        require_count(shape.look_up_number(document, shape.count), len(rows))
    return tuple(read_row(shape, row, student_number) for row in rows)


def list_rows(shape: AnswerShape, document: Json, student_number: str, *, is_first: bool = True) -> list[Any]:
    """The rows of a proven success about this student, unread. Only a first page without rows must say, as
    configured, that there is no record. Raises UntrustedAnswer.
    """
    if not all_hold(shape.success, document):
        raise UntrustedAnswer(FailureCode.NO_SUCCESS)
    require_student(shape.conventions, look_up(document, shape.echo), student_number, shape.number_as)
    if not is_first and shape.look_up_rows(document) == []:
        return []
    return _find_rows(shape, document)


def get_as_of(shape: AnswerShape, document: Json, now: datetime) -> datetime:
    """When the answer says that its data held, in UTC; `now` where it need not say. Raises UntrustedAnswer."""
    if shape.as_of is None:
        return now
    return parse_moment(look_up(document, shape.as_of), shape.time_zone, now, shape.moment_formats)


def judge_action(
    shape: ActionShape,
    echo: Path,
    document: Json,
    student_number: str,
    number_as: NumberAs = NumberAs.TEXT,
) -> ActionOutcome:
    """What an answer proves of an action, whose student number is at `echo`; UNKNOWN when it proves nothing, or two
    things at once.
    """
    require_student(shape.conventions, look_up(document, echo), student_number, number_as)
    is_done = all_hold(shape.confirmed, document) or _is_proven(shape.already, document)
    is_refused = _is_proven(shape.refused, document)
    if is_done == is_refused:
        return ActionOutcome.UNKNOWN
    return ActionOutcome.CONFIRMED if is_done else ActionOutcome.REFUSED


def _is_proven(marks: tuple[Mark, ...], document: Json) -> bool:
    return bool(marks) and all_hold(marks, document)


def require_student(
    conventions: Conventions, value: object, student_number: str, number_as: NumberAs = NumberAs.TEXT
) -> None:
    """Raise UntrustedAnswer unless a number in an answer means this student."""
    if number_as is NumberAs.INTEGER:
        _require_integer(value, student_number)
        return
    if not isinstance(value, str):
        raise UntrustedAnswer(FailureCode.WRONG_TYPE)
    if value != student_number and not conventions.numbers.is_same(value, student_number):
        raise UntrustedAnswer(FailureCode.WRONG_STUDENT)


def _require_integer(value: object, student_number: str) -> None:
    """Raise UntrustedAnswer unless an integer is what the number becomes without its leading zeros."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise UntrustedAnswer(FailureCode.WRONG_TYPE)
    is_digits = student_number.isascii() and student_number.isdecimal()
    if not is_digits or str(value) != (student_number.lstrip("0") or "0"):
        raise UntrustedAnswer(FailureCode.WRONG_STUDENT)


def require_count(value: Json, found: int) -> None:
    """Raise UntrustedAnswer unless an answer counts as many rows as were found."""
    if type(value) is not int or value != found:
        raise UntrustedAnswer(FailureCode.WRONG_COUNT)


def _find_rows(shape: AnswerShape, document: Json) -> list[Any]:
    found = shape.look_up_rows(document)
    if _says_no_record(shape, document, found):
        return []
    if isinstance(found, dict) and shape.rows != "many":
        return [found]
    if not isinstance(found, list):
        raise UntrustedAnswer(FailureCode.NO_ROWS)
    if not found:
        raise UntrustedAnswer(FailureCode.NO_ROWS)
    if len(found) > 1 and shape.rows != "many":
        raise UntrustedAnswer(FailureCode.SEVERAL_RECORDS)
    return found


def _says_no_record(shape: AnswerShape, document: Json, found: Json) -> bool:
    match shape.no_record:
        case NoRecord.EMPTY:
            return found == []
        case NoRecord.NULL:
            return found is None
        case NoRecord.MARKED if all(mark.holds(document) for mark in shape.no_record_mark):
            if found is not None and found != []:
                raise UntrustedAnswer(FailureCode.CONTRADICTION)
            return True
    return False


def read_row(shape: AnswerShape, row: Json, student_number: str) -> Record:
    """The facts of one row, which must be this student's. Raises UntrustedAnswer."""
    if not isinstance(row, dict):
        raise UntrustedAnswer(FailureCode.WRONG_TYPE)
    if shape.record_number is not None:
        number = look_up(row, shape.record_number)
        require_student(shape.conventions, number, student_number, shape.number_as)
    return {fact: field.read(row) for fact, field in shape.fields.items()}
