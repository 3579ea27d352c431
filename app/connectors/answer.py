"""Proves what an answer says: the success mark, the student echoed back, the rows, each fact.

Pure functions from a parsed answer to facts. Whatever is not positively understood raises UntrustedAnswer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.connectors.base import ActionOutcome, Fault, UntrustedAnswer
from app.connectors.fields import Field
from app.connectors.moments import AgeLimit, parse_moment
from app.connectors.paths import Mark, Path, all_hold, look_up
from app.connectors.strict_json import Json
from app.domain.clearance import Record
from app.domain.conventions import USUAL, Conventions


class NoRecord(StrEnum):
    """How a system says that it holds no record of a student; each counts only inside a proven success."""

    NEVER = "never"
    EMPTY = "empty"
    NULL = "null"
    MARKED = "marked"


@dataclass(frozen=True, slots=True)
class AnswerShape:
    """What a trusted answer to a question looks like; the keys are explained in `http_config.py`."""

    success: tuple[Mark, ...]
    echo: Path
    rows_path: Path
    is_many: bool
    no_record: NoRecord
    no_record_marks: tuple[Mark, ...]
    fields: Mapping[str, Field]
    record_number: Path | None = None
    count: Path | None = None
    as_of: Path | None = None
    age: AgeLimit | None = None
    conventions: Conventions = USUAL


@dataclass(frozen=True, slots=True)
class ActionShape:
    """What the answers to an action look like; every mark of a group must hold."""

    echo: Path
    confirmed: tuple[Mark, ...]
    already: tuple[Mark, ...]
    refused: tuple[Mark, ...]
    conventions: Conventions = USUAL


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
        raise UntrustedAnswer(Fault.NO_SUCCESS)
    require_student(shape.conventions, look_up(document, shape.echo), student_number)
    if not is_first and look_up(document, shape.rows_path) == []:
        return []
    return _find_rows(shape, document)


def get_as_of(shape: AnswerShape, document: Json, now: datetime) -> datetime:
    """When the answer says that its data held, in UTC; `now` where it need not say. Raises UntrustedAnswer."""
    if shape.as_of is None or shape.age is None:
        return now
    return parse_moment(look_up(document, shape.as_of), shape.age.zone, now)


def judge_action(shape: ActionShape, document: Json, student_number: str) -> ActionOutcome:
    """What an answer proves of an action; UNKNOWN when it proves nothing, or two things at once."""
    require_student(shape.conventions, look_up(document, shape.echo), student_number)
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
        raise UntrustedAnswer(Fault.WRONG_TYPE)
    if value != student_number and not conventions.numbers.is_same(value, student_number):
        raise UntrustedAnswer(Fault.WRONG_STUDENT)


def require_count(value: Json, found: int) -> None:
    """Raise UntrustedAnswer unless an answer counts as many rows as were found."""
    if type(value) is not int or value != found:
        raise UntrustedAnswer(Fault.WRONG_COUNT)


def _find_rows(shape: AnswerShape, document: Json) -> list[Any]:
    found = look_up(document, shape.rows_path)
    if _says_no_record(shape, document, found):
        return []
    if isinstance(found, dict) and not shape.is_many:
        return [found]
    if not isinstance(found, list):
        raise UntrustedAnswer(Fault.NO_ROWS)
    if not found:
        raise UntrustedAnswer(Fault.NO_ROWS)
    if len(found) > 1 and not shape.is_many:
        raise UntrustedAnswer(Fault.SEVERAL_RECORDS)
    return found


def _says_no_record(shape: AnswerShape, document: Json, found: Json) -> bool:
    match shape.no_record:
        case NoRecord.EMPTY:
            return found == []
        case NoRecord.NULL:
            return found is None
        case NoRecord.MARKED if all(mark.holds(document) for mark in shape.no_record_marks):
            if found is not None and found != []:
                raise UntrustedAnswer(Fault.CONTRADICTION)
            return True
    return False


def read_row(shape: AnswerShape, row: Json, student_number: str) -> Record:
    """The facts of one row, which must be this student's. Raises UntrustedAnswer."""
    if not isinstance(row, dict):
        raise UntrustedAnswer(Fault.WRONG_TYPE)
    if shape.record_number is not None:
        require_student(shape.conventions, look_up(row, shape.record_number), student_number)
    return {fact: field.read(row) for fact, field in shape.fields.items()}
