"""Reads the tables that clerks import: CSV in UTF-8 (with or without a mark) or GB18030, and XLSX.

Formulas are never evaluated: a cell that holds one is told, whatever value the file remembers for it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from app.services.desk_cells import Cell, Formula

MAX_FILE_BYTES = 20 * 1024 * 1024
MAX_UNPACKED_BYTES = 200 * 1024 * 1024
MAX_ROWS = 100_000
MAX_COLUMNS = 100


class FileRefused(Exception):
    """The file as a whole cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row below the headings; `place` is its number in the file, from 1, as a spreadsheet shows it."""

    place: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class ImportedTable:
    """A file's headings and rows; empty rows are left out. `digest` is the SHA-256 of the file."""

    headings: tuple[str, ...]
    rows: tuple[FileRow, ...]
    digest: str


def read_table(path: Path) -> ImportedTable:
    """The table in a `.csv` or `.xlsx` file; raises FileRefused."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise FileRefused(f"the file is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB")
        content = path.read_bytes()
    except OSError as error:
        raise FileRefused(f"the file cannot be read: {error.strerror}") from error
    readers = {".csv": _read_csv, ".xlsx": _read_xlsx}
    if path.suffix.lower() not in readers:
        raise FileRefused("the file's name must end in .csv or .xlsx")
    return _make_table(readers[path.suffix.lower()](content), hashlib.sha256(content).hexdigest())


def _make_table(found: Iterable[FileRow], digest: str) -> ImportedTable:
    rows: list[FileRow] = []
    for row in found:
        if len(rows) > MAX_ROWS or len(row.cells) > MAX_COLUMNS:
            raise FileRefused(f"the table has more than {MAX_ROWS} rows or {MAX_COLUMNS} columns")
        if any(cell not in (None, "") for cell in row.cells):
            rows.append(row)
    if not rows or rows[0].place != 1:
        raise FileRefused("the first row must hold the headings")
    headings = tuple(cell.strip() if isinstance(cell, str) else "" for cell in rows[0].cells)
    return ImportedTable(headings, tuple(rows[1:]), digest)


def _read_csv(content: bytes) -> Iterator[FileRow]:
    text = _decode(content)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    place = 1
    try:
        for cells in reader:
            yield FileRow(place, tuple(cells))
            place = reader.line_num + 1
    except csv.Error as error:
        raise FileRefused(f"line {reader.line_num} is not CSV: {error}") from error


def _decode(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FileRefused("the file is neither UTF-8 nor GB18030")


def _read_xlsx(content: bytes) -> Iterator[FileRow]:
    # Takes a moment to load and is needed for this alone.
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    _check_archive(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
        sheets = book.worksheets
        if len(sheets) != 1:
            raise FileRefused(f"the file must hold one sheet alone, not {len(sheets)}")
        for place, cells in enumerate(sheets[0].iter_rows(max_col=MAX_COLUMNS + 1), start=1):
            yield FileRow(place, _trim(tuple(_read_cell(cell) for cell in cells)))
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, SyntaxError, TypeError) as error:
        raise FileRefused(f"the file is not a readable XLSX file: {type(error).__name__}") from error


def _check_archive(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
    except zipfile.BadZipFile as error:
        raise FileRefused("the file is not an XLSX file") from error
    if unpacked > MAX_UNPACKED_BYTES:
        raise FileRefused(f"the file unpacks to more than {MAX_UNPACKED_BYTES // 1024 // 1024} MiB")


def _read_cell(cell: Any) -> Cell:
    value = cell.value
    if getattr(cell, "data_type", "") in ("f", "e"):
        return Formula()
    return value if value is None or isinstance(value, str | int | float | date) else Formula()


def _trim(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """Without the empty cells behind the last one that is not."""
    count = len(cells)
    while count and cells[count - 1] is None:
        count -= 1
    return cells[:count]
