"""JSON of a department's answer, strictly read, and the values of a tree found by path. What is wrong is named by a
FailureCode.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainValidator

from app.config_model import Mistakes
from app.connectors.base import FailureCode, UntrustedAnswer
from app.domain import json_reading
from app.domain.json_reading import (
    INDEX,
    Json,
    JsonError,
    JsonReader,
    NoSuchValue,
    Path,
    make_path_pattern,
    parse_path,
)

PATH_PATTERN = make_path_pattern(INDEX)
LIST_PATH_PATTERN = make_path_pattern()
"""A path without an index: an index would silently pass over another student's row beside it."""

_READER = JsonReader(max_digits=18)


def read_json(text: str) -> Json:
    """One JSON text; raises UntrustedAnswer."""
    try:
        return _READER.read(text)
    except JsonError as error:
        raise UntrustedAnswer(FailureCode(error.fault)) from None


def look_up(document: Json, path: Path) -> Json:
    """The value at a path; raises UntrustedAnswer if it is missing, or if on the way there is a key beside it that differs
    in case alone: `"rows": []` beside `"Rows"` is no word about the rows.
    """
    try:
        found = json_reading.look_up(document, path)
    except NoSuchValue:
        raise UntrustedAnswer(FailureCode.MISSING_FIELD) from None
    _require_one_spelling(document, path)
    return found


def _require_one_spelling(document: Any, path: Path) -> None:
    node = document
    for step in path:
        if isinstance(step, str) and len(node) > 1:
            folded = step.casefold()
            if any(key != step and key.casefold() == folded for key in node):
                raise UntrustedAnswer(FailureCode.DUPLICATE_KEY)
        node = json_reading.look_up(node, (step,))


Scalar = str | int | bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the answer and the values it may have, compared with their types: 1 is not true or "1"."""

    path: Path
    values: tuple[Scalar, ...]

    def holds(self, document: Json) -> bool:
        """Whether the answer has one of the values there; raises UntrustedAnswer if the place is missing."""
        value = look_up(document, self.path)
        return any(type(value) is type(known) and value == known for known in self.values)

    def implies(self, other: Mark) -> bool:
        """Whether the other holds wherever this one does."""
        known = {(type(value), value) for value in other.values}
        return self.path == other.path and known.issuperset((type(value), value) for value in self.values)


def all_hold(marks: tuple[Mark, ...], document: Json) -> bool:
    """Whether every mark holds; a missing place counts as not holding."""
    try:
        return all(mark.holds(document) for mark in marks)
    except UntrustedAnswer:
        return False


def flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"data": {"state": 1}}` as `{"data.state": 1}`: TOML reads unquoted dots as tables."""
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _written_as(pattern: str, *, may_be_empty: bool = False) -> PlainValidator:
    """How the configuration writes a path."""

    def read_path(value: object) -> Path | None:
        if may_be_empty and value == "":
            return None
        if not isinstance(value, str):
            raise ValueError("must be a text")
        if not value:
            raise ValueError("is empty")
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must match {pattern}")
        return parse_path(value)

    return PlainValidator(read_path)


def _read_marks(table: object) -> tuple[Mark, ...]:
    if not isinstance(table, Mapping):
        raise ValueError("must be a table")
    known = {path: value if isinstance(value, list) else [value] for path, value in flatten(table).items()}
    mistakes = [(path, "is not a path") for path in known if not re.fullmatch(PATH_PATTERN, path)]
    mistakes += [
        (path, "must be a text, a whole number, true or false, or a list of them")
        for path, values in known.items()
        if not values or not all(isinstance(value, str | int) for value in values)
    ]
    if mistakes:
        raise Mistakes(*mistakes)
    if not known:
        raise ValueError("is empty: name a path and what must stand there")
    return tuple(Mark(parse_path(path), tuple(values)) for path, values in known.items())


AnyPath = Annotated[Path, _written_as(PATH_PATTERN)]
ListPath = Annotated[Path, _written_as(LIST_PATH_PATTERN)]
OptionalPath = Annotated[Path | None, _written_as(PATH_PATTERN, may_be_empty=True)]
Marks = Annotated[tuple[Mark, ...], PlainValidator(_read_marks)]
"""A table of path = value, or list of values, each a text, a whole number, true or false; all must hold."""
