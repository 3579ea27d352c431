"""The files of a mini-app's folder as texts: what is wrong with one is told with its line, as whoever wrote it finds it."""

from __future__ import annotations

import codecs
import json
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HEADER = re.compile(r"\s*(\[\[?)([A-Za-z0-9_.\" \t-]+)\]\]?\s*(#.*)?")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)\s*=")


MAX_BYTES = 1_000_000
"""Far more than anybody writes; what is larger is no text of a mini-app."""
_WIDE_SIGNS = {
    **dict.fromkeys("“”„‟＂「」『』", '"'),
    **dict.fromkeys("‘’＇", "'"),
    **dict(zip("＝，．［］｛｝＃【】", "=,.[]{}#[]", strict=True)),
}
"""What is typed for the signs of TOML on a Chinese keyboard."""
_PLACE = re.compile(r"\(at line ([0-9]+), column ([0-9]+)\)")
_LONG_NUMBER = re.compile(r"[0-9_]{1000,}")


class Unreadable(Exception):
    """A file cannot be read; the message is why, and in which line."""


def read_text(path: Path) -> str:
    """The text of a file in UTF-8 without a byte order mark, of at most MAX_BYTES. Raises Unreadable."""
    try:
        if path.exists() and not path.is_file():  # a pipe or a device may have no end
            raise Unreadable("it is no file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from None
    if len(content) > MAX_BYTES:
        raise Unreadable(f"it has more than {MAX_BYTES:,} bytes")
    if content.startswith(_BOMS):
        raise Unreadable("it begins with a byte order mark (BOM): save it as UTF-8 without one")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"line {line} is not UTF-8{_guess(content)}: save the file as UTF-8") from None


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file holds. Raises Unreadable."""
    text = read_text(path)
    try:
        with refuse_excess(text):
            return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Unreadable(f"{error}{_hint_at_wide_sign(text, str(error))}") from None


def _hint_at_wide_sign(text: str, fault: str) -> str:
    """What to write instead where a fault is about a sign as Chinese keyboards type it."""
    lines = text.rstrip().split("\n")
    place = _PLACE.search(fault)
    line = lines[min(int(place[1]), len(lines)) - 1] if place else lines[-1]
    at_fault = line[int(place[2]) - 1 :][:1] if place else ""
    sign = at_fault or line.rstrip()[-1:]  # past the end, where a text was begun rightly and never ends
    if sign not in _WIDE_SIGNS:
        return ""
    return f": there is {sign}, a full-width sign (中文标点); write {_WIDE_SIGNS[sign]} instead"


@contextmanager
def refuse_excess(text: str) -> Iterator[None]:
    """Where a reader gives up on a text that is nested too deep, or on a number that is too long, raises Unreadable."""
    try:
        yield
    except (tomllib.TOMLDecodeError, json.JSONDecodeError):
        raise
    except RecursionError:
        raise Unreadable("it is nested too deep") from None
    except ValueError:  # Python reads no whole number of more than 4300 digits
        found = _LONG_NUMBER.search(text)
        line = text.count("\n", 0, found.start()) + 1 if found else 0
        raise Unreadable(f"{f'line {line}: ' if line else ''}a number has too many digits") from None


def _guess(content: bytes) -> str:
    """What the bytes are instead, where they are what Chinese editors write."""
    try:
        content.decode("gb18030")
    except UnicodeDecodeError:
        return ""
    return " (it may be GBK)"


def find_lines(text: str) -> dict[str, int]:
    """The lines of a TOML text's tables and keys, by their places as in faults: `steps[3].office.phone`."""
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    prefix = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.fullmatch(line):
            prefix = _enter(header[2], counts, is_list=header[1] == "[[")
            lines.setdefault(prefix, number)
        elif key := _KEY.match(line):
            lines.setdefault(f"{prefix}.{key[1]}" if prefix else key[1], number)
    return lines


def _enter(header: str, counts: dict[str, int], *, is_list: bool) -> str:
    """The place of a table; `counts` are how many tables each list has so far, by its place."""
    place = ""
    *outer, last = (part.strip(' \t"') for part in header.split("."))
    for part in outer:
        place = f"{place}.{part}" if place else part
        if place in counts:
            place = f"{place}[{counts[place] - 1}]"
    place = f"{place}.{last}" if place else last
    if is_list:
        counts[place] = counts.get(place, 0) + 1
        place = f"{place}[{counts[place] - 1}]"
    return place


def find_line(lines: dict[str, int], place: str) -> int | None:
    """The line of a place, or of the nearest table around it that has one."""
    while place:
        if place in lines:
            return lines[place]
        place = re.sub(r"(\.[^.\[\]]+|\[[0-9]+\]|^[^.\[\]]+)$", "", place)
    return None
