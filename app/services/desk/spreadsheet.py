"""Finds the table in a clerks' file: the row with a desk's headings, whatever stands above it.

CSV is read as spreadsheets write it: UTF-8, UTF-16 with its mark or GB18030; comma, semicolon or tab.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.connectors.desk import fold_heading
from app.domain.texts import ControlCharacter
from app.services.desk.cells import LINE_BREAK, Cell, FileRefused, FileRow, Grid, is_empty, keep_rows
from app.services.desk.xlsx import read_xlsx

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
        message = "neither UTF-8 nor GB18030" if encoding == "gb18030" else f"damaged {encoding.upper()}"
        raise FileRefused(f"the file is {message}: save it as CSV in UTF-8") from None


MAX_FILE_BYTES = 20 * 1024 * 1024
HEADING_ROWS = 20
OTHER_SEPARATORS = "，|；、｜^:"
SHOWN_HEADINGS = 12
SHOWN_CHARACTERS = 20


@dataclass(frozen=True, slots=True)
class ImportedTable:
    """The rows below a file's headings. `columns` is where each expected heading stands, from 0; `above` are the
    rows above the headings; `separator` stands between the cells of CSV, and `width` is how many cells the heading
    row has there: a row with more or fewer is shifted, or may be. `notes` say what was read. `digest` is the
    SHA-256 of the file.
    """

    columns: Mapping[str, int]
    rows: tuple[FileRow, ...]
    digest: str
    above: tuple[FileRow, ...] = ()
    separator: str = ""
    width: int = 0
    notes: tuple[str, ...] = ()


def read_table(path: Path, expected: Sequence[str], sheet: str | None = None) -> ImportedTable:
    """The table with the expected headings in a `.csv` or `.xlsx` file; raises FileRefused."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise FileRefused(f"the file is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB")
        content = path.read_bytes()
    except OSError as error:
        raise FileRefused(f"the file cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(content).hexdigest()
    return _find_table(_read_grids(path.suffix.lower(), content, sheet), expected, digest)


def _read_grids(suffix: str, content: bytes, sheet: str | None) -> Iterator[Grid | FileRefused]:
    readers: dict[str, Callable[[], Iterator[Grid | FileRefused]]] = {
        ".csv": lambda: read_csv(content),
        ".xlsx": lambda: iter([read_xlsx(content, sheet)]),
    }
    if suffix not in readers:
        raise FileRefused("the file's name must end in .csv or .xlsx: save the table as one of them")
    if sheet is not None and suffix == ".csv":
        raise FileRefused("a CSV file has no sheets: leave --sheet out")
    return readers[suffix]()


def _find_table(grids: Iterator[Grid | FileRefused], expected: Sequence[str], digest: str) -> ImportedTable:
    """The first reading that has all headings; else what the nearest one lacks."""
    nearest: tuple[int, FileRefused] | None = None
    for grid in grids:
        if isinstance(grid, FileRefused):
            found, refused = 0, grid
        else:
            index, found = _find_heading_row(grid, expected)
            if grid.fault:
                refused = FileRefused(grid.fault)
            elif found == len(expected):
                return _make_table(grid, index, expected, digest)
            else:
                refused = _explain_headings(grid, index, expected, found)
        if nearest is None or found > nearest[0]:
            nearest = (found, refused)
    raise nearest[1] if nearest else FileRefused("the file is empty")


def _find_heading_row(grid: Grid, expected: Sequence[str]) -> tuple[int, int]:
    """The place in `grid.rows` of the first row with most of the headings, and how many it has."""
    counts = [
        len({fold_heading(heading) for heading in expected} & set(_fold_row(row)))
        for row in grid.rows[:HEADING_ROWS]
    ]
    most = max(counts, default=0)
    return (counts.index(most) if counts else 0), most


def _fold_row(row: FileRow) -> list[str]:
    return [_fold(cell) for cell in row.cells]


def _fold(cell: Cell) -> str:
    try:
        return fold_heading(cell) if isinstance(cell, str) else ""
    except ControlCharacter:
        return ""


def _explain_headings(grid: Grid, index: int, expected: Sequence[str], found: int) -> FileRefused:
    if not grid.rows:
        return FileRefused("the file holds no row")
    if other := _find_other_separator(grid, expected):
        return FileRefused(
            f"the cells are separated by {other}, and not by a comma (,), semicolon (;) or tab: "
            "save the table as CSV with commas, or as .xlsx"
        )
    row = grid.rows[index]
    headings = _fold_row(row)
    missing = "; ".join(f"no column {name}" for name in expected if fold_heading(name) not in headings)
    shown = [
        str(cell)[:SHOWN_CHARACTERS] for cell in row.cells if isinstance(cell, str) and not is_empty(cell)
    ]
    where = f"{grid.where}, " if grid.where else ""
    held = "、".join(shown[:SHOWN_HEADINGS]) + ("…" if len(shown) > SHOWN_HEADINGS else "")
    nearest = "" if found else f" (none of the first {HEADING_ROWS} rows holds one)"
    return FileRefused(
        f"{missing}{nearest}. Expected in one row: {'、'.join(expected)}. "
        f"{where}row {row.place} holds {held or 'no text'}"
    )


def _find_other_separator(grid: Grid, expected: Sequence[str]) -> str:
    """The character that parts all headings where none of the usual separators does; "" for none."""
    needed = {fold_heading(heading) for heading in expected}
    for row in grid.rows[:HEADING_ROWS] if grid.separator else ():
        line = grid.separator.join(map(str, row.cells))
        for other in OTHER_SEPARATORS:
            if needed <= {_fold(cell) for cell in line.split(other)}:
                return other
    return ""


def _make_table(grid: Grid, index: int, expected: Sequence[str], digest: str) -> ImportedTable:
    row = grid.rows[index]
    headings = _fold_row(row)
    folded = {name: fold_heading(name) for name in expected}
    twice = [f"two columns {name}" for name in expected if headings.count(folded[name]) > 1]
    if twice:
        raise FileRefused(f"{'; '.join(twice)} in row {row.place}: leave one of each")
    columns = {name: headings.index(folded[name]) for name in expected}
    _refuse_merged(grid, columns, row.place)
    where = f"{grid.where}: " if grid.where else ""
    count = len(grid.rows) - index - 1
    note = f"{where}headings {'、'.join(expected)} in row {row.place}, {count} row(s) below"
    return ImportedTable(
        columns,
        grid.rows[index + 1 :],
        digest,
        grid.rows[:index],
        grid.separator,
        row.width,
        (note, *grid.notes),
    )


def _refuse_merged(grid: Grid, columns: Mapping[str, int], heading_place: int) -> None:
    """A merged cell has its value in the first alone, and whether the others mean the same nobody knows."""
    faults = [
        f"{merged.name} ({heading})"
        for merged in grid.merged
        for heading, column in columns.items()
        if column + 1 in merged.columns and merged.rows.stop - 1 > heading_place
    ]
    if faults:
        raise FileRefused(f"merged cells: {', '.join(faults)}; split them and fill in each cell")
