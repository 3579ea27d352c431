"""Dotted paths into an answer, such as `data.rows`, `entities[0].xh`, or `$` for the whole answer.

Reads JSON of department systems strictly: what two readers could understand differently is refused.

RFC 8259 leaves open what duplicate keys, huge numbers and lone surrogates mean; an answer that decides
about a student must mean one thing. NaN and Infinity are not JSON at all, though many readers take them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from app.connectors.base import FailureCode, UntrustedAnswer

MAX_DEPTH = 20
MAX_DIGITS = 18

_JSON_TYPE = re.compile(r'application/json *(; *charset="?utf-?8"? *)?;?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fraction:
    """A JSON number with a fraction or an exponent, as it was written: floats would round money."""

    literal: str


Json = dict[str, Any] | list[Any] | str | int | Fraction | bool | None


def check_content_type(header: str) -> None:
    """Raise UntrustedAnswer unless the Content-Type says JSON, in UTF-8 if it names an encoding."""
    if not _JSON_TYPE.fullmatch(header):
        raise UntrustedAnswer(FailureCode.CONTENT_TYPE)


def parse_json(body: bytes) -> Json:
    """One JSON text in UTF-8 without a mark of byte order, nested at most 20 deep; raises UntrustedAnswer."""
    try:
        document: Json = _DECODER.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise UntrustedAnswer(FailureCode.NOT_JSON) from None
    _check(document, MAX_DEPTH)
    return document


def _check(value: Json, depth: int) -> None:
    if depth == 0:
        raise UntrustedAnswer(FailureCode.NOT_JSON)
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)


def _check_text(text: str) -> None:
    # "\ud800" is a legal escape of half a character, which no other text can hold.
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise UntrustedAnswer(FailureCode.NOT_JSON)


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UntrustedAnswer(FailureCode.DUPLICATE_KEY)
    return found


def _read_integer(literal: str) -> int:
    if len(literal) > MAX_DIGITS or literal == "-0":
        raise UntrustedAnswer(FailureCode.MALFORMED_NUMBER)
    return int(literal)


def _refuse_constant(_literal: str) -> NoReturn:
    raise UntrustedAnswer(FailureCode.MALFORMED_NUMBER)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_read_object,
    parse_int=_read_integer,
    parse_float=Fraction,
    parse_constant=_refuse_constant,
)


PATH_PATTERN = r"\$|[^.\[\]$]+(\[[0-9]{1,3}\])*(\.[^.\[\]$]+(\[[0-9]{1,3}\])*)*"
LIST_PATH_PATTERN = r"\$|[^.\[\]$]+(\.[^.\[\]$]+)*"
"""A path without an index: an index would silently pass over another student's row beside it."""

_STEP = re.compile(r"\[([0-9]+)\]|([^.\[\]$]+)")

Path = tuple[str | int, ...]


def parse_path(text: str) -> Path:
    """The steps of a path that matches PATH_PATTERN; `$` has none."""
    return tuple(int(index) if index else key for index, key in _STEP.findall(text))


def look_up(document: Json, path: Path) -> Json:
    """The value at a path; raises UntrustedAnswer if it is missing."""
    value: Any = document
    for step in path:
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                raise UntrustedAnswer(FailureCode.MISSING_FIELD)
        elif not isinstance(value, list) or step >= len(value):
            raise UntrustedAnswer(FailureCode.MISSING_FIELD)
        value = value[step]
    return value  # type: ignore[no-any-return]


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
