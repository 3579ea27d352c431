"""Proves what an answer says: the success mark, the student echoed back, the rows, each fact.

Pure functions from a parsed answer to facts. Whatever is not positively understood raises UntrustedAnswer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.connectors.base import ActionOutcome, Fault, UntrustedAnswer
from app.connectors.fields import Field
from app.connectors.paths import Mark, Path, all_hold, look_up
from app.connectors.strict_json import Json
from app.domain.clearance import Record


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


@dataclass(frozen=True, slots=True)
class ActionShape:
    """What the answers to an action look like; every mark of a group must hold."""

    echo: Path
    confirmed: tuple[Mark, ...]
    already: tuple[Mark, ...]
    refused: tuple[Mark, ...]


def read_records(shape: AnswerShape, document: Json, student_number: str) -> tuple[Record, ...]:
    """The facts about one student, one mapping a row; none exactly when the system says it has no record.

    Raises UntrustedAnswer for every other answer.
    """
    if not all_hold(shape.success, document):
        raise UntrustedAnswer(Fault.NO_SUCCESS)
    _require_student(look_up(document, shape.echo), student_number)
    rows = _list_rows(shape, document)
    if shape.count is not None:
        _require_count(look_up(document, shape.count), len(rows))
    return tuple(_read_row(shape, row, student_number) for row in rows)


def judge_action(shape: ActionShape, document: Json, student_number: str) -> ActionOutcome:
    """What an answer proves of an action; UNKNOWN when it proves nothing, or two things at once."""
    _require_student(look_up(document, shape.echo), student_number)
    is_done = all_hold(shape.confirmed, document) or _is_proven(shape.already, document)
    is_refused = _is_proven(shape.refused, document)
    if is_done == is_refused:
        return ActionOutcome.UNKNOWN
    return ActionOutcome.CONFIRMED if is_done else ActionOutcome.REFUSED


def _is_proven(marks: tuple[Mark, ...], document: Json) -> bool:
    return bool(marks) and all_hold(marks, document)


def _require_student(value: Json, student_number: str) -> None:
    if not isinstance(value, str):
        raise UntrustedAnswer(Fault.WRONG_TYPE)
    if value != student_number:
        raise UntrustedAnswer(Fault.WRONG_STUDENT)


def _require_count(value: Json, found: int) -> None:
    if type(value) is not int or value != found:
        raise UntrustedAnswer(Fault.WRONG_COUNT)


def _list_rows(shape: AnswerShape, document: Json) -> list[Any]:
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


def _read_row(shape: AnswerShape, row: Json, student_number: str) -> Record:
    if not isinstance(row, dict):
        raise UntrustedAnswer(Fault.WRONG_TYPE)
    if shape.record_number is not None:
        _require_student(look_up(row, shape.record_number), student_number)
    return {fact: field.read(row) for fact, field in shape.fields.items()}
