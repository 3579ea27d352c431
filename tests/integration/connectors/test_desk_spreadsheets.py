"""The files that clerks really send, one row of the table each, by `flask desk import --dry-run`."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet.worksheet import Worksheet

from tests.integration.connectors.desks import Installation, run_import
from tests.unit.services.desk.test_xlsx import rewrite_sheet, to_strict

HEADINGS = ("学号", "论文状态", "审核日期")
LIST = (
    "学号,论文状态,审核日期\nTS23000003,已审核,2026-06-09\nTS23000004,已提交,\nTS23000005,已审核,2026-06-10\n"
)
ONE = "学号,论文状态,审核日期\n{}\n"
DAYS = ("2026.6.9", "2026年6月9日", "26-6-9", "6/9/2026", "0000-00-00", "46182")
STUDENTS = (
    ("TS23000003", "已审核", "2026-06-09"),
    ("TS23000004", "已提交"),
    ("TS23000005", "已审核", date(2026, 6, 10)),
)
NOT_AN_AMOUNT = "欠费: is not an amount"


def csv(text: str, encoding: str = "utf-8") -> tuple[str, bytes]:
    return ".csv", text.encode(encoding)


def book(
    rows: Sequence[Sequence[Any]] = STUDENTS,
    change: Callable[[Workbook, Worksheet], object] = lambda _book, _sheet: None,
    headings: Sequence[str] = HEADINGS,
) -> tuple[str, bytes]:
    made = Workbook()
    for row in (headings, *rows):
        made.active.append(row)
    change(made, made.active)
    content = io.BytesIO()
    made.save(content)
    return ".xlsx", content.getvalue()


def with_title(_book: Workbook, sheet: Worksheet) -> None:
    sheet.insert_rows(1)
    sheet["A1"] = "2026年归档名单"
    sheet.merge_cells("A1:C1")


def with_sheets(made: Workbook, _sheet: Worksheet) -> None:
    made.create_sheet("Sheet2")
    made.create_sheet("Sheet3")


def with_hidden_sheet(made: Workbook, _sheet: Worksheet) -> None:
    made.create_sheet("旧").sheet_state = "hidden"


def with_merged_status(_book: Workbook, sheet: Worksheet) -> None:
    sheet["B3"] = sheet["B4"] = None
    sheet.merge_cells("B2:B4")


def since_1904(made: Workbook, _sheet: Worksheet) -> None:
    made.epoch = CALENDAR_MAC_1904


def change_dimension(new: str) -> tuple[str, bytes]:
    suffix, content = book()
    return suffix, rewrite_sheet(content, r"<dimension [^>]*/>", new)


def only(*cells: Any) -> tuple[str, bytes]:
    return book([cells])


MOMENT = datetime(2026, 6, 9, 14, 30)  # noqa: DTZ001 - a spreadsheet's moment
READS_THREE = "3 new, 0 changed, 0 as before, 0 refused"
READS_ONE = "1 new, 0 changed, 0 as before, 0 refused"
REFUSES_ONE = "0 new, 0 changed, 0 as before, 1 refused"

# name: the file, the report's first line, and what is told beside it
CASES: dict[str, tuple[tuple[str, bytes], str, str]] = {
    "utf8": (csv(LIST), READS_THREE, "in row 1, 3 row(s)"),
    "gbk": (csv(LIST, "gbk"), READS_THREE, ""),
    "bom": (csv(LIST, "utf-8-sig"), READS_THREE, ""),
    "utf16_tab": (csv(LIST.replace(",", "\t"), "utf-16"), READS_THREE, "separated by tab"),
    "utf16_big": ((".csv", b"\xfe\xff" + LIST.encode("utf-16-be")), READS_THREE, ""),
    "utf16_unmarked": (csv(LIST, "utf-16-le"), "", "save it as .xlsx, or as CSV in UTF-8"),
    "utf8_damaged": ((".csv", LIST.encode("utf-8-sig")[:-60] + b"\xff\xff"), "", "damaged UTF-8"),
    "semicolon": (csv(LIST.replace(",", ";")), READS_THREE, "separated by semicolon"),
    "sep": (csv("sep=;\r\n" + LIST.replace(",", ";")), READS_THREE, "in row 2, 3 row(s)"),
    "sep_bar": (csv("sep=|\n" + LIST.replace(",", "|")), READS_THREE, "separated by |"),
    "tab": (csv(LIST.replace(",", "\t")), READS_THREE, "separated by tab"),
    "quoted_newline": (
        csv(
            '学号,论文状态,审核日期,备注\nTS23000003,已审核,2026-06-09,"一\n二"\nTS23000005,已审,2026-06-10,x\n'
        ),
        "1 new, 0 changed, 0 as before, 1 refused",
        "row 4, 论文状态: is none of",
    ),
    "ditto": (
        csv(
            '学号,论文状态,审核日期,题目\nTS23000002,已审核,,"\nTS23000008,已提交,,甲\nTS23000003,已审核,,"\n'
        ),
        "",
        "line 2: a quote opens here and makes one cell of all up to line 4",
    ),
    "ditto_open": (
        csv('学号,论文状态,审核日期,题目\nTS23000002,已审核,,"\nTS23000008,已提交,,甲\n'),
        "",
        "line 2: a quote opens here, and up to line 3 it is not closed",
    ),
    "ditto_in_book": (
        only("TS23000003", "已审核", "2026-06-09", "甲\nTS23000008,已提交,\nTS23000009,已审核,"),
        "",
        "row 2, column 4: a cell of several lines names a student",
    ),
    "sci": (csv(ONE.format("2.02E+10,已审核,2026-06-09")), REFUSES_ONE, "is not a student number"),
    "spaces_in_number": (csv(ONE.format("TS23 000003,已审核,")), REFUSES_ONE, "is not a student number"),
    "letter_o": (csv(ONE.format("TS2300000O,已审核,2026-06-09")), READS_ONE, "TS2300000O is nobody's here"),
    "formula_text": (csv(ONE.format('"=""TS23000003""",已审核,')), REFUSES_ONE, "is a formula"),
    "days": (
        csv(ONE.format("\n".join(f"TS2300001{n},已审核,{day}" for n, day in enumerate(DAYS)))),
        "1 new, 0 changed, 0 as before, 5 refused",
        "审核日期: is not a day, as 2026-06-09",
    ),
    "twice": (
        csv(LIST + "TS23000003,已提交,\n"),
        "2 new, 0 changed, 0 as before, 2 refused",
        "row 2, 学号: stands in rows 2, 5",
    ),
    "twice_folded": (
        csv(LIST + "ts23000003 ,已提交,\n"),
        "2 new, 0 changed, 0 as before, 2 refused",
        "row 5, 学号: stands in rows 2, 5",
    ),
    "title_row": (csv("2026年论文归档名单,,\n" + LIST), READS_THREE, "学号、论文状态、审核日期 in row 2"),
    "total_row": (
        csv(LIST + "合计,3,\n"),
        "3 new, 0 changed, 0 as before, 1 refused",
        "row 5, 学号: is not a student number",
    ),
    "nbsp": (csv(ONE.format("TS23000003\u00a0,已审核\u200b,2026-06-09")), READS_ONE, ""),
    "nbsp_heading": (csv(LIST.replace("论文", "\u200b论文\u00a0")), READS_THREE, ""),
    "old_xls": ((".xls", b"\xd0\xcf\x11\xe0"), "", "must end in .csv or .xlsx"),
    "xls_renamed": ((".xlsx", b"\xd0\xcf\x11\xe0" + bytes(600)), "", "old .xls or has a password"),
    "html": ((".xlsx", b"<html><table></table></html>"), "", "not an XLSX file"),
    "head_only": (csv(ONE.format("")), "0 new, 0 changed, 0 as before, 0 refused", "0 row(s) below"),
    "shifted": (
        csv(ONE.format("TS23000003,已审核,2026-06-09,x")),
        REFUSES_ONE,
        "has 4 cells and the headings 3",
    ),
    "above": (
        csv("TS23000009,已审核,\n" + LIST),
        "",
        "row 1 stands above the headings and has a student number",
    ),
    "other_headings": (
        csv(LIST.replace("论文状态", "状态")),
        "",
        "no column 论文状态. Expected in one row: 学号、论文状态、审核日期. separated by comma, row 1 holds 学号、状态、审核日期",
    ),
    "no_headings": (csv("a,b\nc,d\n"), "", "none of the first 20 rows holds one"),
    "two_columns": (csv(LIST.replace("审核日期\n", "审核日期,*学号\n")), "", "two columns 学号 in row 1"),
    "ok": (book(), READS_THREE, "sheet Sheet: headings"),
    "wps_dimension": (change_dimension('<dimension ref="A1"/>'), READS_THREE, "3 row(s) below"),
    "no_dimension": (change_dimension(""), READS_THREE, ""),
    "three_sheets": (book(change=with_sheets), READS_THREE, "sheet Sheet:"),
    "hidden_sheet": (book(change=with_hidden_sheet), READS_THREE, "sheet Sheet:"),
    "number_cell": (only(23000003, "已审核", "2026-06-09"), REFUSES_ONE, "leading zeros may be lost"),
    "moment": (only("TS23000003", "已审核", MOMENT), REFUSES_ONE, "is a moment, not a day"),
    "serial": (only("TS23000003", "已审核", 46182), REFUSES_ONE, "is a number, not a day"),
    "merged_status": (book(change=with_merged_status), "", "merged cells: B2:B4 (论文状态)"),
    "formula": (only("=A9", "已审核", None), REFUSES_ONE, "is a formula"),
    "title_merged": (book(change=with_title), READS_THREE, "in row 2, 3 row(s)"),
    "strict": ((".xlsx", to_strict(book()[1])), READS_THREE, ""),
    "since_1904": (book([STUDENTS[2]], since_1904), READS_ONE, ""),
    "spaces": (
        book([("TS23000003 ", " 已审核", "2026-6-9")], headings=("学号 ", *HEADINGS[1:])),
        READS_ONE,
        "",
    ),
    "headings_star": (book(headings=("*学号", "论文状态（必填）", "审核日期")), READS_THREE, ""),
}
DEBTS: dict[str, tuple[tuple[str, bytes], str, str]] = {
    "debts": (
        book(
            [
                ("TS23000003", 12.5),
                ("TS23000004", "1,200.00"),
                ("TS23000005", 0.3),
                ("TS23000006", -5),
                ("TS23000007", 1200.004),
            ],
            headings=("学号", "欠费"),
        ),
        "2 new, 0 changed, 0 as before, 3 refused",
        f"row 3, {NOT_AN_AMOUNT}",
    ),
    "debts_ok": (
        book([("TS23000003", 12.5), ("TS23000004", 800), ("TS23000008", 800)], headings=("学号", "欠费")),
        READS_THREE,
        "",
    ),
    "debts_text": (
        csv('学号,欠费\nTS23000004,"1,200.00"\nTS23000003,12.50\nTS23000016,￥800\n'),
        "1 new, 0 changed, 0 as before, 2 refused",
        f"row 4, {NOT_AN_AMOUNT}",
    ),
}


@pytest.mark.parametrize(
    ("desk", "name"), [*(("archive_list", name) for name in CASES), *(("debts", name) for name in DEBTS)]
)
def test_a_clerks_file_is_read_whole_or_says_what_is_wrong_with_it(
    desk_template: Installation, tmp_path: Path, desk: str, name: str
) -> None:
    (suffix, content), report, told = (CASES | DEBTS)[name]
    path = tmp_path / f"{name}{suffix}"
    path.write_bytes(content)
    done = run_import(desk_template, str(path), "--dry-run", desk=desk)
    assert done.stdout.partition("\n")[0] == report, done.stderr
    assert told in done.stderr
    is_fine = report.endswith(" 0 refused")
    assert done.returncode == (0 if is_fine else 1)
