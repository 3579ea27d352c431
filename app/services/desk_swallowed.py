"""Finds rows that a stray quote made the text of one cell: their students would be lost without a word."""

from __future__ import annotations

import re

from app.services.desk import Desk
from app.services.desk_cells import Cell, CellRefused, read_number
from app.services.desk_files import ImportedTable
from app.services.desk_grid import LINE_BREAK, FileRefused

LEAST_DIGITS = 5
"""What a token has at least to be taken for a number: a year or a count in a remark has fewer."""
_TOKEN = re.compile("[0-9A-Za-z\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]+")


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
