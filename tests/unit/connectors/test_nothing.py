"""Values that stand for nothing, and days that cannot have been, settle nothing, whatever connector brings them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine

from app.config_model import read
from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.desk import read_kept
from app.connectors.fields import JsonField
from app.connectors.sql.rows import Found, read_rows
from app.domain.clearance import Status
from app.domain.conventions import USUAL, Conventions
from app.domain.rules import AllPresent
from tests.fixtures.connectors import read_config
from tests.unit.connectors.answers import dormitory
from tests.unit.connectors.demo import demo_configs

DORMITORY = demo_configs()["dormitory"].fields
RULE = AllPresent(facts=("checkout_date", "checkout_by"))
SENTINEL_DAYS = ("9999-12-31", "1900-01-01", "0001-01-01", "1899-12-30", "0000-00-00", "1970-01-01")
ODD_DAYS = ("1999-12-31", "2026-06-11", "2035-01-01", "2099-12-31")
SHANGHAI = replace(USUAL, zone=ZoneInfo("Asia/Shanghai"))
NO_RULES = Conventions(frozenset(), first_day=date.min)
"""No text stands for nothing, no day is too early: the negative control's."""


def configure(conventions: Conventions = SHANGHAI, **keys: Any) -> JsonField:
    faults: list[str] = []
    field = read(JsonField, {"path": "x", **keys}, "x", faults, conventions=conventions)
    assert faults == []
    return field


def fault_of(field: JsonField, value: Any) -> FailureCode:
    with pytest.raises(UntrustedAnswer) as caught:
        field.read({"x": value})
    return caught.value.fault


def judge(day: str | None, clerk: str | None, fields: Any = DORMITORY) -> Status | FailureCode:
    row = dormitory(day, clerk)["record"]
    try:
        return RULE.judge(({name: field.read(row) for name, field in fields.items()},)).status
    except UntrustedAnswer as error:
        return error.fault


@pytest.mark.parametrize("day", SENTINEL_DAYS)
def test_a_day_that_stands_for_never_is_outstanding_where_a_day_may_be_missing(day: str) -> None:
    assert judge(day, "王建国") is Status.OUTSTANDING


@pytest.mark.parametrize(
    "clerk",
    [
        "未办理", "无", "-", "0", "null", "N/A", "（暂无）", "未 办 理", "未-办理", "N.A.", "NULL NULL", "\u3164", "未退宿", "待确认",
        "尚未退宿", "还没办", "不适用", "否", "無", "沒有", "no", "No data", "x", "请填写",
    ],
)  # fmt: skip
def test_a_clerk_whose_name_stands_for_nothing_is_outstanding(clerk: str) -> None:
    assert judge("2026-06-10", clerk) is Status.OUTSTANDING


@pytest.mark.parametrize(
    "clerk",
    [
        "王建国", "娜", "买买提·艾力", "买买提•艾力", "买买提‧艾力", "买买提・艾力", "阿卜杜拉．买买提", "王建国（代）", "（代）王建国", "王建国(竹园)",
        "王建国、李四", "王建国,李四", "王建国/李四", "O'Brien", "O’Brien", "Jean-Luc", "A.B. Smith", "Nâzım", "Nguyễn Văn Đức", "नाम", "राम",
        "ནོར་བུ", "ئەخمەت", "ᠪᠠᠲᠤ", "王建国2", "张三01", "00420015", "竹园2号楼管理员", "2号楼", "陈_伟", "𠮷田", "䶮", "李〇", "\ue863王",
    ],
)  # fmt: skip
def test_a_clerk_of_any_name_or_number_has_checked_a_student_out(clerk: str) -> None:
    assert judge("2026-06-10", clerk) is Status.CLEARED


@pytest.mark.parametrize(
    "clerk", ["00", "000000", "-1", "1e-9", "0x0", "0.00元", "2026-06-10", "#1", "#REF!", "?", "(1)"]
)
def test_a_text_with_neither_a_name_nor_a_number_is_no_clerk(clerk: str) -> None:
    assert judge("2026-06-10", clerk) in (Status.OUTSTANDING, FailureCode.MALFORMED_TEXT)


def test_without_the_pattern_such_a_text_would_be_a_clerk() -> None:
    """The control."""
    bare = DORMITORY | {"checkout_by": DORMITORY["checkout_by"].model_copy(update={"pattern": ".*"})}
    assert judge("2026-06-10", "0x0", bare) is Status.CLEARED


def test_without_the_conventions_the_same_days_and_names_would_pass() -> None:
    """The negative control. The clock is far ahead, so that no day is still to come."""
    bare = {
        name: field.model_copy(update={"conventions": NO_RULES, "pattern": ".*", "may_be_empty": False})
        for name, field in DORMITORY.items()
    }
    with time_machine.travel("9999-12-31 12:00:00+00:00"):
        passing = [judge(day, "0", bare) for day in SENTINEL_DAYS if day != "0000-00-00"]
    assert set(passing) == {Status.CLEARED}


