"""Proves what an answer says: the success mark, the student echoed back, when its data was brought up to date by the
department's own word, the rows, each fact.

Pure functions from a parsed answer to facts. Whatever is not positively understood raises UntrustedAnswer.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field as Key
from pydantic import PlainValidator

from app.config_model import Choice, Number, Section, between
from app.connectors.base import ActionOutcome, FailureCode, StaleView, UntrustedAnswer
from app.connectors.fields import Facts, JsonField, OfCampus
from app.connectors.json_paths import AnyPath, ListPath, Mark, Marks, OptionalPath, all_hold, look_up
from app.domain.clearance import Record
from app.domain.conventions import USUAL, Conventions
from app.domain.json_reading import Json, Path

MAX_AHEAD = timedelta(minutes=5)
"""How far two machines' clocks may be apart."""
MOST_MINUTES = 60 * 24 * 366

_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)


def _read_zone(name: object) -> ZoneInfo | None:
    if not isinstance(name, str):
        raise ValueError("must be a text")
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a known time zone") from None


class AgeLimit(Section):
    """How old data may be, and the zone of moments without one of their own (None: such a moment is refused)."""

    fresh_for_minutes: Annotated[Number | None, between(0.01, MOST_MINUTES)] = Key(
        None, description="how old the data may be"
    )
    time_zone: Annotated[ZoneInfo | None, PlainValidator(_read_zone)] = Key(
        None,
        description="of moments without a zone of their own, e.g. `Asia/Shanghai`; without it such a moment is refused",
    )

    def require_fresh(self, system: str, as_of: datetime, now: datetime) -> None:
        """Raise StaleView for data that are too old to be believed; both moments in UTC."""
        limit = self.fresh_for_minutes
        if limit is not None and now - as_of > timedelta(minutes=limit):
            raise StaleView(system, as_of)


def parse_moment(value: object, zone: tzinfo | None, now: datetime) -> datetime:
    """A moment of an answer in UTC; one without a zone is in `zone`, and without that it is refused, and so is
    one that is still to come. Raises UntrustedAnswer.
    """
    if isinstance(value, str) and _MOMENT.fullmatch(value):
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
        description="`one` or `many`; `many` needs one of `count`, `complete` and `[.pages]`, so that no row can be "
        "missing unseen"
    )
    no_record: Choice[NoRecord] = Key(
        description='what "no record of this student" looks like: `never`; `empty`: `rows_path` holds `[]`; `null`: it '
        "holds null; `marked`: `no_record_mark` holds"
    )
    no_record_mark: Marks = Key(
        (), description="with `marked`: table like `success`; if it holds, `rows_path` must hold null or `[]`"
    )
    record_number: OptionalPath = Key(
        None, description="path, inside each row, of its student number: every row must be the student's"
    )
    count: OptionalPath = Key(None, description="path of the number of rows: must equal the rows found")
    as_of: OptionalPath = Key(
        None,
        description="path of the moment at which the answer's data were brought up to date, as "
        "`2026-06-09 08:00:00`; needs `fresh_for_minutes`",
    )
    fields: Facts[JsonField]
    conventions: OfCampus = USUAL


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
        require_count(look_up(document, shape.count), len(rows))
    return tuple(read_row(shape, row, student_number) for row in rows)


def list_rows(shape: AnswerShape, document: Json, student_number: str, *, is_first: bool = True) -> list[Any]:
    """The rows of a proven success about this student, unread. Only a first page without rows must say, as
    configured, that there is no record. Raises UntrustedAnswer.
    """
    if not all_hold(shape.success, document):
        raise UntrustedAnswer(FailureCode.NO_SUCCESS)
    require_student(shape.conventions, look_up(document, shape.echo), student_number)
    if not is_first and look_up(document, shape.rows_path) == []:
        return []
    return _find_rows(shape, document)


def get_as_of(shape: AnswerShape, document: Json, now: datetime) -> datetime:
    """When the answer says that its data held, in UTC; `now` where it need not say. Raises UntrustedAnswer."""
    if shape.as_of is None:
        return now
    return parse_moment(look_up(document, shape.as_of), shape.time_zone, now)


def judge_action(shape: ActionShape, echo: Path, document: Json, student_number: str) -> ActionOutcome:
    """What an answer proves of an action, whose student number is at `echo`; UNKNOWN when it proves nothing, or two
    things at once.
    """
    require_student(shape.conventions, look_up(document, echo), student_number)
    is_done = all_hold(shape.confirmed, document) or _is_proven(shape.already, document)
    is_refused = _is_proven(shape.refused, document)
    if is_done == is_refused:
        return ActionOutcome.UNKNOWN
    return ActionOutcome.CONFIRMED if is_done else ActionOutcome.REFUSED


def _is_proven(marks: tuple[Mark, ...], document: Json) -> bool:
    return bool(marks) and all_hold(marks, document)


def require_student(conventions: Conventions, value: object, student_number: str) -> None:
    """Raise UntrustedAnswer unless a number in an answer means this student."""
    if not isinstance(value, str):
        raise UntrustedAnswer(FailureCode.WRONG_TYPE)
    if value != student_number and not conventions.numbers.is_same(value, student_number):
        raise UntrustedAnswer(FailureCode.WRONG_STUDENT)


def require_count(value: Json, found: int) -> None:
    """Raise UntrustedAnswer unless an answer counts as many rows as were found."""
    if type(value) is not int or value != found:
        raise UntrustedAnswer(FailureCode.WRONG_COUNT)


def _find_rows(shape: AnswerShape, document: Json) -> list[Any]:
    found = look_up(document, shape.rows_path)
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
        require_student(shape.conventions, look_up(row, shape.record_number), student_number)
    return {fact: field.read(row) for fact, field in shape.fields.items()}
