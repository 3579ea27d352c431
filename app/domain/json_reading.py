"""Reads JSON strictly, and finds values in it by dotted paths such as `data.rows`, `entities[0].xh` or
`profiles[kind=graduate].stno`.

RFC 8259 leaves open what duplicate keys, huge numbers and lone surrogates mean: what two readers could understand
differently is refused. NaN and Infinity are not JSON at all, though many readers take them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

MAX_DEPTH = 20


class JsonError(ValueError):
    """A text is no JSON, or two readers could understand it differently. Holds nothing of the text."""


class DuplicateKey(JsonError):
    """An object has the same key twice."""


class AmbiguousNumber(JsonError):
    """A number that readers take differently: -0, NaN, Infinity, or one with too many digits."""


class NoSuchValue(LookupError):
    """A path leads nowhere in a document."""


@dataclass(frozen=True, slots=True)
class Fraction:
    """A JSON number with a fraction or an exponent, as it was written: floats would round money."""

    literal: str

    def __str__(self) -> str:
        return self.literal


Json = dict[str, Any] | list[Any] | str | int | Fraction | bool | None


class JsonReader:
    """Reads texts nested at most MAX_DEPTH deep, with whole numbers of at most `max_digits` digits. With
    `takes_lone_surrogates` it leaves the judgement of each text to whoever uses it.
    """

    def __init__(self, max_digits: int, *, takes_lone_surrogates: bool = False) -> None:
        self._max_digits = max_digits
        self._takes_lone_surrogates = takes_lone_surrogates
        self._decoder = json.JSONDecoder(
            object_pairs_hook=refuse_duplicates,
            parse_int=self._read_integer,
            parse_float=Fraction,
            parse_constant=_refuse_constant,
        )

    def read(self, text: str) -> Json:
        """The value of one JSON text. Raises JsonError."""
        try:
            document: Json = self._decoder.decode(text)
        except JsonError:
            raise
        except (ValueError, RecursionError):
            raise JsonError("is no JSON") from None
        self._check(document, MAX_DEPTH)
        return document

    def _check(self, value: Json, depth: int) -> None:
        if depth == 0:
            raise JsonError("is nested too deep")
        if isinstance(value, str):
            self._check_text(value)
        elif isinstance(value, dict):
            for key, item in value.items():
                self._check_text(key)
                self._check(item, depth - 1)
        elif isinstance(value, list):
            for item in value:
                self._check(item, depth - 1)

    def _check_text(self, text: str) -> None:
        # "\ud800" is a legal escape of half a character, which no other text can hold.
        if text.isascii() or self._takes_lone_surrogates:
            return
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise JsonError("has a text with half a character")

    def _read_integer(self, literal: str) -> int:
        if len(literal) > self._max_digits or literal == "-0":
            raise AmbiguousNumber("has a number that readers take differently")
        return int(literal)


def refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The pairs as a mapping. Raises DuplicateKey."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DuplicateKey("has a key twice")
    return found


def _refuse_constant(_literal: str) -> NoReturn:
    raise AmbiguousNumber("has NaN or Infinity")


@dataclass(frozen=True, slots=True)
class EntryWith:
    """A step into a list: the one entry whose `key` has this text."""

    key: str
    text: str


Path = tuple[str | int | EntryWith, ...]
"""The steps to a value: a key, a place in a list, or the entry that is known by one of its values."""

INDEX = r"\[[0-9]{1,3}\]"
_ENTRY_WITH = r"\[[^.\[\]=]+=[^\[\]=]+\]"
_STEP = re.compile(r"\[([0-9]+)\]|\[([^\]=]+)=([^\]]+)\]|([^.\[\]]+)")


def make_path_pattern(brackets: str = "") -> str:
    """The regular expression of a path in which `brackets` may stand behind each key. Of what begins with `$` only
    `$` itself is a path, which is the whole document.
    """
    part = rf"[^.\[\]=]+({brackets})*" if brackets else r"[^.\[\]=]+"
    return rf"\$|(?!\$){part}(\.{part})*"


PATH_PATTERN = make_path_pattern(f"{INDEX}|{_ENTRY_WITH}")


def parse_path(text: str) -> Path:
    """The steps of a path that matches PATH_PATTERN."""
    if text == "$":
        return ()
    return tuple(
        name or (EntryWith(key, value) if key else int(index))
        for index, key, value, name in _STEP.findall(text)
    )


def look_up(document: Any, path: Path, *, takes_lone_entries: bool = False) -> Json:
    """The value at a path. With `takes_lone_entries`, what stands alone where a list could be is a list of one.
    Raises NoSuchValue.
    """
    value: Any = document
    for step in path:
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                raise NoSuchValue
            value = value[step]
            continue
        if takes_lone_entries and value is not None and not isinstance(value, list):
            value = [value]
        value = _find_entry(value, step)
    return value  # type: ignore[no-any-return]


def _find_entry(entries: Json, step: int | EntryWith) -> Json:
    if not isinstance(entries, list):
        raise NoSuchValue
    if isinstance(step, int):
        found = entries[step : step + 1]
    else:
        found = [entry for entry in entries if isinstance(entry, dict) and entry.get(step.key) == step.text]
    if len(found) != 1:
        raise NoSuchValue
    return found[0]  # type: ignore[no-any-return]
