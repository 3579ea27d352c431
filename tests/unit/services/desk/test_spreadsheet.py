"""Tables as clerks save them: encodings, spreadsheets, and files that are not what they seem."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from app.services.desk import xlsx
from app.services.desk.cells import FileRefused, Formula
from app.services.desk.spreadsheet import ImportedTable
from app.services.desk.spreadsheet import read_table as read

TEXT = "学号,状态\r\nTS23000001,已审核\r\n"


def read_table(path: Path, *expected: str) -> ImportedTable:
    """The table with these headings, or the usual two."""
    return read(path, expected or ("学号", "状态"))


def save(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_is_read_in_the_encodings_that_spreadsheets_save(tmp_path: Path, encoding: str) -> None:
    table = read_table(save(tmp_path, "a.CSV", TEXT.encode(encoding)))
    assert table.columns == {"学号": 0, "状态": 1}
    assert [(row.place, row.cells) for row in table.rows] == [(2, ("TS23000001", "已审核"))]
    assert len(table.digest) == 64


def test_rows_keep_their_place_in_the_file(tmp_path: Path) -> None:
    content = '学号,状态\n\n,,\nTS1,"a\nb"\nTS2,c\n'
    table = read_table(save(tmp_path, "a.csv", content.encode()))
    assert [(row.place, row.cells[0]) for row in table.rows] == [(4, "TS1"), (6, "TS2")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", TEXT.encode()),
        ("a.csv", b""),
        ("a.csv", b"\n\nTS1,x\n"),
        ("a.csv", b"\xff\xfe\x66\x5b"),
        ("a.csv", b'a,b\n"c'),
        ("a.csv", b"a,b\n" + b"x," * 200),
        ("a.xlsx", TEXT.encode()),
        ("a.xlsx", b"PK\x03\x04"),
        ("a.xls", b"\xd0\xcf\x11\xe0"),
    ],
)
def test_what_is_no_such_table_is_refused_with_a_reason(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(FileRefused) as caught:
        read_table(save(tmp_path, name, content))
    assert str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused):
        read_table(tmp_path / "none.csv")


def save_book(path: Path, book: Workbook) -> Path:
    book.save(path)
    return path


def test_a_spreadsheets_cells_keep_their_kinds_and_formulas_are_told(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    sheet.append(["学号", "数", "日", "旗", "公式", "错"])
    sheet.append(["00420013", 12.5, datetime(2026, 6, 9), True, "=1+1", "#N/A"])  # noqa: DTZ001
    sheet["F2"].data_type = "e"
    sheet.append([])
    sheet.append(["TS2"])
    table = read_table(save_book(tmp_path / "a.xlsx", book), "学号", "错")
    assert table.columns == {"学号": 0, "错": 5}
    first, second = table.rows
    assert first.cells[:4] == ("00420013", 12.5, datetime(2026, 6, 9), True)  # noqa: DTZ001
    assert all(isinstance(cell, Formula) for cell in first.cells[4:])
    assert (second.place, second.cells) == (4, ("TS2",))


def test_the_value_that_a_file_remembers_for_a_formula_is_not_taken(tmp_path: Path) -> None:
    """A formula with a remembered result, as a spreadsheet saves it: the result may be old or made up."""
    book = Workbook()
    book.active.append(["学号", "状态"])
    book.active.append(["TS1", '=IF(1=1,"已审核","")'])
    path = save_book(tmp_path / "a.xlsx", book)
    content = rewrite_sheet(path.read_bytes(), "<v></v>", "<v>已审核</v>")
    path.write_bytes(rewrite_sheet(content, '<c r="B2"', '<c r="B2" t="str"'))
    assert isinstance(read_table(path).rows[0].cells[1], Formula)
    lenient = load_workbook(path, data_only=True).active
    assert lenient["B2"].value == "已审核", "the negative control: a reader of results would take it"


def rewrite_sheet(content: bytes, old: str, new: str) -> bytes:
    """The archive with a piece of its sheet replaced."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(made, "w") as changed:
        for item in archive.infolist():
            data = archive.read(item).decode()
            if item.filename.endswith("sheet1.xml"):
                assert old in data, data
                data = data.replace(old, new)
            changed.writestr(item.filename, data)
    return made.getvalue()


def test_several_sheets_are_refused_rather_than_one_chosen(tmp_path: Path) -> None:
    book = Workbook()
    book.active.append(["学号"])
    book.create_sheet("旧名单").append(["学号"])
    with pytest.raises(FileRefused, match="several sheets hold something: Sheet、旧名单"):
        read_table(save_book(tmp_path / "a.xlsx", book))


def test_a_file_that_unpacks_without_end_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 1_000_000)
    monkeypatch.setattr(xlsx, "MAX_UNPACKED_BYTES", 100_000)
    with pytest.raises(FileRefused, match="unpacks"):
        read_table(save(tmp_path, "a.xlsx", made.getvalue()))


def test_entities_in_a_spreadsheet_are_refused(tmp_path: Path) -> None:
    book = Workbook()
    book.active.append(["学号", "状态"])
    path = save_book(tmp_path / "a.xlsx", book)
    bomb = '<!DOCTYPE x [<!ENTITY a "已审核">]><worksheet '
    content = rewrite_sheet(path.read_bytes(), "<worksheet ", bomb)
    content = rewrite_sheet(content, "<sheetData>", '<sheetData><row><c t="str"><v>&a;</v></c></row>')
    with pytest.raises(FileRefused):
        read_table(save(tmp_path, "b.xlsx", content))


@pytest.mark.parametrize("separator", ["，", "|", "；", "、"])
def test_another_separator_is_told_as_such(tmp_path: Path, separator: str) -> None:
    path = save(tmp_path, "a.csv", ("名单\n" + TEXT.replace(",", separator)).encode())
    with pytest.raises(FileRefused) as caught:
        read_table(path)
    assert f"the cells are separated by {separator}, and not by a comma" in str(caught.value)


def test_a_damaged_spreadsheet_is_told_in_words(tmp_path: Path) -> None:
    book = Workbook()
    book.active.append(["学号", "状态"])
    path = save_book(tmp_path / "a.xlsx", book)
    path.write_bytes(rewrite_sheet(path.read_bytes(), '<c r="A1"', '<c r="1A"'))
    with pytest.raises(FileRefused, match=r"open it in a spreadsheet and save it again as .xlsx"):
        read_table(path)
