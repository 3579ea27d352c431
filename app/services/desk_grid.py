"""A file's rows before anybody knows which of them holds the headings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.services.desk_cells import Cell

MAX_ROWS = 100_000
MAX_COLUMNS = 100
LINE_BREAK = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


class FileRefused(Exception):
    """The file as a whole cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row that is not empty; `place` is its number in the file, from 1, as a spreadsheet shows it. `width` is how
    many cells were written, empty ones at the end among them; 0 where a cell has a place of its own, as in XLSX.
    """

    place: int
    cells: tuple[Cell, ...]
    width: int = 0


@dataclass(frozen=True, slots=True)
class Merged:
    """Cells that were merged into one: its name in the spreadsheet, and what it covers, from 1."""

    name: str
    columns: range
    rows: range


@dataclass(frozen=True, slots=True)
class Grid:
    """The rows of a sheet. `separator` stands between the cells of CSV: within a value it moves the cells behind it.
    `fault` is why the rows behind the last one cannot be read. `notes` are what a clerk must know of the file.
    """

    rows: tuple[FileRow, ...]
    where: str = ""
    separator: str = ""
    fault: str = ""
    merged: tuple[Merged, ...] = ()
    notes: tuple[str, ...] = ()


def keep_rows(found: Iterable[FileRow]) -> tuple[FileRow, ...]:
    """The rows that hold something, without the empty cells at their ends; raises FileRefused for too many."""
    rows: list[FileRow] = []
    for row in found:
        cells = _trim(row.cells)
        if len(cells) > MAX_COLUMNS:
            raise FileRefused(f"row {row.place} has more than {MAX_COLUMNS} columns")
        if cells:
            rows.append(FileRow(row.place, cells, row.width))
        if len(rows) > MAX_ROWS:
            raise FileRefused(f"the table has more than {MAX_ROWS} rows")
    return tuple(rows)


def is_empty(cell: Cell) -> bool:
    """Whether a cell holds nothing, or spaces alone."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _trim(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    count = len(cells)
    while count and is_empty(cells[count - 1]):
        count -= 1
    return cells[:count]
