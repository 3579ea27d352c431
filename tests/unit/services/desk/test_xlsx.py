"""Spreadsheets as other programs write them: every row is read, or the file is refused by name."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import datetime

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from app.services.desk import spreadsheet, xlsx
from app.services.desk.cells import FileRefused, Grid
from app.services.desk.xlsx import read_xlsx

EXPECTED = ("学号", "状态")
ROWS = (("TS1", "已审核"), ("TS2", "已提交"), ("TS3", "已审核"))


def make(change: Callable[[Workbook, Worksheet], object] = lambda _book, _sheet: None) -> bytes:
    """A workbook with three students."""
    book = Workbook()
    sheet = book.active
    sheet.title = "名单"
    for row in (EXPECTED, *ROWS):
        sheet.append(row)
    change(book, sheet)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def rewrite(content: bytes, change: Callable[[str, str], str]) -> bytes:
    """The archive with each part changed, by its name and text."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(made, "w") as changed:
        for item in archive.infolist():
            changed.writestr(item.filename, change(item.filename, archive.read(item).decode()))
    return made.getvalue()


def rewrite_sheet(content: bytes, pattern: str, new: str) -> bytes:
    """The archive with a pattern of its first sheet replaced, which must be there."""

    def change(name: str, text: str) -> str:
        if not name.endswith("sheet1.xml"):
            return text
        text, count = re.subn(pattern, new, text, flags=re.DOTALL)
        assert count, text
        return text

    return rewrite(content, change)


def list_rows(grid: Grid) -> list[tuple[object, ...]]:
    return [tuple(row.cells) for row in grid.rows]


def refusal_of(content: bytes, sheet: str | None = None) -> str:
    with pytest.raises(FileRefused) as caught:
        spreadsheet._find_table(iter([read_xlsx(content, sheet)]), EXPECTED, "")
    return str(caught.value)


@pytest.mark.parametrize(
    "claim", ['<dimension ref="A1"/>', '<dimension ref="B3:B3"/>', '<dimension ref="A1:XFD9"/>', ""]
)
def test_all_rows_are_read_whatever_the_file_claims_about_its_size(claim: str) -> None:
    content = rewrite_sheet(make(), r"<dimension [^>]*/>", claim)
    assert list_rows(read_xlsx(content)) == [EXPECTED, *ROWS]


def test_a_reader_that_believes_the_claim_loses_rows() -> None:
    """The control."""
    content = rewrite_sheet(make(), r"<dimension [^>]*/>", '<dimension ref="A1"/>')
    believing = load_workbook(io.BytesIO(content), read_only=True).active
    assert len(list(believing.iter_rows())) == 1


def to_strict(content: bytes) -> bytes:
    """As "Strict Open XML" is saved."""

    def change(_name: str, text: str) -> str:
        for strict, usual in xlsx._TRANSITIONAL.items():
            text = text.replace(usual.decode(), strict.decode())
        return text

    return rewrite(content, change)


def test_strict_open_xml_is_read() -> None:
    content = to_strict(make(lambda _book, sheet: sheet.append(["TS4", datetime(2026, 6, 9)])))  # noqa: DTZ001
    assert list_rows(read_xlsx(content)) == [EXPECTED, *ROWS, ("TS4", datetime(2026, 6, 9))]  # noqa: DTZ001


