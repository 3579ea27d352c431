"""The cells of an imported table: turned into what a desk keeps, or told what is wrong with one.

A cell is what a file's reader found: a text, a number, a day, a flag, None for an empty one, or a Formula.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time

from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.desk import DeskConfig, get_heading, read_kept
from app.connectors.field_keys import FieldType, MoneyUnit
from app.connectors.fields import Field
from app.domain.conventions import has_content
from app.domain.person import MalformedNumber, NumberForm
from app.domain.texts import ControlCharacter, clean_text


class Formula:
    """A cell that holds a formula or an error, whatever it shows: it is never evaluated."""


Cell = str | int | float | bool | date | Formula | None
Kept = str | bool | None

_DAY = re.compile(r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})")
_PLAIN_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_GROUPED = re.compile(r"[^0-9]*[0-9]{1,3}([,，][0-9]{3})+(\.[0-9]+)?[^0-9]*")
_WITH_SIGN = re.compile(r"[¥￥$]?[0-9,，.]+(元|圆|分)?")
_STROKES = re.compile(r"[-‐-―−﹣－_＿]+|[/／]")
"""What a clerk draws where there is nothing to write. Any other sign alone may stand for the cell above, or for a yes."""
_FLAGS = {"是": True, "否": False, "true": True, "false": False}
_SAYS = {
    FailureCode.MALFORMED_DAY: "is not a day, as 2026-06-09",
    FailureCode.MALFORMED_TEXT: "is not a text that can be recorded",
}


class CellRefused(Exception):
    """What is wrong with a cell, and under which heading it stands."""

    def __init__(self, heading: str, message: str) -> None:
        super().__init__(f"{heading} {message}")
        self.heading = heading
        self.message = message


def read_number(config: DeskConfig, numbers: NumberForm, cell: Cell) -> str:
    """The folded student number in a cell; raises CellRefused. A numeric cell may have lost its leading zeros."""
    heading = config.number_column
    text = _require_text(heading, cell, "is a number, not a text: leading zeros may be lost")
    if not text:
        raise CellRefused(heading, "is empty")
    try:
        number = numbers.fold(text)
    except MalformedNumber:
        raise CellRefused(heading, "is not a student number") from None
    if not re.fullmatch(config.number_pattern, number):
        raise CellRefused(heading, "is not a student number")
    return number


def read_cell(field: Field, cell: Cell) -> Kept:
    """What is kept of a fact's cell; raises CellRefused."""
    heading = get_heading(field)
    kept = _write_kept(field, heading, cell)
    if kept == "":
        if not field.may_be_empty:
            raise CellRefused(heading, "is empty")
        return None
    if isinstance(kept, str) and not has_content(kept) and not _STROKES.fullmatch(kept):
        raise CellRefused(heading, "is a sign: write the value itself, or leave the cell empty")
    try:
        read_kept(field, kept)
    except UntrustedAnswer as error:
        raise CellRefused(heading, _explain(field, error.fault, kept)) from None
    return kept


def _write_kept(field: Field, heading: str, cell: Cell) -> str | bool:
    if isinstance(cell, bool):
        if field.type is not FieldType.FLAG:
            raise CellRefused(heading, "is TRUE or FALSE")
        return cell
    if isinstance(cell, date):
        return _write_day(field, heading, cell)
    if isinstance(cell, int | float) and field.type in (FieldType.COUNT, FieldType.MONEY):
        return _write_number(cell)
    is_day = field.type is FieldType.DAY
    text = _require_text(
        heading, cell, "is a number, not a day: write 2026-06-09" if is_day else "is a number, not a text"
    )
    if is_day and (found := _DAY.fullmatch(text)):
        return f"{found[1]}-{found[2]:0>2}-{found[3]:0>2}"
    if field.type is FieldType.FLAG and field.values is None:
        return _FLAGS.get(text.lower(), text)
    return text


def _require_text(heading: str, cell: Cell, message: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Formula) or (isinstance(cell, str) and cell.lstrip().startswith("=")):
        raise CellRefused(heading, "is a formula or an error: write the value itself")
    if not isinstance(cell, str):
        raise CellRefused(heading, message)
    try:
        return clean_text(cell)
    except ControlCharacter:
        raise CellRefused(heading, "holds a control character: type it anew") from None


def _write_day(field: Field, heading: str, cell: date) -> str:
    is_moment = isinstance(cell, datetime) and cell.time() != time.min
    if field.type is not FieldType.DAY or is_moment:
        raise CellRefused(heading, "is a moment, not a day" if is_moment else "is a day")
    return cell.strftime("%Y-%m-%d")


def _write_number(cell: float) -> str:
    """The shortest digits that mean the number; 12.0 is 12, and 0.1 + 0.2 stays as odd as it is."""
    is_whole = float(cell).is_integer() and abs(cell) < 1e15
    return str(int(cell)) if is_whole else repr(cell)


def _explain(field: Field, fault: FailureCode, kept: str | bool) -> str:
    if fault is FailureCode.UNKNOWN_VALUE and field.values is not None:
        return f"is none of {'、'.join(field.values)}"
    if field.type is FieldType.MONEY:
        return _explain_amount(field, str(kept))
    if field.type is FieldType.COUNT:
        return "is not a whole number from 0 on"
    if field.type is FieldType.FLAG:
        return f"is none of {'、'.join(field.values or _FLAGS)}"
    if field.type is FieldType.DAY and _is_in_calendar(str(kept)):
        return "is a day that cannot be: in the future, or before the first one that may be"
    return _SAYS.get(fault, f"cannot be recorded ({fault})")


def _explain_amount(field: Field, text: str) -> str:
    unit = "fen 分" if field.unit is MoneyUnit.FEN else "yuan 元 with at most two decimals"
    message = f"is not an amount in {unit}"
    if _GROUPED.fullmatch(text):
        return f"{message}: write 1200.00 and not 1,200.00"
    if _WITH_SIGN.fullmatch(text) and not re.fullmatch(r"[0-9.]+", text):
        return f"{message}: write the digits alone, without ¥ or 元"
    return message


def _is_in_calendar(text: str) -> bool:
    try:
        return bool(_PLAIN_DAY.fullmatch(text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


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
