"""Finds the table in a clerks' file: the row with a desk's headings, whatever stands above it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.connectors.desk_config import fold_heading
from app.domain.texts import ControlCharacter
from app.services.desk_cells import Cell
from app.services.desk_csv import read_csv
from app.services.desk_grid import FileRefused, FileRow, Grid, is_empty
from app.services.desk_xlsx import read_xlsx

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