def test_a_reader_that_does_not_know_strict_open_xml_finds_no_row_and_the_count_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control of both: of the translation, and of counting the cells again."""

    def leave_the_sheet_strict(name: str, text: str) -> str:
        return to_text(text) if name.endswith("sheet1.xml") else text

    def to_text(text: str) -> str:
        for strict, usual in xlsx._TRANSITIONAL.items():
            text = text.replace(usual.decode(), strict.decode())
        return text

    content = rewrite(make(), leave_the_sheet_strict)
    monkeypatch.setattr(xlsx, "_translate_strict", lambda found: found)
    with pytest.raises(FileRefused, match="8 cells, 0 can be placed"):
        read_xlsx(content)


def test_rows_and_cells_without_their_places_are_read() -> None:
    content = rewrite_sheet(make(), r' r="[A-Z]*[0-9]+"', "")
    assert list_rows(read_xlsx(content)) == [EXPECTED, *ROWS]


def test_gaps_between_rows_and_cells_keep_the_places() -> None:
    def change(_book: Workbook, sheet: Worksheet) -> None:
        sheet["D9"] = "TS9"

    (*_, last) = read_xlsx(make(change)).rows
    assert (last.place, last.cells) == (9, (None, None, None, "TS9"))


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r'<row r="4">(.*?)</row>', r'<row r="2">\1</row>'),
        (r'(<row r="2">.*?</row>)(<row r="3">.*?</row>)', r"\2\1"),
        (r'<c r="B3"', '<c r="A3"'),
    ],
)
def test_rows_or_cells_that_are_there_twice_or_out_of_order_are_refused_not_dropped(
    pattern: str, new: str
) -> None:
    """The library drops them without a word."""
    assert "out of order or there twice" in refusal_of(rewrite_sheet(make(), pattern, new))


@pytest.mark.parametrize("merged", ["B2:B4", "A3:A4", "B2:C2", "B1:B2", "A3:B3"])
def test_merged_cells_of_a_needed_column_are_refused_by_name(merged: str) -> None:
    content = make(lambda _book, sheet: sheet.merge_cells(merged))
    assert f"merged cells: {merged} (" in refusal_of(content)


def test_without_looking_at_merged_cells_the_rows_below_would_be_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control."""
    monkeypatch.setattr(spreadsheet, "_refuse_merged", lambda *_: None)
    content = make(lambda _book, sheet: sheet.merge_cells("B2:B4"))
    table = spreadsheet._find_table(iter([read_xlsx(content)]), EXPECTED, "")
    assert [row.cells for row in table.rows] == [("TS1", "已审核"), ("TS2",), ("TS3",)]


def test_merged_cells_elsewhere_are_nobodys_business() -> None:
    def change(_book: Workbook, sheet: Worksheet) -> None:
        sheet.insert_rows(1)
        sheet["A1"] = "2026年归档名单"
        sheet.merge_cells("A1:C1")
        sheet.merge_cells("C3:C5")

    table = spreadsheet._find_table(iter([read_xlsx(make(change))]), EXPECTED, "")
    assert [row.place for row in table.rows] == [3, 4, 5]


def test_empty_sheets_are_ignored_and_full_ones_are_named() -> None:
    def add_empty(book: Workbook, _sheet: Worksheet) -> None:
        book.create_sheet("Sheet2")
        book.create_sheet("Sheet3").sheet_state = "hidden"
        book.create_sheet("空格").append(["  "])

    assert read_xlsx(make(add_empty)).where == "sheet 名单"

    def add_full(book: Workbook, sheet: Worksheet) -> None:
        add_empty(book, sheet)
        old = book.create_sheet("去年")
        old.append(EXPECTED)
        old.sheet_state = "veryHidden"

    content = make(add_full)
    assert "several sheets hold something: 名单、去年 (hidden)" in refusal_of(content)
    assert len(read_xlsx(content, "名单").rows) == 4
    assert read_xlsx(content, "去年").notes == ("the sheet 去年 is hidden",)
    assert "no sheet 今年 with something in it: there are 名单、去年 (hidden)" in refusal_of(content, "今年")


def test_a_file_without_anything_says_so() -> None:
    assert "every sheet is empty" in refusal_of(make(lambda _book, sheet: sheet.delete_rows(1, 4)))


def test_hidden_rows_and_columns_are_read_and_named() -> None:
    def change(_book: Workbook, sheet: Worksheet) -> None:
        sheet.row_dimensions[3].hidden = True
        sheet.row_dimensions[40].hidden = True
        sheet.column_dimensions["B"].hidden = True
        sheet.column_dimensions["F"].hidden = True

    grid = read_xlsx(make(change))
    assert list_rows(grid) == [EXPECTED, *ROWS]
    assert grid.notes == ("hidden rows are read too: 3", "hidden columns are read too: B")
