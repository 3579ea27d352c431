"""A stray quote in a file: no row is lost in a cell, and the clerk is told where the quote opens."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from openpyxl import Workbook

from app.domain.person import NumberForm
from app.services.desk import importing
from app.services.desk.cells import FileRefused
from app.services.desk.desk import Desk
from app.services.desk.importing import refuse_swallowed
from app.services.desk.spreadsheet import ImportedTable, read_table
from app.services.row_keys import RowKeyStore
from tests.fixtures.connectors import read_config

HEADINGS = "学号,项目,欠费,罚金,贷款,欠书"
EXPECTED = ("学号", "欠费", "罚金")
DITTO = ('TS23000002,",0,0,0,0', "TS23000008,学费,800,0,0,0", 'TS23000003,",0,0,0,0')
LINE_SEPARATOR = "\u2028"


def read(
    folder: Path, *rows: str, separator: str = ",", end: str = "\n", encoding: str = "utf-8"
) -> ImportedTable:
    path = folder / "a.csv"
    text = end.join((HEADINGS, *rows)) + end
    path.write_bytes(text.replace(",", separator).encode(encoding))
    return read_table(path, EXPECTED)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_ditto_mark_takes_no_rows_into_its_cell(tmp_path: Path, separator: str, end: str) -> None:
    with pytest.raises(
        FileRefused, match="line 2: a quote opens here and makes one cell of all up to line 4"
    ):
        read(tmp_path, *DITTO, separator=separator, end=end)


def test_a_reader_that_trusts_quotes_reads_one_of_three_rows() -> None:
    """The control."""
    assert len(list(csv.reader(io.StringIO("\n".join(DITTO)), strict=True))) == 1


@pytest.mark.parametrize(
    "rows",
    [
        ('TS23000002,"学费,0,0,0,0', "TS23000008,学费,800,0,0,0", 'TS23000003,学费",0,0,0,0'),
        ('TS23000002,学费,0,0,0,"', "TS23000008,学费,800,0,0,0", 'TS23000003,学费,0,0,0,"'),
        ('"TS23000002,学费,0,0,0,0', "TS23000008,学费,800,0,0,0", '",0,0,0,0,0'),
        ('TS23000002,"学费,0,0,0,0', "TS23000008", 'TS23000003",0,0,0,0,0'),
        ('TS23000002,",0,0,0,0', 'TS23000008,"",800,0,0,0', 'TS23000003,",0,0,0,0'),
    ],
)
def test_rows_between_two_quotes_are_not_one_cell(tmp_path: Path, rows: tuple[str, ...]) -> None:
    with pytest.raises(FileRefused, match="line 2: a quote opens here"):
        read(tmp_path, *rows)


@pytest.mark.parametrize(
    "rows",
    [
        ('TS23000002,",0,0,0,0', "TS23000008,学费,800,0,0,0"),
        ('TS23000002,"学费,0,0,0,0',),
        ('TS23000002,"学"费,0,0,0,0', "TS23000008,学费,800,0,0,0"),
        ('TS23000002,"' + "学" * 140_000, "TS23000008,学费,800,0,0,0"),
    ],
)
@pytest.mark.parametrize("separator", [",", ";"])
def test_a_quote_that_is_not_closed_is_told_with_its_line(
    tmp_path: Path, rows: tuple[str, ...], separator: str
) -> None:
    with pytest.raises(
        FileRefused, match=r"line 2: a quote opens here, and up to line [0-9] it is not closed"
    ):
        read(tmp_path, *rows, separator=separator)


def test_the_line_is_where_the_quote_opens_behind_a_text_of_several_lines(tmp_path: Path) -> None:
    rows = ('TS23000001,"一\n二",0,0,0,0', 'TS23000002,"一\n二",0,0,0,"', 'TS23000003,学费,0,0,0,"')
    with pytest.raises(
        FileRefused, match="line 5: a quote opens here and makes one cell of all up to line 6"
    ):
        read(tmp_path, *rows)


def test_free_text_of_several_lines_stays_one_row_and_is_told(tmp_path: Path) -> None:
    table = read(
        tmp_path, 'TS23000001,"第一行\r\n第二行",0,0,0,0', "TS23000002,a,1,0,0,0", 'TS23000003,"，\n",2,0,0,0'
    )
    assert [(row.place, row.cells[2]) for row in table.rows] == [(2, "0"), (4, "1"), (5, "2")]
    assert table.notes[-1] == "one row each, by a quoted line break: lines 2-3, 5-6"


class Dropping:
    """A reader that loses the last row, as one with other ideas of quotes would."""

    def __init__(self, rows: list[list[str]]) -> None:
        self.rows = rows
        self.line_num = len(rows)

    def __iter__(self) -> Iterator[list[str]]:
        return iter(self.rows[:-1])


def test_lines_that_no_row_accounts_for_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ("TS1,a,0,0,0,0", "TS2,a,0,0,0,0")
    assert len(read(tmp_path, *rows).rows) == 2
    whole = csv.reader
    monkeypatch.setattr(csv, "reader", lambda *given, **options: Dropping(list(whole(*given, **options))))
    with pytest.raises(FileRefused, match="the file has 3 lines, and 2 of them can be read as rows"):
        read(tmp_path, *rows)


def make_desk(**changes: object) -> Desk:
    section = {
        "kind": "desk",
        "no_record": "empty",
        "number_column": "学号",
        "fields": {"owed": {"path": "欠费", "type": "count"}, "fine": {"path": "罚金", "type": "count"}},
    }
    return Desk("debts", read_config(section | changes, "debts"), NumberForm(), RowKeyStore(None))


def read_sheet(folder: Path, *rows: tuple[object, ...]) -> ImportedTable:
    book = Workbook()
    book.active.append(HEADINGS.split(","))
    for row in rows:
        book.active.append(row)
    path = folder / "a.xlsx"
    book.save(path)
    return read_table(path, EXPECTED)


@pytest.mark.parametrize(
    "cell",
    [
        ",0,0,0,0\nTS23000008,学费,800,0,0,0\nTS23000003,",
        "同上\r\nts23000008\t学费\t800",
        f"同上{LINE_SEPARATOR}ＴＳ23000008",
        "\nTS23000008学费",
    ],
)
def test_rows_that_a_spreadsheet_took_for_a_cell_are_told(tmp_path: Path, cell: str) -> None:
    table = read_sheet(tmp_path, ("TS23000001", "学费", 0, 0, 0, 0), ("TS23000002", cell, 0, 0, 0, 0))
    with pytest.raises(FileRefused, match="row 3, column 2: a cell of several lines names a student"):
        refuse_swallowed(make_desk(), table)


@pytest.mark.parametrize(
    "cell", ["第一行\n第二行, 2026-06-09", "A座\n1302室", "TS23000008 的担保人", "2026\n"]
)
def test_a_remark_of_several_lines_in_a_spreadsheet_stays_readable(tmp_path: Path, cell: str) -> None:
    table = read_sheet(tmp_path, ("TS23000002\n", cell, 0, 0, 0, 0))
    refuse_swallowed(make_desk(), table)
    assert table.rows[0].cells[1] == cell


def test_a_telephone_number_is_no_students_where_numbers_have_their_pattern(tmp_path: Path) -> None:
    table = read_sheet(tmp_path, ("TS23000002", "担保人\n13800000000", 0, 0, 0, 0))
    refuse_swallowed(make_desk(number_pattern="T[SB][0-9]{8}"), table)
    with pytest.raises(FileRefused):
        refuse_swallowed(make_desk(), table)


def test_an_import_looks_for_swallowed_rows(tmp_path: Path) -> None:
    cell = "同上\nTS23000008,学费,800"
    table = read_sheet(tmp_path, ("TS23000002", cell, 0, 0, 0, 0))
    with pytest.raises(FileRefused, match="names a student"):
        importing.import_table(make_desk(), table, table.rows, "1", importing.ImportOptions())
