"""A department's JSON answer: strictly read, and its values found by path. What is wrong with it is named by a
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

_JSON_TYPE = re.compile(r'application/json *(; *charset="?utf-?8"? *)?;?', re.IGNORECASE)
_READER = JsonReader(max_digits=18)


def check_content_type(header: str) -> None:
    """Raise UntrustedAnswer unless the Content-Type says JSON, in UTF-8 if it names an encoding."""
    if not _JSON_TYPE.fullmatch(header):
        raise UntrustedAnswer(FailureCode.CONTENT_TYPE)


def parse_json(body: bytes) -> Json:
    """One JSON text in UTF-8 without a mark of byte order; raises UntrustedAnswer."""
    try:
        return _READER.read(body.decode("utf-8"))
    except JsonError as error:
        raise UntrustedAnswer(FailureCode(error.fault)) from None
    except UnicodeDecodeError:
        raise UntrustedAnswer(FailureCode.NOT_JSON) from None


def look_up(document: Json, path: Path) -> Json:
    """The value at a path; raises UntrustedAnswer if it is missing."""
    try:
        return json_reading.look_up(document, path)
    except NoSuchValue:
        raise UntrustedAnswer(FailureCode.MISSING_FIELD) from None


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
        raise ValueError("names no mark")
    return tuple(Mark(parse_path(path), tuple(values)) for path, values in known.items())


AnyPath = Annotated[Path, _written_as(PATH_PATTERN)]
ListPath = Annotated[Path, _written_as(LIST_PATH_PATTERN)]
OptionalPath = Annotated[Path | None, _written_as(PATH_PATTERN, may_be_empty=True)]
Marks = Annotated[tuple[Mark, ...], PlainValidator(_read_marks)]
"""A table of path = value, or list of values, each a text, a whole number, true or false; all must hold."""