@pytest.mark.parametrize("day", ODD_DAYS)
@time_machine.travel("2026-06-10 12:00:00+08:00")
def test_any_other_day_that_cannot_have_been_is_unavailable(day: str) -> None:
    for may_be_empty in (True, False):
        assert fault_of(configure(type="day", empty=may_be_empty), day) is FailureCode.DAY_OUT_OF_BOUNDS


@pytest.mark.parametrize("day", SENTINEL_DAYS[:-1])
def test_a_sentinel_is_refused_where_a_day_must_be_there(day: str) -> None:
    assert fault_of(configure(type="day", may_be_future=True, not_before="0001-01-01"), day) in (
        FailureCode.DAY_OUT_OF_BOUNDS,
        FailureCode.MALFORMED_DAY,
    )


def test_today_is_a_day_and_tomorrow_is_none_by_the_campuss_clock() -> None:
    field = configure(type="day")
    with time_machine.travel("2026-06-10 15:59:00+00:00"):
        assert field.read({"x": "2026-06-10"}) == date(2026, 6, 10)
        assert fault_of(field, "2026-06-11") is FailureCode.DAY_OUT_OF_BOUNDS
    with time_machine.travel("2026-06-10 16:00:00+00:00"):
        assert field.read({"x": "2026-06-11"}) == date(2026, 6, 11)


def test_a_field_may_have_other_bounds() -> None:
    born = configure(type="day", not_before="1930-01-01")
    assert born.read({"x": "1999-12-31"}) == date(1999, 12, 31)
    assert fault_of(born, "1929-12-31") is FailureCode.DAY_OUT_OF_BOUNDS
    until = configure(type="day", may_be_future=True)
    assert until.read({"x": "2099-06-30"}) == date(2099, 6, 30)


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"type": "day", "not_before": "2000-02-30"}, "not_before"),
        ({"type": "day", "not_before": "2000"}, "not_before"),
        ({"type": "day", "not_before": "9999-01-01"}, "not_before"),
        ({"type": "day", "may_be_future": "often"}, "may_be_future"),
        ({"type": "text", "not_before": "2000-01-01"}, "not_before"),
        ({"type": "count", "may_be_future": True}, "may_be_future"),
        ({"type": "text", "values": {"已审核": "yes", "已审核 ": "no"}}, "values"),
    ],
)
def test_bounds_that_mean_nothing_are_told(keys: dict[str, Any], named: str) -> None:
    faults: list[str] = []
    read(JsonField, {"path": "x", **keys}, "x", faults)
    assert len([fault for fault in faults if fault.startswith(f"x.{named} ")]) == 1, faults


def test_what_is_known_is_known_even_if_it_would_stand_for_nothing() -> None:
    state = configure(type="text", known=["未办理", "已办理"], empty=True)
    assert state.read({"x": "未办理 "}) == "未办理"
    assert state.read({"x": "暂无"}) is None
    assert state.read({"x": "9999-12-31"}) is None
    card = configure(type="text", values={"0": "active", "1": "cancelled"})
    assert card.read({"x": "0"}) == "active"
    assert fault_of(card, "-") is FailureCode.UNKNOWN_VALUE


def test_a_date_column_obeys_the_same_bounds() -> None:
    fields = {"left": {"path": "v", "type": "day", "empty": True}}
    section = {
        "kind": "sql",
        "url": "sqlite:////srv/none.sqlite3",
        "statement": "SELECT :student_number",
        "number_column": "xh",
        "rows": "one",
        "no_record": "never",
        "freshness_column": "at",
        "fresh_for_minutes": 60,
        "fields": fields,
    }
    config = read_config(section, conventions=SHANGHAI)

    def read(value: object) -> object:
        return read_rows(config, Found(("xh", "v"), (("TS1", value),), None), "TS1")[0]["left"]

    for day in (date(9999, 12, 31), datetime(1899, 12, 30), date(1, 1, 1), "1900-01-01"):  # noqa: DTZ001
        assert read(day) is None
    for day in (date(2099, 1, 1), datetime(1999, 1, 1)):  # noqa: DTZ001 - a column of Oracle's
        with pytest.raises(UntrustedAnswer, match=FailureCode.DAY_OUT_OF_BOUNDS):
            read(day)


def test_what_a_desk_keeps_obeys_the_same_bounds() -> None:
    field = configure(type="day", empty=True)
    assert read_kept(field, "9999-12-31") is None
    with pytest.raises(UntrustedAnswer, match=FailureCode.DAY_OUT_OF_BOUNDS):
        read_kept(field, "2099-01-01")
