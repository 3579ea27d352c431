"""Reads CSV as spreadsheets write it: UTF-8, UTF-16 with its mark or GB18030; comma, semicolon or tab."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.services.desk_grid import LINE_BREAK, FileRefused, FileRow, Grid, keep_rows

SEPARATORS = (",", ";", "\t")
SHOWN_ROWS = 10
_LINE_END = re.compile(r"\r\n|\r|\n")
_ADVICE = 'take the quote (") out, or save the table as .xlsx; a value of several lines may hold no separator'
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
        lines = _Lines(text, separator, skips_first=named is not None)
        try:
            rows = keep_rows(lines.read_rows())
        except FileRefused as error:
            yield error
            continue
        where = f"separated by {_SAYS.get(separator, separator)}"
        yield Grid(rows, where, separator, lines.fault, notes=lines.list_notes())


@dataclass(slots=True)
class _Lines:
    """The lines of a text, read as rows until a quote would take lines for a cell: `fault` tells of it. `joined` are
    the rows of several lines, as free text has them.
    """

    text: str
    separator: str
    skips_first: bool
    fault: str = ""
    joined: list[str] = field(default_factory=list)

    def read_rows(self) -> Iterator[FileRow]:
        """The rows up to the end or the first fault."""
        reader = csv.reader(io.StringIO(self.text, newline=""), strict=True, delimiter=self.separator)
        place = 1
        try:
            for cells in reader:
                count = 1 + sum(len(_LINE_END.findall(cell)) for cell in cells)
                self._look_at_breaks(place, cells)
                if self.fault:
                    return
                if not (self.skips_first and place == 1):
                    yield FileRow(place, tuple(cells), len(cells))
                place += count
        except csv.Error as error:
            last = reader.line_num
            self.fault = f"line {place}: a quote opens here, and up to line {last} it is not closed ({error}): {_ADVICE}"
            return
        self._count_again(place - 1)

    def _look_at_breaks(self, place: int, cells: list[str]) -> None:
        """A cell of free text may have several lines; one with separators too is what a stray quote makes of rows."""
        line = place
        for cell in cells:
            breaks = len(_LINE_END.findall(cell))
            if self.separator in cell and LINE_BREAK.search(cell):
                self.fault = (
                    f"line {line}: a quote opens here and makes one cell of all up to line {line + breaks}, "
                    f"separators included: {_ADVICE}"
                )
                return
            line += breaks
        if line > place:
            self.joined.append(f"{place}-{line}")

    def _count_again(self, read: int) -> None:
        """No line may be missing from the rows, whatever the reader made of it."""
        lines = len(_LINE_END.findall(self.text)) + (not self.text.endswith(("\n", "\r")) and bool(self.text))
        if lines != read:
            self.fault = (
                f"the file has {lines} lines, and {read} of them can be read as rows: save it as .xlsx"
            )

    def list_notes(self) -> tuple[str, ...]:
        """What a clerk must know of the lines."""
        if not self.joined:
            return ()
        more = f" and {len(self.joined) - SHOWN_ROWS} more" if len(self.joined) > SHOWN_ROWS else ""
        return (f"one row each, by a quoted line break: lines {', '.join(self.joined[:SHOWN_ROWS])}{more}",)


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
