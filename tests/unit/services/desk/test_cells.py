"""What a clerk's cell becomes, and what is refused: nothing is guessed out of a spreadsheet."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.config_model import read as read_table
from app.connectors.desk import DeskConfig, fold_heading, read_kept
from app.domain.conventions import Conventions
from app.domain.person import LetterCase, NumberForm
from app.services.desk.cells import Cell, CellRefused, Formula, read_cell, read_number

SECTION: dict[str, Any] = {
    "kind": "desk",
    "number_column": "学号",
    "no_record": "never",
    "fields": {
        "state": {"path": "状态", "type": "text", "known": ["在办", "已审核"]},
        "code": {"path": "代码", "type": "text", "values": {"1": "active", "9": "cancelled"}},
        "note": {"path": "备注", "type": "text", "empty": True},
        "owed": {"path": "欠费", "type": "money", "unit": "yuan"},
        "books": {"path": "欠书", "type": "count"},
        "done_on": {"path": "日期", "type": "day"},
        "lives_in": {"path": "住宿", "type": "flag"},
    },
}


def read(**changes: Any) -> tuple[DeskConfig, list[str]]:
    faults: list[str] = []
    return read_table(DeskConfig, SECTION | changes, "hall", faults, {"name": "hall"}), faults


CONFIG = read()[0]


@pytest.mark.parametrize(
    ("fact", "cell", "kept"),
    [
        ("state", "已审核", "已审核"),
        ("state", " 已审核\u3000", "已审核"),
        ("state", "\ufeff已审\u200b核\u00a0", "已审核"),
        ("code", "9", "9"),
        ("note", None, None),
        ("note", "", None),
        ("note", "  ", None),
        ("note", "证件已交", "证件已交"),
        ("note", "无", "无"),
        ("owed", "12.5", "12.5"),
        ("owed", 12, "12"),
        ("owed", 12.5, "12.5"),
        ("owed", 12.0, "12"),
        ("books", 3, "3"),
        ("books", 3.0, "3"),
        ("books", "0", "0"),
        ("done_on", "2026-06-09", "2026-06-09"),
        ("done_on", "2026/6/9", "2026-06-09"),
        ("done_on", date(2026, 6, 9), "2026-06-09"),
        ("done_on", datetime(2026, 6, 9), "2026-06-09"),  # noqa: DTZ001 - a spreadsheet's day
        ("lives_in", "是", True),
        ("lives_in", "FALSE", False),
        ("lives_in", True, True),
    ],
)
def test_a_cell_that_says_something_is_kept_as_it_means(fact: str, cell: Cell, kept: object) -> None:
    assert read_cell(CONFIG.fields[fact], cell) == kept


@pytest.mark.parametrize(
    ("fact", "cell"),
    [
        ("state", "已审"),
        ("state", None),
        ("state", ""),
        ("state", "已\x00审核"),
        ("state", 1),
        ("state", True),
        ("state", Formula()),
        ("state", "=已审核"),
        ("note", '=HYPERLINK("http://example.edu.cn")'),
        ("note", 20),
        ("note", "x" * 201),
        ("owed", "12.505"),
        ("owed", "-1"),
        ("owed", -1),
        ("owed", 0.1 + 0.2),
        ("owed", "1e3"),
        ("owed", "１２"),
        ("owed", "¥12"),
        ("owed", float("nan")),
        ("owed", float("inf")),
        ("owed", True),
        ("owed", None),
        ("owed", Formula()),
        ("owed", "=SUM(A1:A2)"),
        ("books", 1.5),
        ("books", "1.0"),
        ("books", 1e20),
        ("books", date(2026, 6, 9)),
        ("done_on", "2026-02-30"),
        ("done_on", "09/06/2026"),
        ("done_on", "20260609"),
        ("done_on", "2099-06-09"),
        ("done_on", "9999-12-31"),
        ("done_on", date(1899, 12, 30)),
        ("done_on", 46182),
        ("done_on", datetime(2026, 6, 9, 8, 30)),  # noqa: DTZ001 - a spreadsheet's moment
        ("lives_in", "1"),
        ("lives_in", 1),
        ("lives_in", "不知道"),
    ],
)
def test_any_other_cell_is_refused_by_its_heading(fact: str, cell: Cell) -> None:
    with pytest.raises(CellRefused) as caught:
        read_cell(CONFIG.fields[fact], cell)
    assert caught.value.heading == CONFIG.fields[fact].path[0]
    assert caught.value.message


NUMBERS = NumberForm()


DITTO = ("〃", '"', "″", "''", "”", "↓", "//", "……", "√", "✓", "|", "？")


@pytest.mark.parametrize("sign", DITTO)
@pytest.mark.parametrize("fact", ["note", "done_on"])
def test_a_sign_that_may_stand_for_the_cell_above_or_for_a_yes_is_refused(fact: str, sign: str) -> None:
    """It was kept as nothing, and shut out who had been checked."""
    field = CONFIG.fields[fact].model_copy(update={"may_be_empty": True})
    with pytest.raises(CellRefused, match="is a sign: write the value itself, or leave the cell empty"):
        read_cell(field, sign)


@pytest.mark.parametrize("stroke", ["-", "--", "—", "——", "／", "/", "无"])
def test_a_stroke_or_a_word_for_nothing_is_kept(stroke: str) -> None:
    assert read_cell(CONFIG.fields["note"].model_copy(update={"may_be_empty": True}), stroke) is not None


def test_a_student_number_is_a_text_and_keeps_its_zeros() -> None:
    assert read_number(CONFIG, NUMBERS, "00420013") == "00420013"
    for cell in (420013, 420013.0, "4.2E+05", "TS23 0001", "TS2\x07", "", None, Formula(), "=A1", "x" * 33):
        with pytest.raises(CellRefused):
            read_number(CONFIG, NUMBERS, cell)


@pytest.mark.parametrize("cell", ["ts23000001", "ＴＳ23000001", "\u00a0TS23000001\u200b", "TS23000001\u3000"])
def test_a_student_number_is_folded(cell: str) -> None:
    assert read_number(CONFIG, NUMBERS, cell) == "TS23000001"
    assert read_number(CONFIG, NumberForm(case=LetterCase.LOWER), cell) == "ts23000001"


def test_a_number_must_be_like_the_configured_ones() -> None:
    config, faults = read(number_pattern="T[SB][0-9]{8}")
    assert faults == []
    assert read_number(config, NUMBERS, "ts23000001") == "TS23000001"
    with pytest.raises(CellRefused):
        read_number(config, NUMBERS, "420013")


@pytest.mark.parametrize(
    ("fact", "cell", "message"),
    [
        ("owed", "1,200.00", "write 1200.00 and not 1,200.00"),
        ("owed", "¥1，200", "write 1200.00 and not 1,200.00"),
        ("owed", "￥800", "without ¥ or 元"),
        ("owed", "800元", "without ¥ or 元"),
        ("owed", "-5", "is not an amount in yuan 元 with at most two decimals"),
        ("done_on", 46182, "is a number, not a day: write 2026-06-09"),
        ("done_on", "2026.6.9", "is not a day, as 2026-06-09"),
        ("state", "已审", "is none of 在办、已审核"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_write(fact: str, cell: Cell, message: str) -> None:
    with pytest.raises(CellRefused) as caught:
        read_cell(CONFIG.fields[fact], cell)
    assert caught.value.message.endswith(message)


@pytest.mark.parametrize(
    "heading",
    [
        "学号",
        "*学号",
        "学 号",
        "＊学号*",
        "学号（必填）",
        "学号(必填) ",
        "\ufeff学号",
        "学\u00a0号",
        "学号*（选填）",
    ],
)
def test_a_heading_is_known_with_the_marks_of_forms(heading: str) -> None:
    assert fold_heading(heading) == "学号"


@pytest.mark.parametrize("heading", ["欠费（分）", "欠费(元)", "欠费2", "旧欠费"])
def test_a_heading_that_says_more_is_another_one(heading: str) -> None:
    assert fold_heading(heading) != "欠费"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"no_record": "null"}, "no_record"),
        ({"number_pattern": "("}, "number_pattern"),
        ({"fields": {}}, "fields"),
        ({"number_column": "状态"}, "fields"),
        ({"number_column": "*状 态"}, "fields"),
        ({"complete_days": 30}, "complete_days"),
        ({"fields": {"recorded_by": {"path": "x", "type": "text"}}}, "fields.recorded_by"),
        ({"fields": {"a": {"path": "x.y", "type": "text"}}}, "fields.a.path"),
        ({"fields": {"a": {"path": "$", "type": "text"}}}, "fields.a.path"),
        ({"fields": {"a": {"type": "text"}}}, "fields.a.path"),
        ({"fields": {"a": {"path": "x", "type": "count", "json": "number"}}}, "fields.a.json"),
    ],
)
def test_a_mistake_in_the_configuration_is_named_by_its_key(changes: dict[str, Any], named: str) -> None:
    faults = read(**changes)[1]
    assert any(fault.startswith(f"hall.{named} ") for fault in faults), faults


@pytest.mark.parametrize("pattern", ["[0-9A-Z]{8,12}", r"TS\d{8}", "(?:TS|TB)[0-9]{8}"])
def test_a_pattern_of_capitals_where_the_campus_folds_to_small_letters_is_told(pattern: str) -> None:
    assert list_pattern_faults(pattern, LetterCase.UPPER) == []
    assert list_pattern_faults(pattern, LetterCase.KEPT) == []
    (fault,) = list_pattern_faults(pattern, LetterCase.LOWER)
    assert 'has no letter as [numbers] case = "lower" writes them' in fault


@pytest.mark.parametrize(
    "pattern", ["[0-9]{8}", r"\w\d+", "[0-9A-Za-z]{1,32}", "(?i:ts)[0-9]{8}", "(?i)TS.*"]
)
def test_a_pattern_that_can_match_in_either_case_is_fine(pattern: str) -> None:
    assert list_pattern_faults(pattern, LetterCase.UPPER) == []
    assert list_pattern_faults(pattern, LetterCase.LOWER) == []


def list_pattern_faults(pattern: str, case: LetterCase) -> list[str]:
    faults: list[str] = []
    conventions = Conventions(frozenset(), numbers=NumberForm(case=case))
    read_table(
        DeskConfig,
        SECTION | {"number_pattern": pattern},
        "hall",
        faults,
        {"name": "hall"},
        conventions=conventions,
    )
    return faults


SPELT: dict[str, Any] = {
    "fields": {
        "returned": {"path": "归还", "type": "flag", "values": {"已还": True, "未还": False}},
        "owed": {"path": "欠费", "type": "money", "unit": "yuan", "suffix": "元", "formats": ["thousands"]},
        "books": {"path": "欠书", "type": "count", "zero": ["无"]},
    }
}


@pytest.mark.parametrize(
    ("fact", "cell", "kept", "means"),
    [
        ("returned", "未还", "未还", False),
        ("returned", " 已还 ", "已还", True),
        ("owed", "1,200.50元", "1,200.50元", Decimal("1200.50")),
        ("books", "无", "无", 0),
        ("books", 2, "2", 2),
    ],
)
def test_a_desks_own_spelling_is_kept_as_written_and_read_by_its_keys(
    fact: str, cell: Cell, kept: str, means: object
) -> None:
    config, faults = read(**SPELT)
    assert faults == []
    assert read_cell(config.fields[fact], cell) == kept
    assert read_kept(config.fields[fact], kept) == means


@pytest.mark.parametrize("cell", ["是", True, "还了", None])
def test_a_flag_with_words_of_its_own_has_no_others(cell: Cell) -> None:
    with pytest.raises(CellRefused, match="is empty" if cell is None else "is none of 已还、未还"):
        read_cell(read(**SPELT)[0].fields["returned"], cell)


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"type": "day", "formats": ["YYYYMMDD"]}, "hall.fields.x.formats is not for a desk: its days are kept as YYYY-MM-DD"),
        ({"type": "count", "null": "0"}, "hall.fields.x.null is not for a desk: a cell without a number is a clerk's omission"),
    ],
)  # fmt: skip
def test_what_a_desk_cannot_keep_so_is_told(keys: dict[str, Any], wrong: str) -> None:
    assert read(fields={"x": {"path": "栏", **keys}})[1] == [wrong]
