"""Rows of an imported table whose cells may stand where they were not written: rows that a stray quote made the text of one
cell, whose students would be lost without a word, and cells that a separator within a value moved.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.connectors.desk import get_heading
from app.connectors.field_keys import FieldType
from app.services.desk.cells import LINE_BREAK, Cell, CellRefused, FileRefused, FileRow, read_number
from app.services.desk.desk import Desk
from app.services.desk.spreadsheet import ImportedTable

LEAST_DIGITS = 5
"""What a token has at least to be taken for a number: a year or a count in a remark has fewer."""
_TOKEN = re.compile("[0-9A-Za-z\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]+")
SHOWN_PLACES = 20
_THOUSANDS = re.compile(r"[^0-9]?[1-9][0-9]{0,2}")
_HUNDREDS = re.compile(r"[0-9]{3}(\.[0-9]+)?元?")


def refuse_swallowed(desk: Desk, table: ImportedTable) -> None:
    """Raise FileRefused for a cell of several lines that names a student, whatever its column: opened in a
    spreadsheet and saved as XLSX, such a file shows no quote any more.
    """
    own = table.columns[desk.config.number_column]
    for row in table.rows:
        for column, cell in enumerate(row.cells):
            if not isinstance(cell, str) or not LINE_BREAK.search(cell):
                continue
            if column == own and _is_number(desk, cell):
                continue
            if any(_is_number(desk, token) and _has_digits(token) for token in _TOKEN.findall(cell)):
                raise FileRefused(
                    f"row {row.place}, column {column + 1}: a cell of several lines names a student, as where a "
                    "quote took rows for one cell: give each student a row, and each remark one line"
                )


def _has_digits(token: str) -> bool:
    return sum(sign.isdigit() for sign in token) >= LEAST_DIGITS


def _is_number(desk: Desk, cell: Cell) -> bool:
    try:
        return bool(read_number(desk.config, desk.numbers, cell))
    except CellRefused:
        return False


def explain_shift(table: ImportedTable, row: FileRow) -> str:
    """Why the cells of a row may stand in other columns than they were written for; "" where they cannot."""
    if not table.separator or row.width == table.width:
        return ""
    message = f"has {row.width} cells and the headings {table.width}"
    if row.width > table.width:
        return f"{message}: put quotes around a value with a separator, and take surplus ones off the end"
    return f"{message}: write the separators of empty cells too, or save the table as .xlsx"


def warn_of_thousands(desk: Desk, table: ImportedTable) -> tuple[str, ...]:
    """What to warn of: `1,200` without quotes is two cells; where a cell was left out too, the row has as many as the headings."""
    if table.separator != ",":
        return ()
    columns = [
        table.columns[get_heading(item)]
        for item in desk.config.fields.values()
        if item.type in (FieldType.MONEY, FieldType.COUNT)
    ]
    places = [
        row.place
        for row in table.rows
        if any(_may_be_cut(row.cells[column : column + 2]) for column in columns)
    ]
    if not places:
        return ()
    message = (
        "an amount beside one of three digits: if it is 1,200 without quotes, the cells behind it are shifted"
    )
    return (f"{message} (rows {list_places(places)})",)


def _may_be_cut(cells: Sequence[Cell]) -> bool:
    return len(cells) == 2 and all(
        isinstance(cell, str) and pattern.fullmatch(cell.strip())
        for cell, pattern in zip(cells, (_THOUSANDS, _HUNDREDS), strict=True)
    )


def list_places(places: Sequence[int]) -> str:
    """The first places of rows, for a sentence."""
    return ", ".join(map(str, places[:SHOWN_PLACES])) + (" …" if len(places) > SHOWN_PLACES else "")
