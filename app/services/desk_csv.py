"""Reads CSV as spreadsheets write it: UTF-8, UTF-16 with its mark or GB18030; comma, semicolon or tab."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator

from app.services.desk_grid import FileRefused, FileRow, Grid, keep_rows

SEPARATORS = (",", ";", "\t")
_NAMED_SEPARATOR = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
_SAYS = {",": "comma", ";": "semicolon", "\t": "tab"}
_MARKED = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_csv(content: bytes) -> Iterator[Grid | FileRefused]:
    """The table by each separator that it may have, or why it cannot be read so. A first line `sep=;` leaves one.

    Raises FileRefused for what is no text.
    """
    text = _decode(content)
    named = _NAMED_SEPARATOR.match(text)
    for separator in named[1] if named else SEPARATORS:
        try:
            rows = keep_rows(_read_rows(text, separator, skips_first=named is not None))
        except FileRefused as error:
            yield error
            continue
        where = f"separated by {_SAYS.get(separator, separator)}"
        yield Grid(rows, where, is_shifted_by_commas=True)


def _read_rows(text: str, separator: str, *, skips_first: bool) -> Iterator[FileRow]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    place = 1
    try:
        for cells in reader:
            if not (skips_first and place == 1):
                yield FileRow(place, tuple(cells))
            place = reader.line_num + 1
    except csv.Error as error:
        raise FileRefused(f"line {reader.line_num} is not CSV: {error}") from error


def _decode(content: bytes) -> str:
    for mark, encoding in _MARKED.items():
        if content.startswith(mark):
            return _decode_as(content, encoding)
    if b"\0" in content:
        raise FileRefused("the file is not text: save it as .xlsx, or as CSV in UTF-8")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_as(content, "gb18030")


def _decode_as(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        says = "neither UTF-8 nor GB18030" if encoding == "gb18030" else f"damaged {encoding.upper()}"
        raise FileRefused(f"the file is {says}: save it as CSV in UTF-8") from None
