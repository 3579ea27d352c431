"""Dotted paths into an answer, such as `data.rows`, `entities[0].xh`, or `$` for the whole answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.connectors.base import Fault, UntrustedAnswer
from app.connectors.strict_json import Json

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
                raise UntrustedAnswer(Fault.MISSING_FIELD)
        elif not isinstance(value, list) or step >= len(value):
            raise UntrustedAnswer(Fault.MISSING_FIELD)
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
